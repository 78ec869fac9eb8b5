"""What may be said about a claim: each rule, and which of two goes first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from kernel.clock import FixedClock
from kernel.identity import Identity, IdentityKind
from schemas.catalogue import Catalogue, load_catalogue
from schemas.claim import Claim
from verifier.evaluate import Verdict, evaluate
from verifier.outcome import Outcome, Reason

NOW = FixedClock.on(date(2026, 11, 24)).now()
PERSON = "331081194001010010"
WORDS = {"CONFIRMED", "NOT_CONFIRMED", "NO_RECORD"}


@dataclass(frozen=True)
class Held:
    """What a dataset holds about the subject."""

    rows: Sequence[Any] = ()
    tainted: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A snapshot in force, sound unless said otherwise."""

    dataset: str
    data_as_of: datetime = NOW
    absence_allowed: bool = True
    version: str = "20261124T000000Z-000000"
    manifest_digest: bytes = b"\x00" * 32


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@dataclass(frozen=True)
class Asking:
    """One claim asked about rows written here."""

    catalogue: Catalogue
    claim: Claim

    def rows(self, dataset: str, *records: Mapping[str, object]) -> tuple[Any, ...]:
        row = self.catalogue.contracts[dataset].row
        return tuple(row.parse(row.to_bytes(record)) for record in records)

    def said(self, held: Mapping[str, Held], ask: Mapping[str, Any] | None = None, **state: Any) -> str:
        """The outcome, or the reason why there is none."""
        snapshots = {each: Snapshot(dataset=each, **state) for each in held}
        return plain(evaluate(self.claim, held, ask or {}, snapshots=snapshots, now=NOW))


def plain(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.CANNOT_VERIFY:
        assert verdict.reason is not Reason.NONE
        return verdict.reason.name
    assert verdict.reason is Reason.NONE
    return verdict.outcome.name


def asking(catalogue: Catalogue, claim: str, **changes: Any) -> Asking:
    return Asking(catalogue, replace(catalogue.claims[claim], **changes))


PRESENT = {"person_id": PERSON, "name": "某某", "status": "户籍", "birth_date": date(1940, 1, 1)}
MARRIED, DIVORCED = {"status": "已婚", "husband_id": PERSON}, {"status": "离婚", "husband_id": PERSON}


def test_a_dataset_without_a_snapshot_is_unavailable(catalogue: Catalogue) -> None:
    assert asking(catalogue, "person.alive").said({}) == "SOURCE_UNAVAILABLE"


def test_one_of_two_datasets_missing_is_unavailable(catalogue: Catalogue) -> None:
    local = asking(catalogue, "person.local_or_insured")
    held = {"population": Held(local.rows("population", PRESENT))}
    assert local.said(held, {"months": 24}) == "SOURCE_UNAVAILABLE"


def test_data_older_than_the_claim_allows_is_stale_to_the_second(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    held = {"population": Held(alive.rows("population", PRESENT))}
    oldest = NOW - alive.claim.max_age
    assert alive.said(held, data_as_of=oldest) == "CONFIRMED"
    assert alive.said(held, data_as_of=oldest - timedelta(seconds=1)) == "STALE"


def test_data_exactly_as_old_as_the_claim_allows_is_not_stale_and_a_microsecond_older_is(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    held = {"population": Held(alive.rows("population", PRESENT))}
    oldest = NOW - alive.claim.max_age
    assert alive.said(held, data_as_of=oldest - timedelta(microseconds=1)) == "STALE"
    assert alive.said({"population": Held()}, data_as_of=oldest - timedelta(microseconds=1)) == "STALE"
    assert alive.said({"population": Held()}, data_as_of=oldest) == "NO_RECORD"


def test_the_oldest_of_two_datasets_decides_by_the_claims_own_limit(catalogue: Catalogue) -> None:
    local = asking(catalogue, "person.local_or_insured")
    held = {"population": Held(local.rows("population", PRESENT)), "social_insurance": Held()}
    for stale in held:
        ages = {each: NOW - (local.claim.max_age + timedelta(seconds=1)) * (each == stale) for each in held}
        snapshots = {each: Snapshot(dataset=each, data_as_of=ages[each]) for each in held}
        assert plain(evaluate(local.claim, held, {"months": 24}, snapshots=snapshots, now=NOW)) == "STALE"


def test_a_clock_that_jumps_back_makes_nothing_stale_and_one_that_jumps_ahead_everything(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    held = {"population": Held(alive.rows("population", PRESENT))}
    snapshots = {"population": Snapshot(dataset="population", data_as_of=NOW)}

    def said(now: datetime) -> str:
        return plain(evaluate(alive.claim, held, {}, snapshots=snapshots, now=now))

    assert said(NOW - timedelta(days=400)) == "CONFIRMED"
    assert said(NOW + timedelta(days=400)) == "STALE"


def test_a_tainted_subject_gets_no_answer_whatever_the_rows_say(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    rows = alive.rows("population", PRESENT)
    assert alive.said({"population": Held(rows, tainted=True)}) == "QUALITY"
    assert alive.said({"population": Held((), tainted=True)}) == "QUALITY"


def test_two_rows_where_a_registry_has_one_are_ambiguous(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    assert alive.said({"population": Held(alive.rows("population", PRESENT, PRESENT))}) == "AMBIGUOUS"


def test_more_rows_than_a_claim_is_judged_on_are_ambiguous(catalogue: Catalogue) -> None:
    unmarried = asking(catalogue, "marriage.unmarried", rows_max=2)
    two, three = (unmarried.rows("marriages", *[DIVORCED] * count) for count in (2, 3))
    assert unmarried.said({"marriages": Held(two)}) == "CONFIRMED"
    assert unmarried.said({"marriages": Held(three)}) == "AMBIGUOUS"


def test_who_moved_away_is_out_of_coverage(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    gone, dead = ({**PRESENT, "status": each} for each in ("迁出", "死亡"))
    assert alive.said({"population": Held(alive.rows("population", gone))}) == "OUT_OF_COVERAGE"
    assert alive.said({"population": Held(alive.rows("population", dead))}) == "NOT_CONFIRMED"


def test_a_missing_value_is_never_a_no(catalogue: Catalogue) -> None:
    alive, aged = asking(catalogue, "person.alive"), asking(catalogue, "person.age_at_least")
    nothing_known = {"person_id": PERSON}
    assert alive.said({"population": Held(alive.rows("population", nothing_known))}) == "QUALITY"
    assert aged.said({"population": Held(aged.rows("population", nothing_known))}, {"years": 60}) == "QUALITY"


def test_no_row_is_no_record_only_where_the_registry_is_complete(catalogue: Catalogue) -> None:
    alive = asking(catalogue, "person.alive")
    assert alive.said({"population": Held()}) == "NO_RECORD"
    assert alive.said({"population": Held()}, absence_allowed=False) == "QUALITY"
    assert incomplete(alive).said({"population": Held()}) == "OUT_OF_COVERAGE"


def test_an_answer_from_absence_needs_a_complete_registry_that_lost_nothing(catalogue: Catalogue) -> None:
    unmarried = asking(catalogue, "marriage.unmarried")
    for rows in ((), unmarried.rows("marriages", DIVORCED)):
        held = {"marriages": Held(rows)}
        assert unmarried.said(held) == "CONFIRMED"
        assert unmarried.said(held, absence_allowed=False) == "QUALITY"
        assert incomplete(unmarried).said(held) == "OUT_OF_COVERAGE"


def test_a_no_that_rests_on_a_row_needs_no_completeness(catalogue: Catalogue) -> None:
    unmarried = asking(catalogue, "marriage.unmarried")
    held = {"marriages": Held(unmarried.rows("marriages", DIVORCED, MARRIED))}
    assert unmarried.said(held) == "NOT_CONFIRMED"
    assert unmarried.said(held, absence_allowed=False) == "NOT_CONFIRMED"
    assert incomplete(unmarried).said(held) == "NOT_CONFIRMED"


def test_a_no_that_a_lost_row_could_turn_into_a_yes_is_not_given(catalogue: Catalogue) -> None:
    owns = asking(catalogue, "dwelling.owns_this")
    held = {"dwellings": Held(owns.rows("dwellings", {"status": "现势", "certificate_no": "浙0001"}))}
    for number, answer in (("浙0001", "CONFIRMED"), ("浙0002", "NOT_CONFIRMED")):
        ask = {"certificate_no": number}
        assert owns.said(held, ask) == answer
        assert owns.said(held, ask, absence_allowed=False) == ("QUALITY" if answer == "NOT_CONFIRMED" else answer)


def test_a_yes_of_one_registry_needs_nothing_of_the_other(catalogue: Catalogue) -> None:
    local = asking(catalogue, "person.local_or_insured")
    here = local.rows("population", PRESENT)
    away = local.rows("population", {**PRESENT, "status": "居住"})
    assert local.said({"population": Held(here), "social_insurance": Held()}, {"months": 24}) == "CONFIRMED"
    assert local.said({"population": Held(away), "social_insurance": Held()}, {"months": 24}) == "NOT_CONFIRMED"
    lost = {"population": Held(away), "social_insurance": Held()}
    assert local.said(lost, {"months": 24}, absence_allowed=False) == "QUALITY"


def test_ages_are_judged_on_the_citys_day(catalogue: Catalogue) -> None:
    aged = asking(catalogue, "person.age_at_least")
    rows = aged.rows("population", {**PRESENT, "birth_date": date(1966, 11, 25)})
    held, snapshots = {"population": Held(rows)}, {"population": Snapshot(dataset="population")}
    # Midnight in Wenling is 16:00 in UTC of the day before.
    for minutes, answer in ((-1, "NOT_CONFIRMED"), (0, "CONFIRMED")):
        now = datetime(2026, 11, 24, 16, tzinfo=UTC) + timedelta(minutes=minutes)
        assert plain(evaluate(aged.claim, held, {"years": 60}, snapshots=snapshots, now=now)) == answer


@pytest.mark.parametrize("bad", list(product((False, True), repeat=5)))
def test_the_first_rule_that_applies_decides(catalogue: Catalogue, bad: tuple[bool, ...]) -> None:
    """Every combination of five troubles gives the reason that stands first, and none of them an answer."""
    missing, stale, tainted, twice, away = bad
    alive = asking(catalogue, "person.alive")
    record = {**PRESENT, "status": "迁出"} if away else PRESENT
    rows = alive.rows("population", *[record] * (2 if twice else 1))
    held = {} if missing else {"population": Held(rows, tainted=tainted)}
    as_of = NOW - alive.claim.max_age * 2 if stale else NOW
    order = ("SOURCE_UNAVAILABLE", "STALE", "QUALITY", "AMBIGUOUS", "OUT_OF_COVERAGE")
    expected = next((reason for reason, there in zip(order, bad, strict=True) if there), "CONFIRMED")
    assert alive.said(held, data_as_of=as_of) == expected


@pytest.mark.parametrize("claim", sorted(load_catalogue().claims))
def test_no_claim_of_the_city_answers_from_bad_data(catalogue: Catalogue, claim: str) -> None:
    """Invariant: stale, missing or doubtful data never gives an answer, whatever the claim."""
    every = asking(catalogue, claim)
    ask = {each.name: _some(each.type.value) for each in every.claim.parameters}
    empty = {dataset: Held() for dataset in every.claim.datasets}
    tainted = {dataset: Held(tainted=True) for dataset in every.claim.datasets}
    assert every.said({}, ask) == "SOURCE_UNAVAILABLE"
    assert every.said(empty, ask, data_as_of=NOW - every.claim.max_age * 2) == "STALE"
    assert every.said(tainted, ask) == "QUALITY"
    assert every.said(empty, ask, absence_allowed=False) not in WORDS
    assert incomplete(every).said(empty, ask) not in WORDS


def incomplete(asked: Asking) -> Asking:
    """The same claim over contracts that promise no completeness."""
    contracts = {name: replace(each, complete_for="") for name, each in asked.claim.contracts.items()}
    return Asking(asked.catalogue, replace(asked.claim, contracts=contracts))


def _some(kind: str) -> Any:

    return {"integer": 1, "string": "x", "identity": Identity(kind=IdentityKind.RESIDENT, number=PERSON)}[kind]
