"""How much a client group may ask: so many questions of one client, one operator or one item in a minute or a day."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class By(StrEnum):
    """Whose questions are counted: each client's, each operator's at the group's clients, the group's for each item."""

    CLIENT = "client"
    OPERATOR = "operator"
    ITEM = "item"


MINUTE, DAY = 60, 86_400


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most `most` questions in each period of `seconds`: a minute, or a day of the city's."""

    by: By
    seconds: int
    most: int

    @cached_property
    def name(self) -> str:
        """Whose, and how long a period: `client/60`."""
        return f"{self.by.value}/{self.seconds}"
