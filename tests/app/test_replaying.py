"""An old statement is computed again: from the snapshots, claims and day that it names, whatever is in force since."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.home import make_home
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from app.replaying import replay
from app.verification import verifier_worker
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from audit.logs import DESK
from audit.record import Record
from cli.main import app as mianzheng
from exchange.layout import DATA, INDEX, Layout
from exchange.publish import Published, publish
from exchange.retire import retire
from kernel.clock import FixedClock
from kernel.errors import Damaged, MianzhengError
from kernel.signing import SigningKey
from schemas.catalogue import ROOT
from schemas.wire.v1 import audit_pb2, statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from tests.exchange.registry import TODAY, Registry, alias, marriage, number, person, resident
from tests.exchange.registry import Record as Row
from verifier.evidence import Evidence, FalseEvidence
from verifier.outcome import Outcome, Reason
from verifier.peer import Peer
from verifier.replay import Sameness, worst
from verifier.statement import parse_statement, sign

COUNTER = Peer(id="spiffe://wenling.mianzheng.example/counter/counter-hall-01")
UNMARRIED = "claims/marriage.unmarried.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A hub on a day, with an answer that it gave the day before."""

    home: Path
    evidence: Evidence

    @property
    def hub(self) -> Hub:
        """The hub as a new process opens it, a day later."""
        return at_work(self.home, days=1)

    def layout(self, dataset: str) -> Layout:
        return Layout.of(self.home / "exchange", dataset)

    @property
    def first(self) -> str:
        """The version of the marriages that the old answer names."""
        answers = parse_statement(self.evidence.statement).answers
        return next(ref.version for answer in answers for ref in answer.snapshots if ref.dataset == "marriages")


def at_work(home: Path, *, days: int = 0) -> Hub:
    return open_hub(home, FixedClock(instant=FixedClock.on(TODAY).instant + timedelta(days=days)))


def at_work_in(home: Path, city: Path) -> Hub:
    """The hub a day later, under the agreements in a folder."""
    settings = home / "hub.toml"
    lines = [line for line in settings.read_text("utf-8").splitlines() if not line.startswith("agreements")]
    settings.write_text("\n".join([*lines, f'agreements = "{city}"']) + "\n", "utf-8")
    return at_work(home, days=1)


def put_in_force(hub: Hub, dataset: str, rows: Sequence[Row]) -> None:
    registry = Registry(hub.paths.home, clock=hub.clock)  # type: ignore[arg-type]
    registry.deliver(dataset, rows, as_of=(hub.clock.now() - timedelta(hours=8)).isoformat())
    assert isinstance(publish(publishing_job(hub, dataset, f"run-{hub.clock.now():%d}")), Published)


def ask(hub: Hub, *, name: str = "") -> Evidence:
    """What marriage registration needs of the first two residents."""
    parties = [wire.Party(role=role, number=number(place)) for role, place in (("applicant", 1), ("partner", 2))]
    opening = wire.OpenCaseRequest(
        item="marriage_registration",
        parties=parties,
        operator="张三",
        legal_basis="《婚姻登记条例》",
        presence=statement_pb2.PRESENCE_CARD_READ,
        nonce=b"n" * 16,
    )
    opening.parties[0].name = name

    def asked() -> Evidence:
        with verifier_worker(hub, 0) as verifier:
            case = verifier.open_case(COUNTER, opening.SerializeToString())
            question = wire.VerifyItemRequest(
                case_number=case.case_number, case_token=case.case_token, parties=parties, nonce=b"m" * 16
            ).SerializeToString()
            return Evidence.of(question, (verifier.verify_item(COUNTER, question)).signed)

    return asked()


def outcome(evidence: Evidence, role: str) -> Outcome:
    answers = parse_statement(evidence.statement).answers
    (found,) = [each for each in answers if each.role == role and each.claim == "marriage.unmarried"]
    return Outcome(found.outcome)


@pytest.fixture(scope="module")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One day the first resident was unmarried. The next day he is not, and the claim is another version."""
    home = tmp_path_factory.mktemp("home")
    hub = at_work(home)
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now() - timedelta(days=1))
    shutil.copytree(ROOT, home / "city", ignore=shutil.ignore_patterns("*.py", "wire", "__pycache__", "*.md"))
    with hub.paths.settings.open("a", encoding="utf-8") as file:
        file.write(f'agreements = "{home / "city"}"\n')
    hub = at_work(home)
    put_in_force(hub, "person_aliases", [alias(1, number(90), number(91))])
    put_in_force(hub, "population", [resident(place) for place in range(10)])
    put_in_force(hub, "marriages", [marriage(1, 5, 6)])
    evidence = ask(hub, name="测试一")
    hub = at_work(home, days=1)
    put_in_force(hub, "person_aliases", [alias(1, number(90), number(91)), alias(2, number(2), number(3))])
    put_in_force(hub, "marriages", [marriage(1, 5, 6), marriage(2, 1, 3, updated_at="2026-11-24T20:00:00+08:00")])
    claim = home / "city" / UNMARRIED
    text = claim.read_text("utf-8").replace("version: 1", "version: 2").replace("== '已婚'", "in ['已婚', '丧偶']")
    claim.write_text(text, "utf-8")
    return Town(home=home, evidence=evidence)


@pytest.fixture
def town(_lived: Town, tmp_path: Path) -> Town:
    """The same, to be spoilt."""
    shutil.copytree(_lived.home, tmp_path / "home")
    return replace(_lived, home=tmp_path / "home")


def views(hub: Hub) -> list[audit_pb2.Detail]:
    """Who looked, as the shared log has it."""
    found = []
    with hub.logs.place(DESK).journal.open("rb") as file:
        for frame in read_frames(file, hub.logs.place(DESK).origin):
            for record in frame.records:
                entry, key = Entry.parse(record.entry), hub.detail_keys.get(sealing_key_id(record.sealed))
                if entry.kind == audit_pb2.ENTRY_KIND_VIEWED and key is not None:
                    found.append(open_detail(record.sealed, key, entry.detail_digest))
    return found


def test_an_old_answer_comes_out_the_same_although_everything_has_changed_since(town: Town) -> None:
    hub = town.hub
    assert hub.catalogue.claims["marriage.unmarried"].version == 2
    replayed = replay(hub, town.evidence, by="李四", reason="复核")
    assert [each.sameness for each in replayed.answers] == [Sameness.SAME] * 5
    assert {each.outcome for each in replayed.answers} == {Outcome.CONFIRMED}
    # What is in force now says otherwise: the replay did not look at it.
    assert outcome(ask(hub), "applicant") is Outcome.NOT_CONFIRMED


def test_a_replay_is_recorded_among_the_cases_own_records(town: Town) -> None:
    hub = town.hub
    replay(hub, town.evidence, by="李四", reason="复核")
    (view,) = views(hub)
    statement = parse_statement(town.evidence.statement)
    assert (view.operator, view.case_number, view.attributes["reason"]) == ("李四", statement.case_number, "复核")
    assert view.parties == statement.parties
    assert view.attributes["what"] == "replay"


def test_what_cannot_be_recorded_is_not_computed(town: Town) -> None:
    (town.home / "audit" / DESK).rename(town.home / "audit" / "away")
    with pytest.raises(MianzhengError, match="the root log records it"):
        replay(town.hub, town.evidence, by="李四", reason="")


def test_evidence_that_does_not_hold_is_not_computed_again(town: Town) -> None:
    false = replace(town.evidence, request=town.evidence.request + b"\x0a\x00")
    with pytest.raises(FalseEvidence):
        replay(town.hub, false, by="李四", reason="")
    assert views(town.hub) == []


def test_a_statement_that_says_what_the_data_never_said_differs(town: Town) -> None:
    """Who holds the hub's keys can sign anything; a replay finds it."""
    hub = town.hub
    forged = parse_statement(town.evidence.statement)
    (lied,) = [each for each in forged.answers if each.claim == "marriage.unmarried" and each.role == "partner"]
    lied.outcome = statement_pb2.OUTCOME_NOT_CONFIRMED
    signed = sign(forged.SerializeToString(deterministic=True), SigningKey.read(hub.paths.keys / "answer.key"))
    record = Record(
        kind=audit_pb2.ENTRY_KIND_ANSWERED,
        detail=audit_pb2.Detail(),
        seal=hub.detail_keys.general(),
        statement=signed.statement,
    )
    logged = hub.logs.shared(DESK).append(record)
    evidence = replace(
        town.evidence,
        statement=signed.statement,
        signature=signed.signature,
        entry=logged.entry,
        receipt=logged.receipt,
    )
    replayed = replay(hub, evidence, by="李四", reason="")
    different = [each for each in replayed.answers if each.sameness is Sameness.DIFFERENT]
    assert [(each.given.role, each.parts, each.outcome) for each in different] == [
        ("partner", ("outcome",), Outcome.CONFIRMED)
    ]
    assert worst(replayed.answers) is Sameness.DIFFERENT


def test_a_snapshot_that_was_changed_since_is_refused(town: Town) -> None:
    path = town.layout("marriages").version(town.first) / INDEX
    raw = bytearray(path.read_bytes())
    raw[-40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Damaged, match="marriages"):
        replay(town.hub, town.evidence, by="李四", reason="")


def test_what_was_retired_cannot_be_computed_again_and_says_so(town: Town) -> None:
    layout, hub = town.layout("marriages"), town.hub
    current = json.loads(layout.current.read_bytes())["version"]
    assert current != town.first
    retire(layout, in_force=current, now=hub.clock.now() + timedelta(days=10), days=9)
    replayed = replay(hub, town.evidence, by="李四", reason="")
    by_claim = {(each.given.claim, each.given.role): each for each in replayed.answers}
    lost = by_claim["marriage.unmarried", "applicant"]
    assert lost.sameness is Sameness.CANNOT
    assert lost.why is not None
    assert "retired" in lost.why.en
    assert town.first in lost.why.zh
    # What does not rest on it is computed all the same.
    assert by_claim["person.registered_here", "applicant"].sameness is Sameness.SAME
    assert worst(replayed.answers) is Sameness.CANNOT


def test_without_its_registers_nothing_can_be_computed_again(town: Town) -> None:
    layout = town.layout("person_aliases")
    (ref,) = [r for r in parse_statement(town.evidence.statement).identity_snapshots if r.dataset == "person_aliases"]
    layout.key(ref.version).unlink()
    replayed = replay(town.hub, town.evidence, by="李四", reason="")
    assert {each.sameness for each in replayed.answers} == {Sameness.CANNOT}


def test_without_the_agreements_of_its_time_nothing_can_be_computed_again(town: Town) -> None:
    statement = parse_statement(town.evidence.statement)
    (town.home / "agreements" / "catalogues" / f"{statement.agreements_digest.hex()}.json").unlink()
    replayed = replay(town.hub, town.evidence, by="李四", reason="")
    assert {each.why.en for each in replayed.answers if each.why} == {
        "the agreements of that time are not in the archive"
    }


def test_archived_agreements_that_were_changed_are_refused(town: Town) -> None:
    statement = parse_statement(town.evidence.statement)
    digest = next(each.claim_digest for each in statement.answers if each.claim == "marriage.unmarried")
    path = town.home / "agreements" / "files" / f"{digest.hex()}.yaml"
    path.write_text(path.read_text("utf-8").replace("已婚", "离婚"), "utf-8")
    with pytest.raises(Damaged, match="is not as it was kept"):
        replay(town.hub, town.evidence, by="李四", reason="")


def test_under_another_case_key_the_question_itself_names_the_parties(town: Town) -> None:
    (town.home / "keys" / "case.key").write_text("11" * 32)
    replayed = replay(town.hub, town.evidence, by="李四", reason="")
    assert worst(replayed.answers) is Sameness.SAME


def test_the_command_says_answer_by_answer_what_came_out(town: Town, tmp_path: Path) -> None:
    kept = tmp_path / "old.evidence.json"
    kept.write_bytes(town.evidence.encode())
    words = ["replay", str(kept), "--home", str(town.home), "--by", "李四"]
    shown = CliRunner().invoke(mianzheng, words)
    assert shown.exit_code == 0, shown.output
    assert "结论 · altogether: 相同 · the same" in shown.stdout
    assert number(1) not in shown.stdout
    told = json.loads(CliRunner().invoke(mianzheng, [*words, "--json"]).stdout)
    assert told["result"] == "same"
    assert {each["result"] for each in told["answers"]} == {"same"}
    (town.layout("marriages").key(town.first)).unlink()
    lost = CliRunner().invoke(mianzheng, words)
    assert lost.exit_code == 5
    assert "无法重算" in lost.stdout
    kept.write_bytes(replace(town.evidence, request=town.evidence.request + b"\x0a\x00").encode())
    assert CliRunner().invoke(mianzheng, words).exit_code == 1


def test_while_a_contract_changes_the_former_claim_answers_until_the_new_data_is_there(town: Town) -> None:
    """From the announcement to the first delivery: contract and claim in two versions, and nothing stops answering."""
    city = town.home / "city"
    contract, claim = city / "datasets/civil_affairs/marriages.odcs.yaml", city / UNMARRIED
    item = city / "items/marriage_registration.yaml"
    shutil.copy(contract, contract.with_name("marriages@1.odcs.yaml"))
    for old, new in (
        ("version: 1.0.0", "version: 2.0.0"),
        ("name: status\n", "name: state\n"),
        ("(status = '离婚'", "(state = '离婚'"),
    ):
        contract.write_text(contract.read_text("utf-8").replace(old, new), "utf-8")
    former = claim.read_text("utf-8").replace("[marriages]", "[marriages@1]")
    claim.with_name("marriage.unmarried@2.yaml").write_text(former, "utf-8")
    claim.write_text(
        former.replace("version: 2", "version: 3").replace("m.status", "m.state").replace("@1", ""), "utf-8"
    )
    married_to = city / "claims/marriage.married_to.yaml"
    married_to.write_text(married_to.read_text("utf-8").replace("m.status", "m.state"), "utf-8")
    item.write_text(item.read_text("utf-8").replace("marriage.unmarried", "marriage.unmarried@2", 1), "utf-8")
    hub = at_work_in(town.home, city)
    evidence = ask(hub)
    answers = {
        each.role: each for each in parse_statement(evidence.statement).answers if each.claim == "marriage.unmarried"
    }
    assert (answers["applicant"].claim_version, Outcome(answers["applicant"].outcome)) == (2, Outcome.NOT_CONFIRMED)
    assert [ref.dataset for ref in answers["applicant"].snapshots] == ["marriages"]
    # The other material asks the claim in force, whose contract has no data yet.
    assert (answers["partner"].claim_version, answers["partner"].reason) == (3, Reason.SOURCE_UNAVAILABLE)
    assert worst(replay(hub, evidence, by="李四", reason="").answers) is Sameness.SAME


def test_every_part_of_a_replay_is_kept_by_publishing_and_answering(town: Town) -> None:
    """Nobody has to archive anything by hand: contracts are kept when something is published, the rest when asked."""
    statement = parse_statement(town.evidence.statement)
    archive = town.hub.archive
    assert archive.catalogue(statement.agreements_digest).claims["marriage.unmarried"].version == 1
    assert [each.version for each in archive.versions("datasets", "marriages")] == ["1.0.0"]
    assert (town.layout("marriages").version(town.first) / DATA).is_file()
    assert person(1).number in town.evidence.request.decode("utf-8", "replace")
