"""A hub of the benches' own: its home, the sample city's deliveries, and people to ask about."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.home import make_home
from app.hub import Hub, open_hub
from audit.logs import DESK
from benchmarks.harness import Setting
from benchmarks.large import people
from exchange.job import Job
from exchange.publish import Published, publish
from samples.city import load
from samples.deliveries import deliver_city
from schemas.catalogue import ROOT
from verifier.client import AskedParty

SEED = 1
ITEM = "five_claims"
CLIENT = "bench-01"
SWOLLEN = "social_insurance"
"""The dataset that can be made larger than the city is."""
DATASETS = ("fund_accounts", "dwellings", "social_insurance")
AGREEMENTS = Path(__file__).parent / "agreements"
KINDS = ("datasets", "claims", "items", "grants", "clients")


class NotPublished(Exception):
    """A delivery was held back: nothing can be measured with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A hub whose deliveries have come. Nothing is published yet."""

    hub: Hub

    @classmethod
    def made(cls, setting: Setting) -> "City":
        """The city of this run; made when it is first asked for, below the run's folder."""
        home = setting.work / "hub"
        if not home.exists():
            with setting.report.doing(f"making a city of {setting.scale.residents:,} residents"):
                _make(home, setting.scale.residents)
        return cls(hub=open_hub(home))

    def publish(self, dataset: str, run_id: str) -> Published:
        """Publish a dataset's delivery, whether it is in force already or not; raises NotPublished where it is held."""
        found = publish(self.job(dataset, run_id))
        if not isinstance(found, Published):
            raise NotPublished(f"{dataset} was held back: {', '.join(found.reasons)}")
        return found

    def job(self, dataset: str, run_id: str) -> Job:
        """A run that publishes a dataset's delivery, whether it is in force already or not."""
        hub = self.hub
        return Job(
            contract=hub.catalogue.contracts[dataset],
            delivery_root=hub.paths.deliveries,
            store=hub.paths.exchange,
            keys=hub.index_keys,
            recorder=hub.recorder,
            clock=hub.clock,
            run_id=run_id,
            settings=hub.exchange_settings,
            force=True,
        )

    def publish_missing(self, setting: Setting) -> None:
        """Publish whatever is not in force yet."""
        for dataset in self.hub.exchange.refresh():
            with setting.report.doing(f"publishing {dataset}"):
                self.publish(dataset, "bench-0")

    def applicants(self, count: int) -> tuple[AskedParty, ...]:
        """So many people with a fund account and a pension insurance, so that look-ups find rows, in a fixed order."""
        found = tuple(islice(self._applicants(), count))
        if len(found) < count:
            raise ValueError(f"the city has {len(found)} people to ask about and {count} are needed: make it larger")
        return found

    def swell(self, rows: int) -> None:
        """Add so many people, who live nowhere else, to the delivery of a dataset that every question reads."""
        import duckdb  # noqa: PLC0415 - only here

        contract = self.hub.catalogue.contracts[SWOLLEN]
        path = self.hub.paths.deliveries / contract.server.path
        more = path.with_name("more.jsonl")
        columns = (
            "'S' || row_number() over () as 记录编号, 证件号码, 姓名, '养老' as 险种, '正常' as 参保状态, "
            "120 as 累计缴费月数, '2026-10' as 最近缴费月"
        )
        with duckdb.connect() as connection:
            connection.execute(f"copy (select {columns} from ({people(rows)})) to '{more}' (format json)")  # noqa: S608 (ours)
        with path.open("ab") as target, more.open("rb") as source:
            shutil.copyfileobj(source, target)
        more.unlink()

    def _applicants(self) -> Iterator[AskedParty]:
        world = load(self.hub.paths.deliveries)
        insured = {each.person for each in world.insurances if each.scheme == "养老"}
        for key in sorted({each.person for each in world.accounts} & insured):
            person = world.people[key]
            yield AskedParty(role="applicant", number=person.number, name=person.name)


def _make(home: Path, residents: int) -> None:
    beginning = home.with_name("making")
    agreements = beginning / "agreements"
    for kind in KINDS:
        shutil.copytree(ROOT / kind, agreements / kind)
    shutil.copytree(AGREEMENTS, agreements, dirs_exist_ok=True)
    # The path is the one that the folder will have.
    (beginning / "hub.toml").write_text(f'[hub]\nagreements = "{home / "agreements"}"\n', "utf-8")
    beginning.rename(home)
    hub = open_hub(home)
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now())
    hub.logs.shared(DESK)
    deliver_city(hub.paths.deliveries, residents=residents, seed=SEED, today=hub.clock.today())
