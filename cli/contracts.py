"""`mianzheng contracts`: what changes between two versions of a contract, what breaks, which version is due."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.hub import Hub
from cli.options import AsJson, Home, opened
from exchange.history import Standing, read_version, standing
from exchange.layout import Layout
from exchange.snapshot import manifest_in_force
from kernel.digest import digest_text
from kernel.errors import Faulty, Invalid
from schemas.archive import NotKept
from schemas.catalogue import Catalogue, load_catalogue, load_contracts
from schemas.changes import Bump, Change
from schemas.contract import Contract
from schemas.diff import compare, demanded, honoured, raised
from schemas.impact import Impact, impact, readers
from schemas.single import read_single

BREAKING = 1
WIDTH_WITHOUT_TERMINAL = 140
SNAPSHOT = "snapshot"
"""Names the contract that a dataset's snapshot in force was made under."""

contracts_app = typer.Typer(help="数据合同。 Contracts.", no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two contracts, their changes, and what the changes do."""

    old: Contract
    new: Contract
    changes: tuple[Change, ...]
    bump: Bump
    impact: Impact

    @property
    def honoured(self) -> bool:
        """Whether the new contract's version is raised as the changes demand."""
        return honoured(self.old, self.new, self.bump)


@contracts_app.callback()
def contracts() -> None:
    """数据合同。 Contracts."""


@contracts_app.command()
def diff(
    old: Annotated[str, typer.Argument(help="原合同：文件、编号、编号@版本、编号@snapshot。 A file, or as below.")],
    new: Annotated[str, typer.Argument(help="新合同；缺省为在用的。 The new one; else that in the agreements.")] = "",
    against: Annotated[
        str, typer.Option("--against", help="与之比较（代替第一个参数的原合同）。 Compare the one file with this.")
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """比较两份数据合同：兼容还是不兼容，影响谁，版本号应升到几。 What changes, what breaks, which version is due.

    A contract is named by a file; by its dataset's id: that in the agreements; by `id@1.0.0`: that version as archived;
    or by `id@snapshot` or `id@snapshot:<version>`: the one that a snapshot was made under.

    Exit code 0: compatible; 1: breaking; 2: wrong use, or a contract with faults.
    """
    hub = opened(home)
    before, after = _sides(old, new, against)
    found = _compared(hub, _contract(hub, before), _contract(hub, after) if after else None)
    if as_json:
        typer.echo(json.dumps(_values(found), ensure_ascii=False, indent=1))
    else:
        _show(found)
    if found.bump is Bump.MAJOR:
        raise typer.Exit(BREAKING)


@contracts_app.command()
def history(
    dataset: Annotated[str, typer.Argument(help="数据资源编号。 The dataset's id.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """一个数据资源用过的全部合同版本。 Every version of a dataset's contract that was ever in force."""
    hub = opened(home)
    kept = hub.archive.versions("datasets", dataset)
    if not kept:
        raise NotKept("no version of its contract is in the archive", field=dataset, remedy="publish it first")
    rows = [{"version": k.version, "kept_at": k.kept_at.isoformat(), "digest": digest_text(k.digest)} for k in kept]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        typer.echo(f"{dataset} {row['version']} · {row['kept_at']} · {row['digest']}")


def _sides(old: str, new: str, against: str) -> tuple[str, str]:
    """What is compared with what: `against` takes the old one's place, and the only argument is the new one then."""
    if not against:
        return old, new
    if new:
        raise typer.BadParameter("name two contracts, or one and --against", param_hint="--against")
    return against, old


def _contract(hub: Hub, name: str) -> Contract:
    """A contract by file, id, or id and version."""
    path = Path(name)
    if path.is_file():
        return read_single(path.read_bytes(), str(path))
    ident, _, version = name.partition("@")
    if version == SNAPSHOT or version.startswith(f"{SNAPSHOT}:"):
        return _of_snapshot(hub, ident, version.removeprefix(SNAPSHOT).removeprefix(":"))
    if version:
        return hub.archive.contract_version(ident, version)
    # The contracts alone: a changed one may have broken claims, which is what is asked about.
    contracts = load_contracts(hub.agreements_root)
    found = contracts.get(ident)
    if found is None:
        known = ", ".join(contracts)
        raise Invalid(f"{name} is no file, and no contract has this id", field="contract", remedy=f"one of {known}")
    return found


def _of_snapshot(hub: Hub, dataset: str, version: str) -> Contract:
    """The contract that a snapshot was made under: the one in force, or a version of it."""
    # Only a name that stands there is ever made a path.
    if dataset not in _names(hub.paths.exchange):
        raise Invalid(f"{dataset} was never published", field="contract", remedy="name a file, or a version")
    layout, bytes_max = Layout.of(hub.paths.exchange, dataset), hub.exchange_settings.manifest_bytes_max
    if version:
        named = {version, f"{version}.receipt"} & _names(layout.versions)
        now = standing(layout, version) if named else Standing.UNKNOWN
        if now not in {Standing.KEPT, Standing.IN_FORCE}:
            raise Invalid(
                f"{dataset} {version}: {now.words.zh} {now.words.en}",
                field="version",
                remedy="choose one of `mianzheng datasets history`",
            )
        return hub.archive.contract(read_version(layout, version, bytes_max=bytes_max).contract_digest)
    manifest = manifest_in_force(layout, bytes_max=bytes_max)
    if manifest is None:
        raise Invalid(f"{dataset} was never published", field="contract", remedy="name a file, or a version")
    return hub.archive.contract(manifest.contract_digest)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _compared(hub: Hub, old: Contract, new: Contract | None) -> Compared:
    if new is None:
        new = _contract(hub, old.id)
    with _sound(hub) as (catalogue, root):
        changes = compare(old, new, readers=readers(catalogue, old.id))
        found = impact(catalogue, root, new, changes)
    return Compared(old=old, new=new, changes=changes, bump=demanded(changes), impact=found)


@contextmanager
def _sound(hub: Hub) -> Iterator[tuple[Catalogue, Path]]:
    """The agreements, and where they lie: as they stand, or as they last were in force where they stand broken."""
    try:
        catalogue = hub.catalogue
    except Faulty:
        kept = hub.archive.catalogues()
        if not kept:
            raise
        with hub.archive.laid_out(kept[-1][1]) as root:
            yield load_catalogue(root), root
        return
    yield catalogue, hub.agreements_root


def _show(found: Compared) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_TERMINAL)
    typer.echo(f"{found.new.title} · {found.old.version} → {found.new.version}")
    if not found.changes:
        typer.echo("没有变化 no change")
        return
    table = Table(show_lines=False)
    for name in ("", "变化 change", "何处 where", "原 before", "新 after", "为何 why"):
        table.add_column(name, overflow="fold")
    for each in sorted(found.changes, key=lambda change: (-change.bump, change.place)):
        mark = "✗ 不兼容 breaking" if each.breaking else "✓ 兼容 compatible"
        reason = each.reason
        cells = mark, each.kind, each.place, each.before, each.after, f"{reason.zh} {reason.en}"
        # What a contract says is never markup.
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    for line in _consequences(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _consequences(found: Compared) -> Sequence[str]:
    """What breaks, what is to be looked at, and which version is due."""
    impact = found.impact
    lines = [
        f"失效的核验项 claim breaks: {name}: {fault.what}（第 {fault.line} 行 line {fault.line}）"
        for name, faults in impact.broken.items()
        for fault in faults
    ]
    for words, names in (
        ("须复核的核验项 claims to review", impact.review),
        ("受影响的事项 items that break", impact.items),
        ("受影响的授权 grants that break", impact.grants),
    ):
        if names:
            lines.append(f"{words}: {', '.join(names)}")
    wanted = raised(found.old.version, found.bump)
    if found.honoured:
        lines.append(f"版本号符合要求 the version is raised as it must be: {found.new.version} ≥ {wanted}")
    else:
        lines.append(f"版本号至少应为 the version must be at least {wanted}, is {found.new.version}")
    return lines


def _values(found: Compared) -> dict[str, Any]:
    impact = found.impact
    return {
        "dataset": found.new.id,
        "old": {"version": found.old.version, "digest": digest_text(found.old.digest)},
        "new": {"version": found.new.version, "digest": digest_text(found.new.digest)},
        "breaking": found.bump is Bump.MAJOR,
        "changes": [
            {
                "kind": str(each.kind),
                "place": each.place,
                "breaking": each.breaking,
                "before": each.before,
                "after": each.after,
                "reason": {"zh": each.reason.zh, "en": each.reason.en},
            }
            for each in found.changes
        ],
        "bump": found.bump.name.lower(),
        "version_due": raised(found.old.version, found.bump),
        "version_honoured": found.honoured,
        "claims_broken": {
            name: [{"line": fault.line, "what": fault.what, "remedy": fault.remedy} for fault in faults]
            for name, faults in impact.broken.items()
        },
        "claims_to_review": list(impact.review),
        "items_broken": list(impact.items),
        "grants_broken": list(impact.grants),
    }
