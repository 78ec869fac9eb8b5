"""What is judged of a delivery as a whole: rows, columns, age, and how it compares with what is in force."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor

from exchange.manifest import Counts, Manifest
from exchange.settings import ExchangeSettings
from exchange.verdict import DELIVERY, UNJUDGED, Result
from schemas.contract import Check, Contract, Rule

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as the gate has counted it.

    `rows` are those that there are with it, `bad_most` the bad ones that it may have. `before` is the snapshot that it
    is compared with. `unjudged` are the rules that had nothing to refer to.
    """

    contract: Contract
    counts: Counts
    rows: int
    bad_most: int
    strange_columns: int
    data_as_of: datetime
    now: datetime
    before: Manifest | None
    unjudged: tuple[str, ...]


def whole_results(delivery: Delivery, settings: ExchangeSettings) -> Iterator[Result]:
    """The results of a delivery as a whole, still to be judged."""
    yield _whole("row_count", "交付的记录数。 Rows delivered.", delivery.rows, at_least=1)
    yield from _row_counts(delivery)
    yield _whole("bad_rows", "不合格记录总数。 Rows held back.", delivery.counts.quarantined, at_most=delivery.bad_most)
    yield _whole(
        "columns",
        "与合同不符的列数。 Columns that are not as the contract says.",
        delivery.strange_columns,
        at_most=0,
    )
    yield _whole(
        "hours_ahead",
        "数据时点超前的小时数。 Hours by which the data's instant lies in the future.",
        max(0, ceil((delivery.data_as_of - delivery.now) / _HOUR)),
        at_most=settings.ahead_hours_max,
    )
    # Old data is told and not held: what it would replace is older still, or it would be held for that.
    yield replace(
        _whole(
            "hours_old",
            "数据时点距今的小时数。 Hours since the data's instant.",
            max(0, ceil((delivery.now - delivery.data_as_of) / _HOUR)),
            at_most=floor(delivery.contract.freshness / _HOUR),
        ),
        warns=True,
    )
    for rule in delivery.contract.rules:
        if rule.id in delivery.unjudged and rule.reference is not None:
            yield _unjudged(rule, rule.reference.dataset)
    if delivery.before is not None:
        yield from _beside(delivery, delivery.before, settings)


def _row_counts(delivery: Delivery) -> Iterator[Result]:
    """The contract's own rules on the number of rows; in percent they are of the rows in force, if there are any."""
    for rule in delivery.contract.rules:
        if rule.check is not Check.ROW_COUNT or _says_no_more(rule):
            continue
        if rule.allowed.percent and delivery.before is None:
            continue
        whole = delivery.before.counts.delivered if delivery.before is not None else 0
        least, most = rule.allowed.counts(whole)
        yield Result(
            id=rule.id,
            kind=str(rule.check),
            properties=(),
            description=rule.description,
            seen=delivery.rows,
            at_least=least,
            at_most=most,
            passed=False,
            bound=str(rule.allowed),
            warns=rule.warns,
        )


def _says_no_more(rule: Rule) -> bool:
    """Whether a rule on the number of rows says only that there is one, as the gate does anyway."""
    allowed = rule.allowed
    return not allowed.percent and allowed.high is None and allowed.counts(0)[0] in {None, 0, 1}


def _beside(delivery: Delivery, before: Manifest, settings: ExchangeSettings) -> Iterator[Result]:
    """The delivery beside the snapshot in force. Where the contract bounds the loss of rows, the setting does not."""
    own = any(
        rule.check is Check.ROW_COUNT and rule.allowed.percent and rule.allowed.low is not None
        for rule in delivery.contract.rules
    )
    if not own:
        share = floor(Fraction(str(settings.shrink_share_max)) * before.counts.delivered)
        yield _whole(
            "rows_fewer",
            "比现行版本减少的记录数。 Rows fewer than in the snapshot in force.",
            max(0, before.counts.delivered - delivery.rows),
            at_most=max(settings.shrink_rows_min, share),
        )
    yield _whole(
        "seconds_older",
        "比现行版本数据时点更早的秒数。 Seconds by which the data is older than the snapshot in force.",
        max(0, ceil((before.data_as_of - delivery.data_as_of) / _SECOND)),
        at_most=0,
    )


def _whole(
    ident: str, description: str, seen: int, *, at_least: int | None = None, at_most: int | None = None
) -> Result:
    return Result(
        id=f"delivery:{ident}",
        kind=DELIVERY,
        properties=(),
        description=description,
        seen=seen,
        at_least=at_least,
        at_most=at_most,
        passed=False,
    )


def _unjudged(rule: Rule, dataset: str) -> Result:
    return Result(
        id=f"{rule.id}:unjudged",
        kind=UNJUDGED,
        properties=rule.properties,
        description=f"{dataset}没有可供比对的现行版本。 {dataset} has no snapshot in force to compare with.",
        seen=1,
        at_least=None,
        at_most=0,
        passed=False,
    )
