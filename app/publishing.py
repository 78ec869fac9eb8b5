"""Publishing in a hub: what the exchange needs for one run of one dataset, from the hub's home."""

from collections.abc import Mapping

from adapters.port import AdapterSettings
from app.hub import Hub
from exchange.job import Job
from kernel.errors import Invalid
from kernel.settings import load
from schemas.catalogue import load_contracts
from schemas.contract import Contract
from schemas.settings import SchemaSettings


def contracts_of(hub: Hub) -> Mapping[str, Contract]:
    """Every contract by its dataset, without the claims over them; raises Faulty."""
    return load_contracts(hub.agreements_root, load(SchemaSettings, "schemas", file=hub.paths.settings))


def publishing_job(hub: Hub, dataset: str, run_id: str, *, force: bool = False, publishes: bool = True) -> Job:
    """The job of a run; raises Invalid where no contract has this id, Faulty where a contract has faults.

    Only the contracts are read, not the claims: who publishes asks nobody anything. `publishes` as in `contract_job`.
    """
    contracts = contracts_of(hub)
    if dataset not in contracts:
        raise Invalid(f"no contract has the id {dataset}", field="dataset", remedy=f"one of {', '.join(contracts)}")
    return contract_job(hub, contracts[dataset], run_id, force=force, publishes=publishes)


def contract_job(hub: Hub, contract: Contract, run_id: str, *, force: bool = False, publishes: bool = True) -> Job:
    """The job of a run, for who has read the contract already.

    Where the run publishes, the contract is kept, so that the snapshot can always be read; a rehearsal keeps nothing.
    """
    if publishes:
        hub.archive.keep_contract(contract, now=hub.clock.now())
    return Job(
        contract=contract,
        delivery_root=hub.paths.deliveries,
        store=hub.paths.exchange,
        keys=hub.index_keys,
        recorder=hub.recorder,
        clock=hub.clock,
        run_id=run_id,
        settings=hub.exchange_settings,
        adapter_settings=load(AdapterSettings, "adapters", file=hub.paths.settings),
        connections=hub.connections,
        force=force,
    )
