"""The outcomes of a claim and the reasons why one cannot be verified: there are no others."""

from enum import IntEnum

from schemas.title import Title
from schemas.wire.v1 import statement_pb2


class Outcome(IntEnum):
    """What is said about a claim; the numbers are those of the wire."""

    CONFIRMED = statement_pb2.OUTCOME_CONFIRMED
    NOT_CONFIRMED = statement_pb2.OUTCOME_NOT_CONFIRMED
    NO_RECORD = statement_pb2.OUTCOME_NO_RECORD
    CANNOT_VERIFY = statement_pb2.OUTCOME_CANNOT_VERIFY
    PENDING = statement_pb2.OUTCOME_PENDING

    @property
    def title(self) -> Title:
        """The outcome as screens show it."""
        return _OUTCOMES[self]


class Reason(IntEnum):
    """Why a claim cannot be verified; NONE beside every other outcome."""

    NONE = statement_pb2.REASON_UNSPECIFIED
    STALE = statement_pb2.REASON_STALE
    QUALITY = statement_pb2.REASON_QUALITY
    OUT_OF_COVERAGE = statement_pb2.REASON_OUT_OF_COVERAGE
    AMBIGUOUS = statement_pb2.REASON_AMBIGUOUS
    SOURCE_UNAVAILABLE = statement_pb2.REASON_SOURCE_UNAVAILABLE

    @property
    def title(self) -> Title:
        """The reason as screens show it."""
        return _REASONS[self]


_OUTCOMES = {
    Outcome.CONFIRMED: Title(zh="已核实", en="confirmed"),
    Outcome.NOT_CONFIRMED: Title(zh="不一致", en="not confirmed"),
    Outcome.NO_RECORD: Title(zh="查无", en="no record"),
    Outcome.CANNOT_VERIFY: Title(zh="无法核验", en="cannot verify"),
    Outcome.PENDING: Title(zh="协查中", en="pending"),
}
_REASONS = {
    Reason.NONE: Title(zh="", en=""),
    Reason.STALE: Title(zh="数据过期", en="data too old"),
    Reason.QUALITY: Title(zh="数据质量存疑", en="data quality in doubt"),
    Reason.OUT_OF_COVERAGE: Title(zh="超出数据范围", en="out of coverage"),
    Reason.AMBIGUOUS: Title(zh="记录不唯一", en="more than one record"),
    Reason.SOURCE_UNAVAILABLE: Title(zh="数据源不可用", en="source unavailable"),
}
