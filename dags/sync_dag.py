"""Two DAGs for each contract of the city, one that syncs and one that decides what is held: what Airflow reads."""

from app.paths import Paths, home_from_environment
from app.settings import HubSettings
from dags.decision import decision_dag
from dags.factory import step_defaults, sync_dag
from dags.settings import DagSettings
from kernel.settings import load
from schemas.catalogue import load_contracts
from schemas.settings import SchemaSettings

_PATHS = Paths(home=home_from_environment())
_FILE = _PATHS.settings
_SETTINGS = load(DagSettings, "dags", file=_FILE)
_ROOT = _PATHS.agreed(load(HubSettings, "hub", file=_FILE).agreements)

for _contract in load_contracts(_ROOT, load(SchemaSettings, "schemas", file=_FILE)).values():
    # Airflow finds DAGs among a module's global names.
    globals()[f"sync_{_contract.id}"] = sync_dag(_contract, _SETTINGS)
    globals()[f"held_{_contract.id}"] = decision_dag(_contract, _SETTINGS, step_defaults(_SETTINGS))
