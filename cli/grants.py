"""`mianzheng grants`: what clients may ask, and why."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.ask import PRESENCES, HowPresent
from cli.options import AsJson, Home, opened
from kernel.clock import SHANGHAI
from kernel.errors import Malformed, UnknownClaim, UnknownItem
from schemas.catalogue import Catalogue
from schemas.client import Client
from schemas.grant import Grant
from schemas.needs import Proof
from schemas.title import Title
from verifier.explain import Explained, explain

grants_app = typer.Typer(help="授权。 Grants: what clients may ask.", no_args_is_help=True)

DENIED = 1


@grants_app.command("explain")
def explain_command(
    client: Annotated[str, typer.Argument(help="接入方：设备名或 SPIFFE 标识。 The client: device or SPIFFE id.")],
    item: Annotated[str, typer.Argument(help="事项。 The item.")],
    claims: Annotated[list[str] | None, typer.Argument(help="核验项；缺省为事项所需全部。 Claims; else all.")] = None,
    at: Annotated[str | None, typer.Option(help="何时（ISO 8601，缺省此刻）。 When; else now.")] = None,
    presence: Annotated[HowPresent, typer.Option(help="到场方式。 How presence is shown.")] = HowPresent.CARD_READ,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """说明接入方能否核验、为何、出自哪个文件哪一行。 Say whether a client may ask, why, and which file and line say so.

    Exit code 0: every claim may be asked; 1: some may not, and a question that needs them is refused as a whole.
    """
    hub = opened(home)
    catalogue, root = hub.catalogue, hub.agreements_root
    who = _client(catalogue, client)
    what = catalogue.items.get(item)
    if what is None:
        raise UnknownItem(f"no item has the id {item}", field="item", remedy="mianzheng grants list")
    if not catalogue.claims.keys() >= set(claims or ()):
        raise UnknownClaim("no claim has this id", field="claims", remedy="mianzheng grants list")
    now = _instant(at) if at else hub.clock.now()
    proof = Proof.of(PRESENCES[presence])
    found = tuple(explain(catalogue, who, what, claims or what.claims, proof=proof, now=now))
    if as_json:
        typer.echo(json.dumps([_values(each, root) for each in found], ensure_ascii=False, indent=1))
    else:
        where = who.place or "–"
        typer.echo(f"{who.title} · {who.group}/{who.channel} · {where}  →  {what.title}")
        typer.echo(f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M} · {proof.words}")
        for each in found:
            _say(each, root)
    if not all(each.allowed for each in found):
        raise typer.Exit(DENIED)


@grants_app.command("list")
def list_command(
    group: Annotated[str | None, typer.Option(help="只看一组。 Only this client group.")] = None,
    item: Annotated[str | None, typer.Option(help="只看一个事项。 Only this item.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """列出授权、条件、依据与出处。 List grants with their conditions, legal basis and where they are written."""
    hub = opened(home)
    found = [each for each in hub.catalogue.grants if group in {None, each.group} and item in {None, each.item}]
    if as_json:
        typer.echo(json.dumps([_grant(each) for each in found], ensure_ascii=False, indent=1))
        return
    for each in found:
        typer.echo(f"{each.id}: {each.item}  [{hub.agreements_root / each.source}]")
        typer.echo(f"  {_how(each)} · {', '.join(sorted(each.claims))}")
        typer.echo(f"  {' · '.join(_conditions(each))}")
    if not found:
        typer.echo("没有这样的授权：一概拒绝。 No such grant: everything is denied.")


def _client(catalogue: Catalogue, name: str) -> Client:
    """The client with this SPIFFE id or device name; raises Malformed where there is none, or more than one."""
    found = [each for each in catalogue.clients.values() if name in {each.id, each.device}]
    if len(found) != 1:
        what = "names no client" if not found else "names several clients: write the SPIFFE id"
        raise Malformed(what, field="client", remedy="look into clients/*.yaml")
    return found[0]


def _instant(text: str) -> datetime:
    """An instant; without an offset it is local, in Shanghai. Raises Malformed."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed("is no instant", field="at", remedy="write 2026-12-01T09:00") from error
    return read if read.tzinfo is not None else read.replace(tzinfo=SHANGHAI)


def _say(each: Explained, root: Path) -> None:
    mark, words = ("✓", "可核验 allowed") if each.allowed else ("✗", f"拒绝 denied ({each.code})")
    grant = f" · {each.grant.id}" if each.grant else ""
    typer.echo(f"{mark} {each.claim}: {words}{grant}")
    typer.echo(f"    {each.why}")
    typer.echo(f"    {root / each.source}")


def _values(each: Explained, root: Path) -> dict[str, Any]:
    return {
        "claim": each.claim,
        "allowed": each.allowed,
        "code": each.code,
        "grant": each.grant.id if each.grant else None,
        "disclose": each.allowed and each.grant is not None and each.grant.values,
        "why": {"zh": each.why.zh, "en": each.why.en},
        "source": str(root / each.source),
    }


def _grant(each: Grant) -> dict[str, Any]:
    return {
        "grant": each.id,
        "group": each.group,
        "item": each.item,
        "claims": sorted(each.claims),
        "disclose": each.values,
        "channels": list(each.channels),
        "places": list(each.places),
        "hours": str(each.hours) if each.hours else "",
        "presence": each.presence.key if each.presence else "",
        "legal_basis": each.legal_basis,
        "source": each.source,
    }


def _how(each: Grant) -> Title:
    return Title(zh="可看数据", en="disclose") if each.values else Title(zh="只看结论", en="verify only")


def _conditions(each: Grant) -> Iterable[str]:
    yield f"渠道 channels {', '.join(each.channels)}"
    if each.places:
        yield f"地域 places {', '.join(each.places)}"
    if each.hours:
        yield f"时间 hours {each.hours}"
    if each.presence:
        yield f"到场至少 presence at least {each.presence.words}"
    yield f"依据 basis {each.legal_basis}"
