"""The auditor's commands in words and in JSON: Chinese first, English beside. No personal data leaves through here."""

import base64
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from google.protobuf.json_format import MessageToDict

from audit.entry import instant
from audit.root_log import Restored
from audit.show import Row
from audit.verify import LogReport
from audit.verify_hub import HubReport
from kernel.clock import SHANGHAI
from kernel.digest import digest, digest_text
from schemas.wire.v1 import audit_pb2
from schemas.wire.v1.statement_pb2 import Assurance, Outcome, Presence, Reason


def hub_lines(report: HubReport) -> Iterator[str]:
    """A hub's verification as people read it, the verdict last."""
    for log in report.logs:
        yield _log_line(log)
        if (restored := report.restored.get(log.name)) is not None:
            yield from _restored_lines(log, restored)
    for found in report.all_findings:
        yield f"✗ {found}"
    listed = len(report.all_findings)
    if report.faults > listed:
        yield f"… 另有 {report.faults - listed} 处 {report.faults - listed} more"
    if not report.faults:
        yield f"✓ 审计日志完好：{len(report.logs)} 个日志。The audit logs are sound: {len(report.logs)} logs."
        return
    yield f"✗ 发现 {report.faults} 处问题。{report.faults} faults found."
    firsts = (log.first_bad for log in report.logs if log.first_bad)
    for first in (*report.findings[:1], *firsts):
        yield f"  最先出错 first fault: {first}"


def hub_json(report: HubReport) -> dict[str, Any]:
    """The same for programs."""
    return {
        "sound": not report.faults,
        "faults": report.faults,
        "logs": [
            {
                "origin": log.origin,
                "size": log.size,
                "published": log.published,
                "root": log.root.hex(),
                "details": {"opened": log.opened, "erased": log.erased, "sealed": log.sealed},
                "unfinished_bytes": log.unfinished,
                "restored": asdict(report.restored[log.name]) if log.name in report.restored else None,
                "first_bad": log.first_bad.as_json() if log.first_bad else None,
            }
            for log in report.logs
        ],
        "findings": [found.as_json() for found in report.all_findings],
    }


def _log_line(log: LogReport) -> str:
    mark = "✗" if log.faults else "✓"
    erased = f"，已销毁 erased {log.erased}" if log.erased else ""
    sealed = f"，未打开 sealed {log.sealed}" if log.sealed else ""
    return (
        f"{mark} {log.origin}: 条目 entries {log.size}，已公布 published {log.published}，"
        f"详情已核 details checked {log.opened}{erased}{sealed}"
    )


def _restored_lines(log: LogReport, restored: Restored) -> Iterator[str]:
    """What is proved about a log that was put back from a backup, and what is not."""
    successor = restored.successor.rpartition("/")[2]
    yield (
        f"  ↺ 由 {restored.taken_at} 的备份恢复，止于 {log.size} 条，由 {successor} 接续。 "
        f"restored from the backup of {restored.taken_at}, closed at {log.size} entries, continued as {successor}."
    )
    if not log.faults:
        yield (
            "    已证明：这些条目即其所签署者。不能证明：备份之后未再签署其他条目；他人所持的凭证自证其真。 "
            "Proved: these entries are what it signed. Not proved: that it signed no others after the backup; "
            "evidence in other people's hands proves itself."
        )
    if restored.known_size > log.size:
        lost = restored.known_size - log.size
        yield (
            f"    已知其曾签署至 {restored.known_size} 条：至少 {lost} 条已失。 "
            f"It is known to have signed {restored.known_size}: at least {lost} entries are lost."
        )


def case_lines(rows: tuple[Row, ...]) -> Iterator[str]:
    """A case's entries as people read them."""
    for row in rows:
        when = row.time.astimezone(SHANGHAI)
        yield f"{when:%Y-%m-%d %H:%M:%S} {row.log}#{row.index} {row.entry.kind_name}  {row.proof.zh} {row.proof.en}"
        yield from (f"    {line}" for line in _detail_lines(row.detail))
    yield f"共 {len(rows)} 条。{len(rows)} entries."


def case_json(case_number: str, rows: tuple[Row, ...]) -> dict[str, Any]:
    """The same for programs. `entry` and `receipt` let an outsider check every row."""
    return {"case": case_number, "rows": [_row_json(row) for row in rows]}


def _detail_lines(detail: audit_pb2.Detail | None) -> Iterator[str]:
    if detail is None:
        yield "详情已销毁 the detail has been erased"
        return
    if detail.client:
        assured = _ASSURED.get(detail.operator_assurance, "")
        yield f"接入方 client {detail.client}，经办人 operator {detail.operator or '—'}{assured}"
    if detail.item:
        roles = "、".join(party.role for party in detail.parties)
        yield f"事项 item {detail.item}，当事人 parties {roles or '—'}，依据 legal basis {detail.legal_basis or '—'}"
    yield from _witness_lines(detail)
    for answer in detail.answers:
        outcome = Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
        reason = f" {Reason.Name(answer.reason).removeprefix('REASON_')}" if answer.reason else ""
        yield f"核验项 claim {answer.claim} ({answer.role}): {outcome}{reason}，授权 grant {answer.grant}"
    if detail.refusal:
        claims = "、".join(detail.refused_claims)
        yield f"拒绝 refused: {detail.refusal} {claims}".rstrip()
    for name in sorted(detail.attributes):
        yield f"{name}: {detail.attributes[name]}"


def _witness_lines(detail: audit_pb2.Detail) -> Iterator[str]:
    """How presence was established, by which device, and who acts for the applicant."""
    if detail.presence:
        line = f"到场 presence {Presence.Name(detail.presence).removeprefix('PRESENCE_')}"
        if detail.HasField("presence_evidence"):
            seen = detail.presence_evidence
            when = instant(seen.at).astimezone(SHANGHAI)
            line += f"，设备 device {seen.device}，{when:%Y-%m-%d %H:%M:%S}，{digest_text(seen.record_digest)}"
        yield line
    if detail.HasField("agent"):
        yield f"代办 agent {detail.agent.tag.hex()[:16]}…，依据 basis {detail.agent_basis}"


_ASSURED = {
    Assurance.Value("ASSURANCE_ASSERTED"): "（自称 asserted）",
    Assurance.Value("ASSURANCE_PROVED"): "（已证明 proved）",
}


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "log": row.log,
        "index": row.index,
        "time": row.time.isoformat(),
        "kind": row.entry.kind_name,
        "proof": row.proof.name.lower(),
        "detail": _detail_json(row.detail),
        "entry": base64.b64encode(row.raw).decode(),
        "receipt": row.receipt.decode() if row.receipt else None,
    }


def _detail_json(detail: audit_pb2.Detail | None) -> dict[str, Any] | None:
    if detail is None:
        return None
    shown: dict[str, Any] = MessageToDict(detail, preserving_proto_field_name=True)
    # The request names the parties in clear; who must read it opens the detail.
    if detail.request:
        shown["request"] = digest_text(digest(detail.request))
    return shown
