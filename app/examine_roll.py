"""The examination of who may connect: the roll against the logs."""

from collections.abc import Iterator

from app.clients import roll_of
from app.custody import CustodySettings
from app.diagnosis import Diagnosis, ill, unknown, warning, well
from app.hub import Hub
from app.roll_check import differences

SHOWN_MAX = 5
"""How many of a kind a finding names."""


def roll(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """The roll is whole, and shuts out whoever the logs say is revoked."""
    if not hub.paths.detail_keys.exists():
        # Opening them would make them, and an examination changes nothing; the logs' own tells of it.
        yield unknown("无法与日志比对", "cannot be compared with the logs: the keys of their details are missing")
        return
    found = differences(hub)
    if found.let_in:
        yield ill(
            f"已撤销者仍可接入：{_names(found.let_in)}",
            f"recorded as revoked, and let in: {_names(found.let_in)}",
            "revoke each again with `mianzheng clients revoke` or `mianzheng operators revoke`, or restore roll.json",
        )
    if found.unrecorded:
        yield warning(
            f"撤销未记入日志：{_names(found.unrecorded)}",
            f"revoked, and not recorded: {_names(found.unrecorded)}",
            "revoke each again, which records it",
        )
    if found.undone:
        yield warning(
            f"日志记为可接入而名册不允：{_names(found.undone)}",
            f"recorded as let in, and shut out by the roll: {_names(found.undone)}",
            "enter or restore each again",
        )
    standing = roll_of(hub)
    revoked = len(standing.clients) + len(standing.serials)
    yield well(
        f"后登记 {len(standing.entered)}，撤销 {revoked}，经办人 {len(standing.operators)}",
        f"{len(standing.entered)} clients entered, {revoked} revocations, {len(standing.operators)} operators",
    )


def _names(found: tuple[str, ...]) -> str:
    more = f" … ({len(found)})" if len(found) > SHOWN_MAX else ""
    return ", ".join(found[:SHOWN_MAX]) + more
