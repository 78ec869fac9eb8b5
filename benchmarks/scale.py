"""How large a run of the benches is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The sizes of one run; times are in seconds."""

    residents: int
    """Residents of the sample city."""
    publish_rounds: int
    """How often the whole city's deliveries are published."""
    cases: int
    """Distinct open cases that questions are asked in."""
    rounds: int
    """Pairs of rounds: the real service and the no-op."""
    round_seconds: float
    """The measured part of a round."""
    warm_up_seconds: float
    """The part before it, under the same load."""
    judged_rows: int
    """Rows of the staged delivery that the quality gate is measured on."""
    growth_questions: int = 20_000
    """Questions after which a worker's memory is looked at again."""
    in_flight: int = 64
    """Calls that are under way at any time."""
    connections: int = 8
    """Connections that share them."""


SCALES = {
    "small": Scale(
        residents=10_000, publish_rounds=3, cases=50, rounds=5, round_seconds=2.0, warm_up_seconds=0.5,
        judged_rows=1_000_000,
    ),
    "full": Scale(
        residents=100_000, publish_rounds=3, cases=500, rounds=11, round_seconds=6.0, warm_up_seconds=1.0,
        judged_rows=10_000_000, growth_questions=1_000_000,
    ),
}  # fmt: skip
