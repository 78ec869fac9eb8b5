"""The kinds of runs that are killed, and where each can be."""

from dataclasses import dataclass

from exchange.publish import STEPS
from tests.torture.publisher import DECIDE, ROLL_BACK, after
from tests.torture.registers import ALIASES, MARRIAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of run, and where it can be killed. `work` is what its publisher is told to do."""

    name: str
    work: str
    dataset: str
    places: tuple[str, ...]


def _places(*steps: str) -> tuple[str, ...]:
    return tuple(place for step in steps for place in (step, step, after(step)))


WHOLE = Kind(name="whole", work="publish", dataset=ALIASES, places=_places(*STEPS))
CHANGES = Kind(name="changes", work="publish", dataset=MARRIAGES, places=_places(*STEPS))
HELD = Kind(name="held", work="publish", dataset=ALIASES, places=_places("extract", "stage", "validate"))
UNCHANGED = Kind(name="unchanged", work="publish", dataset=ALIASES, places=_places("extract"))
RELEASE = Kind(name="release", work="release", dataset=ALIASES, places=_places(DECIDE, "build", "record", "promote"))
BACK = Kind(name="roll back", work="roll back", dataset=ALIASES, places=(ROLL_BACK,) * 4)
KINDS = (WHOLE, CHANGES, HELD, UNCHANGED, RELEASE, BACK)
