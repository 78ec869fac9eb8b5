"""How datasets, their versions and what differs between them are put in words, and in plain values for programs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from app.datasets import Difference
from exchange.freshness import State
from exchange.history import Version
from exchange.layout import REPORT_PAGE, Layout
from exchange.manifest import Manifest
from exchange.rehearsal import Rehearsed
from exchange.status import DatasetStatus
from kernel.clock import SHANGHAI
from kernel.digest import digest_text
from schemas.title import Title

STATES = {
    State.NEVER_PUBLISHED: Title(zh="从未发布", en="never published"),
    State.STALE: Title(zh="过期", en="stale"),
    State.FAILED: Title(zh="失败", en="failed"),
    State.HELD: Title(zh="暂缓", en="held"),
    State.LATE: Title(zh="迟到", en="late"),
    State.FRESH: Title(zh="正常", en="fresh"),
}
COUNTS = {
    "delivered": "交付 delivered",
    "published": "生效 published",
    "duplicates": "重复 duplicates",
    "quarantined": "隔离 held back",
    "unattributable": "无法归属 unattributable",
}


def moment(instant: datetime) -> str:
    """An instant as people here read it."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def age(lapse: timedelta | None) -> str:
    """How old something is, in hours or days."""
    if lapse is None:
        return "—"
    hours = lapse / timedelta(hours=1)
    return f"{hours:.0f} 小时 h" if abs(hours) < 48 else f"{hours / 24:.0f} 天 d"  # noqa: PLR2004 (two days)


def status_values(status: DatasetStatus) -> dict[str, Any]:
    """How a dataset stands."""
    contract, last = status.contract, status.last
    return {
        "dataset": contract.id,
        "title": {"zh": contract.title.zh, "en": contract.title.en},
        "department": contract.department,
        "state": str(status.freshness.state),
        "contract_version": contract.version,
        "contract": digest_text(contract.digest),
        "in_force": _manifest(status.manifest) if status.manifest else None,
        "age_seconds": status.freshness.age.total_seconds() if status.freshness.age is not None else None,
        "stale_at": status.freshness.stale_at.isoformat() if status.freshness.stale_at else None,
        "last_run": {"run": last.run_id, "ending": str(last.ending), "at": last.at.isoformat(), "message": last.message}
        if last
        else None,
        "held": [each.run_id for each in status.held],
        "damage": status.damage or None,
    }


def fact_lines(status: DatasetStatus, layout: Layout) -> Iterator[str]:
    """How a dataset stands, a fact a line."""
    contract, manifest, words = status.contract, status.manifest, STATES[status.freshness.state]
    yield f"{contract.id} · {contract.title} · {contract.department_title}"
    yield f"  状态 state: {words.zh} {words.en}"
    yield f"  合同 contract: {contract.version} · {digest_text(contract.digest)}"
    if manifest is not None:
        counts = "，".join(f"{words} {getattr(manifest.counts, name):,}" for name, words in COUNTS.items())
        made = f"合同 contract {manifest.contract_version} · 批次 run {manifest.run}"
        yield f"  现行 in force: {manifest.version} · {made}"
        yield f"  数据时点 data as of: {moment(manifest.data_as_of)} · {age(status.freshness.age)}"
        yield f"  记录 rows: {counts}"
        if not manifest.absence_allowed:
            yield "  “查无”类核验暂不作答 nothing is answered from the absence of a record"
        yield f"  报告 report: {layout.version(manifest.version) / REPORT_PAGE}"
    if status.last is not None:
        why = f" · {status.last.message}" if status.last.message else ""
        yield f"  上次运行 last run: {status.last.run_id} · {status.last.ending} · {moment(status.last.at)}{why}"
    for each in status.held:
        yield f"  待决 held: {each.run_id} · {moment(each.held_at)} · {', '.join(each.reasons)}"
    if status.damage:
        yield f"  损坏 DAMAGED: {status.damage}"


def version_values(version: Version) -> dict[str, Any]:
    """One version."""
    return {
        "version": version.version,
        "standing": str(version.standing),
        "readable": version.readable,
        "damaged": version.damaged,
        **(_manifest(version.manifest) if version.manifest else {}),
    }


def difference_values(found: Difference) -> dict[str, Any]:
    """What differs between two versions."""
    rows = found.rows
    return {
        "dataset": found.dataset,
        "before": _manifest(found.before),
        "after": _manifest(found.after),
        "rows": {
            "added": rows.added,
            "removed": rows.removed,
            "changed": rows.changed,
            "unchanged": rows.unchanged,
            "by_property": dict(rows.changes),
            "not_compared": list(rows.apart),
        },
        "contract": [
            {"kind": str(each.kind), "place": each.place, "breaking": each.breaking} for each in found.contract
        ],
        "quality": {name: {"before": old, "after": new} for name, (old, new) in found.quality.items()},
        "drift": {"before": dict(found.drift[0]), "after": dict(found.drift[1])},
    }


def difference_lines(found: Difference) -> Iterator[str]:
    """What differs between two versions, in words."""
    rows, before, after = found.rows, found.before, found.after
    yield f"{found.dataset}: {before.version} → {after.version}"
    yield f"  数据时点 data as of: {moment(before.data_as_of)} → {moment(after.data_as_of)}"
    yield (
        f"  记录 rows: 新增 added {rows.added:,}，减少 removed {rows.removed:,}，变动 changed {rows.changed:,}，"
        f"未变 unchanged {rows.unchanged:,}"
    )
    for name, count in sorted(rows.changes.items(), key=lambda item: -item[1]):
        yield f"    {name}: {count:,}"
    if rows.apart:
        yield f"  未比较的字段 properties not compared: {', '.join(rows.apart)}"
    yield f"  合同 contract: {before.contract_version} → {after.contract_version}"
    for each in found.contract:
        yield f"    {'✗ 不兼容 breaking' if each.breaking else '✓ 兼容 compatible'} {each.kind} {each.place}"
    for name, (old, new) in found.quality.items():
        yield f"  质量 quality: {name} {old:,} → {new:,}"
    for side, drift in (("原 before", found.drift[0]), ("新 after", found.drift[1])):
        for kind in ("new", "missing", "reordered"):
            if drift.get(kind):
                yield f"  列的变化 drift, {side}: {kind} {'、'.join(drift[kind])}"


def rehearsal_values(found: Rehearsed) -> dict[str, Any]:
    """What a rehearsal came to."""
    verdict = found.verdict
    return {
        "dataset": found.dataset,
        "outcome": "published" if found.publishable else "held" if verdict else "refused",
        "data_as_of": found.data_as_of.isoformat() if found.data_as_of else None,
        "counts": {name: getattr(verdict.counts, name) for name in COUNTS} if verdict else None,
        "reasons": list(verdict.reasons) if verdict else [],
        "refusal": found.refusal or None,
        "drift": found.drift.to_data(),
    }


def rehearsal_lines(found: Rehearsed) -> Iterator[str]:
    """What a rehearsal came to, in words."""
    verdict = found.verdict
    if verdict is None:
        yield f"{found.dataset}: 将被拒收 would be REFUSED · {found.refusal}"
    else:
        said = "可以发布 would be published" if found.publishable else "将被暂缓 would be HELD"
        counts = "，".join(f"{words} {getattr(verdict.counts, name):,}" for name, words in COUNTS.items())
        yield f"{found.dataset}: {said} · {counts}"
        if verdict.held:
            yield f"  未通过 failed: {', '.join(verdict.reasons)}"
    for line in found.drift.lines:
        yield f"  列的变化 drift: {line.zh} {line.en}"


def _manifest(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "manifest": digest_text(manifest.digest),
        "contract_version": manifest.contract_version,
        "run": manifest.run,
        "built_at": manifest.built_at.isoformat(),
        "data_as_of": manifest.data_as_of.isoformat(),
        "counts": {name: getattr(manifest.counts, name) for name in COUNTS},
        "absence_allowed": manifest.absence_allowed,
    }
