"""What a clerk reads after asking: each material with its answer, what must still be handed in, and the next step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table

from audit.entry import instant
from kernel.clock import SHANGHAI
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.outcome import Outcome, Reason

MARKS = {
    Outcome.CONFIRMED: "✓",
    Outcome.NOT_CONFIRMED: "✗",
    Outcome.NO_RECORD: "○",
    Outcome.CANNOT_VERIFY: "?",
    Outcome.PENDING: "…",
}
"""A sign beside each outcome: nobody has to tell colours apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One answered material. `as_of` is up to when the oldest of its data is; None where there is no data."""

    material: str
    title: str
    role: str
    party: str
    outcome: Outcome
    reason: Reason
    as_of: datetime | None
    department: str
    disclosed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A case's answers in the order of the item's materials. `papers` cannot be asked for and are brought."""

    case_number: str
    item: wire.Item
    lines: tuple[Line, ...]
    papers: tuple[wire.Material, ...]
    assisted: tuple[wire.Material, ...]

    @classmethod
    def of(
        cls, case_number: str, item: wire.Item, statement: statement_pb2.Statement, parties: Mapping[str, str]
    ) -> "Sheet":
        """The sheet of a checked statement; `parties` are masked numbers by role."""
        materials = {each.material: each for each in item.materials}
        roles = {each.role: each.title.zh for each in item.roles}
        there = [each for each in item.materials if each.role in parties]
        return cls(
            case_number=case_number,
            item=item,
            lines=tuple(_line(each, materials[each.material], roles, parties) for each in statement.answers),
            papers=tuple(each for each in there if each.covered_by == "paper"),
            assisted=tuple(each for each in there if each.covered_by == "assistance"),
        )

    @property
    def open_lines(self) -> tuple[Line, ...]:
        """The materials that the answers do not cover."""
        return tuple(each for each in self.lines if each.outcome is not Outcome.CONFIRMED)

    def table(self) -> Table:
        """The answers as a table."""
        table = Table(
            title=f"{self.item.title.zh} · {self.item.title.en}  办件号 {self.case_number}", title_justify="left"
        )
        for name in ("核验项", "对象", "结果", "原因", "数据截至", "来源部门"):
            table.add_column(name, overflow="fold")
        for each in self.lines:
            result = f"{MARKS[each.outcome]} {each.outcome.title.zh}"
            as_of = each.as_of.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if each.as_of else ""
            table.add_row(each.title, f"{each.role} {each.party}", result, each.reason.title.zh, as_of, each.department)
        return table

    def afterwards(self) -> Iterator[str]:
        """What must still be handed in, what was disclosed, and the next step."""
        for line in self.lines:
            for name, value in line.disclosed.items():
                yield f"可用信息 value: {line.title} · {name} = {value}"
        needed = [f"{each.title.zh}（纸质 paper）" for each in self.papers]
        needed += [f"{each.title.zh}（部门协查 assistance）" for each in self.assisted]
        needed += [f"{each.title}（{each.outcome.title.zh}）" for each in self.open_lines]
        yield "仍需提交 still needed: " + ("；".join(needed) if needed else "无，申请人不用提交材料 nothing")
        yield "下一步 next: " + self._next()

    def _next(self) -> str:
        outcomes = {each.outcome for each in self.open_lines}
        if not outcomes:
            after = "，收取上列材料后受理" if self.papers or self.assisted else "，可直接受理"
            return f"全部核验项已核实{after} · all confirmed, accept the application"
        if Outcome.NOT_CONFIRMED in outcomes:
            return (
                "有不一致项，请与申请人核对；有异议的由数据来源部门复核"
                " · some facts do not hold: go through them with the applicant"
            )
        return "未能核实的，请申请人提交相应材料 · ask the applicant for what could not be verified"

    def values(self) -> dict[str, Any]:
        """The same as plain values, for programs. Holds masked numbers only."""
        return {
            "case_number": self.case_number,
            "item": self.item.item,
            "answers": [
                {
                    "material": each.material,
                    "title": each.title,
                    "party": each.party,
                    "outcome": each.outcome.name,
                    "reason": each.reason.name if each.reason else None,
                    "data_as_of": each.as_of.isoformat() if each.as_of else None,
                    "department": each.department,
                    "disclosed": dict(each.disclosed),
                }
                for each in self.lines
            ],
            "still_needed": [
                *(each.material for each in (*self.papers, *self.assisted)),
                *(each.material for each in self.open_lines),
            ],
        }


def _line(
    answer: statement_pb2.Answer, material: wire.Material, roles: Mapping[str, str], parties: Mapping[str, str]
) -> Line:
    return Line(
        material=answer.material,
        title=material.title.zh,
        role=roles[answer.role],
        party=parties[answer.role],
        outcome=Outcome(answer.outcome),
        reason=Reason(answer.reason),
        as_of=min((instant(each.data_as_of) for each in answer.snapshots), default=None),
        department=material.department,
        disclosed=dict(answer.disclosed),
    )
