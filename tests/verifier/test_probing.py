"""An attacker who guesses: with many cases, clients, workers, processes, restarts and days, always at most so often."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import SHANGHAI, FixedClock
from kernel.errors import TooManyGuesses, Unavailable
from kernel.identity import parse_person
from samples.handmade import number_of
from samples.world import Sex
from schemas.archive import FOLDERS
from schemas.catalogue import ROOT, Catalogue, load_catalogue
from schemas.item import Item
from verifier.client import AskedParty
from verifier.guesses import Guess, Guesses
from verifier.materials import Plans
from verifier.probing import guesses_of, is_dated

OPERATOR = {"operator": "0731", "legal_basis": "《不动产登记暂行条例》"}
MOST, WINDOW = 10, timedelta(days=30)
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
DEVICES = ("counter-hall-01", "counter-daxi-01")
HOME = "property_registration"
ALLOWANCE = "senior_allowance"


def candidates(count: int) -> Iterator[str]:
    """Numbers of people who may or may not exist."""
    for at in range(count):
        yield number_of(date(1980, 1 + at // 28, 1 + at % 28), Sex.FEMALE, 3)


class Attacker:
    """Opens case after case through every client and worker there is; now and then the workers are restarted."""

    def __init__(self, new_station: Callable[..., Any], clock: FixedClock, **parts: Any) -> None:
        self._new_station, self._parts, self.clock = new_station, parts, clock
        self._stations: list[Any] = []
        self.tried = 0

    def tries(self, item: str, parties: tuple[AskedParty, ...], **inputs: Any) -> bool:
        """Whether a case was opened, and answered in."""
        if self.tried % 7 == 0:
            for each in self._stations:
                each.stop()
            self._stations = [self._new_station(number=at, clock=self.clock, **self._parts) for at in range(2)]
        station = self._stations[self.tried % 2]
        client = station.client(DEVICES[self.tried // 2 % 2])
        self.tried += 1
        refusal = None
        try:
            case = client.open_case(item, parties, **OPERATOR, **inputs)
        except TooManyGuesses as error:
            refusal = error
        if refusal is None:
            client.verify_item(case)
            return True
        kind, detail = station.last()
        assert (kind, detail.refusal) == ("REFUSED", "too_many_guesses")
        assert tuple(detail.refused_claims) == refusal.claims
        assert not any(each.number in str(refusal) for each in parties)
        return False


def noon() -> FixedClock:
    today = datetime.now(SHANGHAI).replace(hour=12, minute=0, second=0, microsecond=0)
    return FixedClock(instant=today)


def test_a_spouse_is_not_found_by_trying_numbers(new_station: Any, town: Any) -> None:
    attacker = Attacker(new_station, noon())
    buyer = AskedParty(role="applicant", number=town.people.buyer.number)
    answered = [attacker.tries(HOME, (buyer, AskedParty(role="spouse", number=each))) for each in candidates(20)]
    assert answered == [True] * MOST + [False] * (20 - MOST)


def test_nor_by_trying_who_is_married_to_a_known_person(new_station: Any, town: Any) -> None:
    attacker = Attacker(new_station, noon())
    spouse = AskedParty(role="spouse", number=town.people.buyer_spouse.number)
    answered = [attacker.tries(HOME, (AskedParty(role="applicant", number=each), spouse)) for each in candidates(20)]
    assert answered == [True] * MOST + [False] * (20 - MOST)


def test_nor_is_an_owner_found_by_trying_people_for_a_certificate(new_station: Any, town: Any) -> None:
    attacker = Attacker(new_station, noon())
    inputs = {"certificate_no": town.people.certificate_no}
    answered = [
        attacker.tries("property_mortgage", (AskedParty(role="applicant", number=each),), inputs=inputs)
        for each in candidates(14)
    ]
    assert answered == [True] * MOST + [False] * (14 - MOST)


def test_a_case_that_is_opened_again_is_no_new_guess_and_others_are_not_in_its_way(new_station: Any, town: Any) -> None:
    attacker = Attacker(new_station, noon())
    people = town.people
    buyer = AskedParty(role="applicant", number=people.buyer.number)
    family = (buyer, AskedParty(role="spouse", number=people.buyer_spouse.number))
    assert all(attacker.tries(HOME, family) for _ in range(6))
    for each in candidates(12):
        attacker.tries(HOME, (buyer, AskedParty(role="spouse", number=each)))
    # The true spouse was counted before: an honest clerk may ask again, and about everybody else.
    assert attacker.tries(HOME, family)
    assert attacker.tries(ALLOWANCE, (AskedParty(role="applicant", number=people.elder.number),))


def test_a_birthday_is_not_found_by_asking_day_after_day(new_station: Any, town: Any) -> None:
    clock = noon()
    attacker = Attacker(new_station, clock)
    elder = (AskedParty(role="applicant", number=town.people.elder.number),)
    answered = []
    for _ in range(45):
        answered.append(attacker.tries(ALLOWANCE, elder))
        clock.advance(timedelta(days=1))
    for begin in range(45 - WINDOW.days):
        assert sum(answered[begin : begin + WINDOW.days]) <= MOST
    assert sum(answered) == 2 * MOST


def many_thresholds(folder: Path) -> Catalogue:
    """Agreements with thirty allowances, each for another age."""
    root = folder / "thresholds"
    for each in FOLDERS:
        shutil.copytree(ROOT / each, root / each)
    text = (root / "items/senior_allowance.yaml").read_text("utf-8")
    clients, grants = root / "clients/counter.yaml", root / "grants/counter.yaml"
    listed, granted = clients.read_text("utf-8"), grants.read_text("utf-8")
    for years in range(60, 90):
        item = f"allowance_{years}"
        made = text.replace("id: senior_allowance", f"id: {item}").replace("years: 80", f"years: {years}")
        (root / f"items/{item}.yaml").write_text(made, "utf-8")
        listed = listed.replace("items:\n", f"items:\n  - {item}\n")
        granted += (
            f"  - {{id: counter.{item}, item: {item}, values: false,"
            " claims: [person.alive, person.registered_here, person.age_at_least]}\n"
        )
    clients.write_text(listed, "utf-8")
    grants.write_text(granted, "utf-8")
    return load_catalogue(root)


def test_an_age_is_not_found_by_asking_for_many_thresholds(new_station: Any, town: Any, tmp_path: Path) -> None:
    catalogue = many_thresholds(tmp_path)
    attacker = Attacker(new_station, noon(), catalogue=catalogue, facts=town.hub.exchange.under(catalogue.readable))
    elder = (AskedParty(role="applicant", number=town.people.elder.number),)
    answered = [attacker.tries(f"allowance_{years}", elder) for years in range(60, 80)]
    assert answered == [True] * MOST + [False] * (20 - MOST)


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Callable[[], Guesses]]:
    made: list[Guesses] = []

    def make() -> Guesses:
        path = tmp_path / "guesses.sqlite"
        made.append(Guesses(path, b"k" * 32, busy_seconds=5.0, most=3, window=WINDOW))
        return made[-1]

    yield make
    for each in made:
        each.end()


def guess(word: str, about: str = "someone") -> Guess:
    return Guess(claim="a.claim", about=("group", "registry", "person", about), guess=(about, word))


def test_the_window_moves_on_and_a_restart_changes_nothing(new: Callable[[], Guesses]) -> None:
    for day, word in enumerate("abc"):
        assert new().admit([guess(word)], NOW + timedelta(days=day)) == ()
    assert new().admit([guess("d")], NOW + timedelta(days=29)) == ("a.claim",)
    assert new().admit([guess("d")], NOW + timedelta(days=30)) == ()
    assert new().admit([guess("e")], NOW + timedelta(days=30)) == ("a.claim",)
    # A clock that is set back gives nothing.
    assert new().admit([guess("e")], NOW - timedelta(days=300)) == ("a.claim",)


def test_a_case_is_counted_whole_or_not_at_all(new: Callable[[], Guesses]) -> None:
    guesses = new()
    assert guesses.admit([guess("a"), guess("b"), guess("a", "other")], NOW) == ()
    assert guesses.admit([guess("b", "other"), guess("c"), guess("d")], NOW) == ("a.claim",)
    assert guesses.count(guess("x").about, NOW) == 2
    assert guesses.count(guess("x", "other").about, NOW) == 1


def test_lifting_and_forgetting(new: Callable[[], Guesses]) -> None:
    guesses = new()
    guesses.admit([guess("a"), guess("b"), guess("c")], NOW)
    assert guesses.lift([guess("x").about]) == 3
    assert guesses.admit([guess("d")], NOW) == ()
    guesses.forget(NOW + WINDOW)
    assert guesses.lift([guess("x").about]) == 0


HAMMER = """
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from verifier.guesses import Guess, Guesses
guesses = Guesses(Path(sys.argv[1]), b"k" * 32, busy_seconds=30.0, most=3, window=timedelta(days=30))
now = datetime(2026, 11, 24, 4, tzinfo=UTC)
admitted = 0
for each in range(20):
    about = ("group", "registry", "person", "someone")
    admitted += not guesses.admit([Guess(claim="c", about=about, guess=(sys.argv[2], str(each)))], now)
print(admitted)
"""


def test_processes_that_guess_at_once_share_one_count(new: Callable[[], Guesses], tmp_path: Path) -> None:
    new()
    command = [sys.executable, "-c", HAMMER, str(tmp_path / "guesses.sqlite")]
    running = [subprocess.Popen([*command, str(each)], stdout=subprocess.PIPE, text=True) for each in range(4)]
    assert sum(int(each.communicate(timeout=60)[0]) for each in running) == 3


def test_what_cannot_be_counted_is_not_admitted(new: Callable[[], Guesses], tmp_path: Path) -> None:
    guesses = new()
    (tmp_path / "guesses.sqlite").unlink()
    with pytest.raises(Unavailable):
        guesses.admit([guess("a")], NOW)


def test_the_file_tells_nothing_about_anybody(new: Callable[[], Guesses], tmp_path: Path) -> None:
    new().admit([guess("331081194001010010", "33108119900101001X")], NOW)
    raw = b"".join(each.read_bytes() for each in tmp_path.glob("guesses.sqlite*"))
    assert b"3310811940" not in raw
    assert (tmp_path / "guesses.sqlite").stat().st_mode & 0o777 == 0o600


def test_which_claims_are_guesses() -> None:
    catalogue = load_catalogue()
    dated = {each.id for each in catalogue.claims.values() if is_dated(each)}
    assert dated == {"person.age_at_least", "person.marriage_age", "person.resident_years"}
    everybody = {each: parse_person(number) for each, number in zip(_roles(catalogue), candidates(20), strict=False)}
    found: dict[str, set[str]] = {}
    for item in catalogue.items.values():
        for claim, kinds in _kinds(catalogue, item, everybody):
            found.setdefault(claim, set()).update(kinds)
    assert {claim for claim, kinds in found.items() if not kinds} == {
        *("person.alive", "person.resident_here", "person.registered_here", "dwelling.owns_none"),
        *("marriage.unmarried", "fund.account_active", "medical.insured_now"),
    }
    assert {claim for claim, kinds in found.items() if "value" in kinds} == {
        *("dwelling.owns_this", "dwelling.sole_owner", "dwelling.free_of_mortgage"),
    }


def _roles(catalogue: Catalogue) -> list[str]:
    return list(dict.fromkeys(role for item in catalogue.items.values() for role in item.roles))


def _kinds(catalogue: Catalogue, item: Item, people: Any) -> Iterator[tuple[str, set[str]]]:
    inputs = dict.fromkeys(item.inputs, "浙0001")
    for asked in Plans(catalogue).whole(item, item.roles, inputs).asked:
        guesses = guesses_of("group", asked, people, inputs, ("2026-11-24",))
        yield asked.claim.id, {each.about[2] for each in guesses}


def test_every_number_of_a_person_is_the_same_person(new_station: Any, town: Any) -> None:
    known = parse_person(town.people.buyer.number)

    class Linked:
        """Registries in which every candidate is a former number of the buyer."""

        def pin(self, datasets: Any) -> Any:
            pinned = town.hub.exchange.pin(datasets)
            pinned.linked = lambda identity: (known, identity)
            return pinned

    station = new_station()
    agreements = station.verifier.desk.agreements
    agreements.replace(replace(agreements.current, facts=Linked()))
    client = station.client()
    inputs = {"certificate_no": "浙0001"}
    for at, each in enumerate(candidates(12)):
        party = (AskedParty(role="applicant", number=each),)
        inputs = {"certificate_no": f"浙{at:04d}"}
        if at < MOST:
            client.open_case("property_mortgage", party, inputs=inputs, **OPERATOR)
        else:
            with pytest.raises(TooManyGuesses):
                client.open_case("property_mortgage", party, inputs=inputs, **OPERATOR)
