"""`mianzheng verify`: check an evidence file offline, against a trust file alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.given import read_given
from kernel.trust import TRUST_SIZE_MAX, Trust
from verifier.evidence import FILE_SIZE_MAX, Evidence, Step, check
from verifier.outcome import Outcome, Reason
from verifier.statement import parse_statement

FALSE = 1
PROMISES = {
    "statement": "结果出自本枢纽",
    "signature": "由受信任的签名密钥签署",
    "request": "答复的正是这一请求",
    "entry": "审计记录对应这一结果",
    "receipt": "已载入受信任的审计日志",
}
"""What each step promises, in Chinese."""


def verify(
    file: Annotated[Path, typer.Argument(help="凭证文件。 The evidence file.")],
    trust: Annotated[Path, typer.Option(help="信任文件。 The trust file of the hub.")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")] = False,
) -> None:
    """离线查验凭证，列出全部问题。 Check evidence offline and list every fault.

    Exit code 0: it holds; 1: it does not; 2: wrong use, or a file that is none.
    """
    evidence = Evidence.parse(read_given(file, FILE_SIZE_MAX))
    steps = check(evidence, Trust.parse(read_given(trust, TRUST_SIZE_MAX)))
    holds = not any(step.fault for step in steps)
    if as_json:
        typer.echo(json.dumps(_values(evidence, steps, holds=holds), ensure_ascii=False, indent=1))
    else:
        _show(evidence, steps, holds=holds)
    if not holds:
        raise typer.Exit(FALSE)


def _show(evidence: Evidence, steps: tuple[Step, ...], *, holds: bool) -> None:
    for step in steps:
        mark, why = ("✗", f" — {step.fault}") if step.fault else ("✓", "")
        typer.echo(f"{mark} {PROMISES[step.name]} · {step.name}: {step.promise}{why}")
    if not holds:
        typer.echo("凭证不成立 · the evidence is false")
        return
    statement = parse_statement(evidence.statement)
    typer.echo(f"凭证成立 · the evidence holds: {statement.hub}, {statement.case_number}, {statement.evaluation_date}")
    for answer in statement.answers:
        outcome, reason = Outcome(answer.outcome), Reason(answer.reason)
        said = f"{outcome.title.zh} {reason.title.zh}".strip()
        typer.echo(f"  {answer.role} {answer.claim}: {said} · {' '.join(filter(None, (outcome.name, _name(reason))))}")


def _values(evidence: Evidence, steps: tuple[Step, ...], *, holds: bool) -> dict[str, object]:
    answers = parse_statement(evidence.statement).answers if holds else ()
    return {
        "holds": holds,
        "steps": [{"step": each.name, "promise": each.promise, "fault": each.fault or None} for each in steps],
        "answers": [
            {
                "role": each.role,
                "claim": each.claim,
                "outcome": Outcome(each.outcome).name,
                "reason": _name(Reason(each.reason)) or None,
            }
            for each in answers
        ],
    }


def _name(reason: Reason) -> str:
    return reason.name if reason else ""
