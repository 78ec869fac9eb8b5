"""The judge: Great Expectations over one row of counts.

All counting was done by one query in DuckDB; here a suite says for each count what was allowed and whether it holds.
This is the only module that loads Great Expectations, and it is loaded only when a delivery is judged.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Set before the library is loaded: it asks once, at import.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
with warnings.catch_warnings():
    # On loading, the library uses modules that Python has deprecated.
    warnings.simplefilter("ignore")
    import great_expectations as gx
    import pandas as pd  # type: ignore[import-untyped] # its stubs are no requirement of ours
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity

SUITE = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How large and how small a count may be; None is open. `meta` says in the suite what it is that is counted."""

    id: str
    seen: int
    at_least: int | None = None
    at_most: int | None = None
    warns: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """For each limit by its id, whether its count is within it; and the suite that says so, in the library's form."""

    passed: Mapping[str, bool]
    suite: Mapping[str, Any]


def judge(limits: Sequence[Limit]) -> Judgement:
    """Judge counts against their limits."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frame = pd.DataFrame([{limit.id: limit.seen for limit in limits}])
    asset = context.data_sources.add_pandas("delivery").add_dataframe_asset("counts")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(
        name=SUITE,
        expectations=[
            ExpectColumnValuesToBeBetween(
                column=limit.id,
                min_value=limit.at_least,
                max_value=limit.at_most,
                severity=FailureSeverity.WARNING if limit.warns else FailureSeverity.CRITICAL,
                meta={**limit.meta, "id": limit.id},
            )
            for limit in limits
        ],
    )
    with warnings.catch_warnings():
        # What the library warns of about its own use of pandas is none of the delivery's business.
        warnings.simplefilter("ignore")
        # What was seen and allowed is known from the limits; asking for more than yes or no takes twice as long.
        results = batch.validate(suite, result_format="BOOLEAN_ONLY").results
    judged = {
        config.meta["id"]: bool(result.success)
        for result in results
        if (config := result.expectation_config) is not None and config.meta is not None
    }
    if judged.keys() != {limit.id for limit in limits}:
        raise RuntimeError("not every limit was judged")
    return Judgement(passed=judged, suite=suite.to_json_dict())
