"""`mianzheng ask`: what a clerk does: open a case, verify everything that the item needs, keep the evidence, close."""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.operators import read_assertion
from app.verification import client_tls
from audit.entry import timestamp
from cli.given import read_given, who_types
from cli.options import AsJson, Home, opened
from cli.sheet import Sheet
from kernel.clock import SystemClock
from kernel.digest import digest
from kernel.durable import PRIVATE, create_file
from kernel.errors import MalformedIdentity, UnknownItem
from kernel.identity import parse_person
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.client import AskedParty, CheckedAnswer, VerificationClient
from verifier.evidence import SUFFIX, FalseEvidence

REPLY_FALSE = 1
NOT_ALL_CONFIRMED = 5
RECORD_BYTES_MAX = 64 << 20
HIDDEN = "-"
"""In place of a number: ask for it, unseen and outside the shell's history."""

WIDTH_WITHOUT_TERMINAL = 140


class HowPresent(StrEnum):
    """How the applicant's presence was established."""

    CARD_READ = "card_read"
    FACE_CHECK = "face_check"
    OPERATOR_WORD = "operator_word"
    REMOTE = "remote"


PRESENCES = {
    HowPresent.CARD_READ: statement_pb2.PRESENCE_CARD_READ,
    HowPresent.FACE_CHECK: statement_pb2.PRESENCE_FACE_CHECK,
    HowPresent.OPERATOR_WORD: statement_pb2.PRESENCE_OPERATOR_WORD,
    HowPresent.REMOTE: statement_pb2.PRESENCE_REMOTE,
}


def ask(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    item: Annotated[str, typer.Option(help="事项。 The item, e.g. marriage_registration.")],
    party: Annotated[
        list[str],
        typer.Option(help="当事人，角色=证件号码[,姓名]；号码写 - 则另行输入。 role=number[,name]; - prompts for it."),
    ],
    given: Annotated[list[str] | None, typer.Option("--input", help="输入，名称=值。 An input, name=value.")] = None,
    client: Annotated[str, typer.Option(help="接入设备。 The device whose certificate is shown.")] = "counter-hall-01",
    operator: Annotated[str, typer.Option(help="经办人。 The operator; else who is logged in.")] = "",
    basis: Annotated[str, typer.Option(help="办理依据。 The legal basis; else the item's own.")] = "",
    presence: Annotated[HowPresent, typer.Option(help="到场方式。 How presence was shown.")] = HowPresent.OPERATOR_WORD,
    device: Annotated[str, typer.Option(help="读卡器或摄像头。 The device that established presence.")] = "",
    record: Annotated[Path | None, typer.Option(help="设备的记录文件。 The device's own record, a file.")] = None,
    agent: Annotated[str, typer.Option(help="代办人，证件号码[,姓名]。 Who acts for the applicant.")] = "",
    agent_basis: Annotated[str, typer.Option(help="代办依据，如委托书。 On what basis they act.")] = "",
    assertion: Annotated[Path | None, typer.Option(help="经办人声明文件。 The operator's assertion.")] = None,
    out: Annotated[Path | None, typer.Option(help="凭证目录。 Where the evidence goes; else <home>/evidence.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """一证通办：核验一个事项所需的全部材料，保存凭证。 Verify all that an item needs, and keep the evidence.

    Exit code 0: everything is confirmed; 5: answered, but not everything is; 1: the reply does not hold; 2: wrong use;
    3: refused; 4: unavailable.
    """
    parties = [_party(each) for each in party]
    hub = opened(home)
    with VerificationClient(tls=client_tls(hub, client), trust=hub.trust, settings=hub.client_settings) as asking:
        described = _item(asking, item)
        case = asking.open_case(
            item,
            parties,
            operator=operator or who_types(),
            legal_basis=basis or described.legal_basis,
            presence=PRESENCES[presence],
            inputs=_pairs(given or (), "--input"),
            evidence=_evidence(device, record) if device else None,
            agent=_agent(agent, agent_basis) if agent else None,
            assertion=read_assertion(assertion) if assertion else None,
        )
        try:
            checked = asking.verify_item(case)
        except FalseEvidence as error:
            typer.echo(f"{error.code}: {error}", err=True)
            raise typer.Exit(REPLY_FALSE) from error
        finally:
            asking.close_case(case)
    evidence = _keep(checked, out or hub.paths.evidence, case.number)
    masked = {each.role: parse_person(each.number).masked for each in parties}
    sheet = Sheet.of(case.number, described, checked.statement, masked)
    if as_json:
        typer.echo(json.dumps({**sheet.values(), "evidence": str(evidence)}, ensure_ascii=False, indent=1))
    else:
        _show(sheet, evidence)
    if sheet.open_lines:
        raise typer.Exit(NOT_ALL_CONFIRMED)


def _evidence(device: str, record: Path | None) -> statement_pb2.PresenceEvidence:
    """What the device established just now; its record stays here, only its digest goes to the hub."""
    if record is None:
        raise typer.BadParameter("name the device's record", param_hint="--record")
    raw = read_given(record, RECORD_BYTES_MAX)
    return statement_pb2.PresenceEvidence(device=device, at=timestamp(SystemClock().now()), record_digest=digest(raw))


def _agent(text: str, basis: str) -> wire.Agent:
    number, _, name = text.partition(",")
    if number == HIDDEN:
        number = typer.prompt("代办人证件号码 the agent's number", hide_input=True)
    return wire.Agent(number=number, name=name, basis=basis)


def _item(asking: VerificationClient, item: str) -> wire.Item:
    try:
        return asking.item(item)
    except UnknownItem:
        known = ", ".join(each.item for each in asking.items())
        raise UnknownItem("no item has this id", field="--item", remedy=f"one of {known}") from None


def _party(text: str) -> AskedParty:
    """A party as it is written; its number is checked here already, so that a slip of the hand goes no further."""
    role, equals, rest = text.partition("=")
    number, _, name = rest.partition(",")
    if not role or not equals:
        raise typer.BadParameter("write it as role=number", param_hint="--party")
    if number == HIDDEN:
        number = typer.prompt(f"{role} 证件号码 number", hide_input=True)
    try:
        parse_person(number)
    except MalformedIdentity as error:
        raise MalformedIdentity(error.message, field=f"--party {role}", remedy=error.remedy) from None
    return AskedParty(role=role, number=number, name=name)


def _pairs(texts: Iterable[str], option: str) -> Mapping[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter("write it as name=value", param_hint=option)
        pairs[name] = value
    return pairs


def _keep(checked: CheckedAnswer, folder: Path, case_number: str) -> Path:
    """Keep the evidence privately: it names people."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{case_number}{SUFFIX}"
    create_file(path, checked.evidence.encode(), mode=PRIVATE)
    return path


def _show(sheet: Sheet, evidence: Path) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_TERMINAL)
    console.print(sheet.table())
    for line in sheet.afterwards():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"凭证 evidence: {evidence}", markup=False, highlight=False, soft_wrap=True)
