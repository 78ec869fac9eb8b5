"""`mianzheng replay`: compute an old statement again from its snapshots, claims and date, and compare."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.replaying import Replayed, replay
from cli.given import read_given, who_types
from cli.options import AsJson, Home, opened
from kernel.digest import digest_text
from verifier.evidence import FILE_SIZE_MAX, Evidence, FalseEvidence
from verifier.outcome import Outcome, Reason
from verifier.replay import Recomputed, Sameness, worst

DIFFERENT, CANNOT = 1, 5
MARKS = {Sameness.SAME: "=", Sameness.DIFFERENT: "≠", Sameness.CANNOT: "?"}


def replay_evidence(
    file: Annotated[Path, typer.Argument(help="凭证文件。 The evidence file.")],
    by: Annotated[str, typer.Option(help="查看人。 Who looks; else who is logged in.")] = "",
    reason: Annotated[str, typer.Option(help="查看事由。 Why.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """按当时的快照、核验项和日期重算凭证，逐项比对。 Compute old evidence again and compare, answer by answer.

    The look is recorded in the audit log before anything is shown. Exit code 0: all the same; 1: something differs, or
    the evidence does not hold; 2: wrong use, or a file of the hub's was changed; 4: unavailable; 5: some answers cannot
    be computed again.
    """
    evidence = Evidence.parse(read_given(file, FILE_SIZE_MAX))
    hub = opened(home)
    try:
        replayed = replay(hub, evidence, by=by or who_types(), reason=reason)
    except FalseEvidence as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(DIFFERENT) from error
    if as_json:
        typer.echo(json.dumps(_values(replayed), ensure_ascii=False, indent=1))
    else:
        _show(replayed)
    code = {Sameness.SAME: 0, Sameness.DIFFERENT: DIFFERENT, Sameness.CANNOT: CANNOT}[worst(replayed.answers)]
    if code:
        raise typer.Exit(code)


def _show(replayed: Replayed) -> None:
    statement = replayed.statement
    typer.echo(f"凭证成立，已记录本次查看 · the evidence holds; this look is recorded: {statement.case_number}")
    typer.echo(f"按 {statement.evaluation_date} 重算 · computed again as of that day")
    for each in replayed.answers:
        given = each.given
        then = _words(Outcome(given.outcome), Reason(given.reason))
        now = f"{each.why.zh} {each.why.en}" if each.why else _words(each.outcome or Outcome.PENDING, each.reason)
        title = each.sameness.words
        typer.echo(f"{MARKS[each.sameness]} {given.role} {given.claim} v{given.claim_version}: {title.zh} {title.en}")
        typer.echo(f"    当时 then: {then}")
        if each.sameness is not Sameness.SAME:
            typer.echo(f"    重算 now:  {now}" + (f" （{', '.join(each.parts)}）" if each.parts else ""))
    title = worst(replayed.answers).words
    typer.echo(f"结论 · altogether: {title.zh} · {title.en}")


def _words(outcome: Outcome, reason: Reason) -> str:
    names = " ".join([outcome.name, *([reason.name] if reason else [])])
    return f"{outcome.title.zh} {reason.title.zh}".strip() + f" · {names}"


def _values(replayed: Replayed) -> dict[str, Any]:
    statement = replayed.statement
    return {
        "case_number": statement.case_number,
        "evaluation_date": statement.evaluation_date,
        "agreements": digest_text(statement.agreements_digest) if statement.agreements_digest else None,
        "result": str(worst(replayed.answers)),
        "answers": [_answer(each) for each in replayed.answers],
    }


def _answer(each: Recomputed) -> dict[str, Any]:
    given = each.given
    return {
        "material": given.material,
        "role": given.role,
        "claim": given.claim,
        "claim_version": given.claim_version,
        "snapshots": [f"{ref.dataset} {ref.version}" for ref in given.snapshots],
        "result": str(each.sameness),
        "then": {"outcome": Outcome(given.outcome).name, "reason": _name(Reason(given.reason))},
        "now": {"outcome": each.outcome.name, "reason": _name(each.reason)} if each.outcome is not None else None,
        "differs": list(each.parts),
        "why": {"zh": each.why.zh, "en": each.why.en} if each.why else None,
    }


def _name(reason: Reason) -> str | None:
    return reason.name if reason else None
