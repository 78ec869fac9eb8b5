"""The log's bounds."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Every bound of a log, section `audit`."""

    group_entries_max: int = setting(1024, "entries that one flush makes durable, at most")
    group_bytes_max: int = setting(8 << 20, "bytes that one flush makes durable, at most (one entry always fits)")
    queue_entries_max: int = setting(8192, "entries that may wait for the log; more are refused")
    queue_bytes_max: int = setting(64 << 20, "bytes that may wait for the log; more are refused")
    detail_bytes_max: int = setting(1 << 20, "bytes of one entry's detail; more are refused")
    publish_pause_ms: int = setting(250, "milliseconds between two publications of the public files")
    rescan_on_open: bool = setting(
        default=True, help_text="read the whole journal when a log opens; false starts at the published checkpoint"
    )
    show_rows_max: int = setting(1000, "rows that the log shows of one case, at most")
