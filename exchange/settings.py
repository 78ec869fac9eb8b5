"""The bounds within which snapshots are made and read."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Bounds and defaults of publishing and of look-ups."""

    database_memory: str = setting("2GB", "Memory that DuckDB may take while staging, e.g. 1GB")
    database_threads: int = setting(2, "Threads that DuckDB may take while staging")
    batch_rows: int = setting(5_000, "Rows that pass through Python at a time")
    rows_max: int = setting(50_000_000, "Rows of the largest delivery that is staged")
    record_bytes_max: int = setting(64 << 20, "Longest record of an extracted delivery, in bytes")
    line_bytes_max: int = setting(
        4 << 20,
        "Longest line that is read at once from a registry's own text, in bytes; longer ones are read row by row",
    )
    row_bytes_max: int = setting(
        16_000, "Longest row that is published, in bytes of its values; longer ones are held back"
    )
    samples_per_rule: int = setting(5, "Masked samples that a report shows for a rule")
    index_map_bytes: int = setting(64 << 30, "Largest serving index, in bytes; only address space until it is used")
    subject_rows_max: int = setting(256, "Most rows of one subject; with more the subject is tainted instead")
    manifest_bytes_max: int = setting(1 << 20, "Largest manifest that is read, in bytes")
    report_bytes_max: int = setting(4 << 20, "Largest earlier quality report that is read for a trend, in bytes")
    trend_rules_max: int = setting(20, "Rules whose trend a quality report shows")
    trend_runs_max: int = setting(12, "Runs that a quality report looks back on")
    changes_bad_rows_min: int = setting(20, "Bad rows that a delivery of changes may always have, whatever their share")
    retyped_share_min: float = setting(
        0.5, "Share of a column's values that are no values of its type, from which it is told as drift"
    )
    links_max: int = setting(16, "Most numbers of one person; with more nothing is said about them")
    look_again_ms: float = setting(
        5.0, "Milliseconds for which what is in force is not looked up again: questions meanwhile share one look"
    )
    recheck_seconds: float = setting(1.0, "Seconds after which an open index file is looked at again for changes")
    damaged_share_max: float = setting(
        0.05, "Share of a worker's time that may go into reading a damaged snapshot again, to see whether it was mended"
    )
    prove_at_once_bytes: int = setting(
        16 << 20, "Largest index that a call waits for while it is proved; larger ones are proved beside"
    )
    overtake_seconds: float = setting(
        30.0, "Seconds for which calls may be answered from the snapshot before while the one in force is proved"
    )
    shrink_share_max: float = setting(0.2, "Share of rows by which a delivery may be smaller than the one in force")
    shrink_rows_min: int = setting(100, "Rows that may always be missing, whatever their share")
    held_days_max: float = setting(
        14.0, "Days within which a department decides about a held delivery; then it lapses and its data is dropped"
    )
    held_max: int = setting(3, "Held deliveries of one dataset whose data is kept; the oldest lapses for a newer one")
    reason_characters_max: int = setting(500, "Longest reason that is given for a decision, in characters")
    run_message_characters_max: int = setting(500, "Longest message that is kept of a failed run, in characters")
    ahead_hours_max: int = setting(24, "Hours by which a delivery's data_as_of may lie in the future")


DEFAULTS = ExchangeSettings()
