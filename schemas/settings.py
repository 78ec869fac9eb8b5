"""The bounds within which agreements are read and claims are evaluated."""

from dataclasses import dataclass

from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSettings:
    """Bounds on what is read from the agreements' files, and on one evaluation."""

    file_bytes_max: int = setting(1 << 18, "largest file of an agreement, in bytes")
    files_max: int = setting(2000, "most files in one folder of agreements")
    expression_length_max: int = setting(2000, "longest claim expression, in characters")
    expression_depth_max: int = setting(2, "deepest nesting of loops over rows in one expression")
    rows_max: int = setting(256, "most rows of one dataset that a claim is evaluated over")
    row_bytes_max: int = setting(1 << 16, "largest serialised row, in bytes")
    latency_minutes: int = setting(
        240, "minutes after its schedule within which a dataset is in force, where its contract does not say"
    )


DEFAULTS = SchemaSettings()
