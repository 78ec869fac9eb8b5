"""One DAG for each contract of the city: what Airflow reads."""

from app.paths import Paths, home_from_environment
from dags.factory import sync_dag
from dags.settings import DagSettings
from kernel.settings import load
from schemas.catalogue import load_contracts

_SETTINGS = load(DagSettings, "dags", file=Paths(home=home_from_environment()).settings)

for _contract in load_contracts().values():
    # Airflow finds DAGs among a module's global names.
    globals()[f"sync_{_contract.id}"] = sync_dag(_contract, _SETTINGS)
