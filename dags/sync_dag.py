"""One DAG for each contract of the city: what Airflow reads."""

from pathlib import Path

from app.paths import Paths, home_from_environment
from app.settings import HubSettings
from dags.factory import sync_dag
from dags.settings import DagSettings
from kernel.settings import load
from schemas.catalogue import load_contracts

_FILE = Paths(home=home_from_environment()).settings
_SETTINGS = load(DagSettings, "dags", file=_FILE)
_AGREEMENTS = load(HubSettings, "hub", file=_FILE).agreements

for _contract in load_contracts(Path(_AGREEMENTS) if _AGREEMENTS else None).values():
    # Airflow finds DAGs among a module's global names.
    globals()[f"sync_{_contract.id}"] = sync_dag(_contract, _SETTINGS)
