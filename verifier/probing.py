"""What a case would let its client guess: which combinations of values its claims are asked with, and about whom.

A claim without a parameter and without the day of asking answers always the same question: nothing can be guessed by
asking it again. All others are guesses about each person in them, and about each value that the client wrote.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from kernel.clock import SHANGHAI
from kernel.errors import TooManyGuesses
from kernel.identity import Identity
from schemas.beside import base
from schemas.claim import Claim
from schemas.client import Client
from schemas.item import Source
from verifier.guesses import Guess, Guesses
from verifier.materials import Asked, Plan

PERSON, VALUE, DAY = "person", "value", "day"
_TODAY = re.compile(r"\btoday\b")


def check_guesses(
    guesses: Guesses,
    client: Client,
    plan: Plan,
    people: Mapping[str, Identity],
    inputs: Mapping[str, str],
    *,
    now: datetime,
    until: datetime,
) -> None:
    """Count what a case that is open from `now` `until` then lets its client guess; raises TooManyGuesses.

    `people` are the parties by role, each under the number in use.
    """
    days = _days(now, until)
    wanted = [each for asked in plan.asked for each in guesses_of(client.group, asked, people, inputs, days)]
    if not wanted:
        return
    refused = guesses.admit(wanted, now)
    if refused:
        raise TooManyGuesses(
            "too many different values have been tried about one person",
            claims=refused,
            remedy="ask the hub's operator",
        )


def guesses_of(
    group: str, asked: Asked, people: Mapping[str, Identity], inputs: Mapping[str, str], days: Iterable[str]
) -> Iterator[Guess]:
    """The guesses that one claim is, for each registry that it reads."""
    claim = asked.claim
    dated = is_dated(claim)
    if not asked.bindings and not dated:
        return
    subject = people[asked.role].canonical
    given: list[tuple[str, str, str]] = []
    for binding in sorted(asked.bindings, key=lambda each: each.parameter):
        match binding.source:
            case Source.ROLE:
                given.append((PERSON, binding.parameter, people[str(binding.value)].canonical))
            case Source.INPUT:
                given.append((VALUE, binding.parameter, inputs[str(binding.value)]))
            case Source.CONSTANT:
                given.append(("", binding.parameter, str(binding.value)))
    narrowed = [(PERSON, subject), *((kind, value) for kind, _, value in given if kind)]
    for day in days if dated else ("",):
        combination = (subject, *(word for _, name, value in given for word in (name, value)), DAY, day)
        for dataset in claim.datasets:
            for kind, value in narrowed:
                yield Guess(claim=claim.id, about=about(group, base(dataset), kind, value), guess=combination)


def about(group: str, dataset: str, kind: str, value: str) -> tuple[str, ...]:
    """Whom or what a group guesses about in one registry: a person by their canonical number, or a value."""
    return (group, dataset, kind, value)


def is_dated(claim: Claim) -> bool:
    """Whether a claim's answer depends on the day on which it is asked."""
    expressions = [claim.expression, *([claim.coverage] if claim.coverage is not None else [])]
    return any(_TODAY.search(each.text) for each in expressions)


def _days(now: datetime, until: datetime) -> tuple[str, ...]:
    """Every day on which a case may be asked in."""
    first, last = now.astimezone(SHANGHAI).date(), until.astimezone(SHANGHAI).date()
    return tuple((first + timedelta(days=each)).isoformat() for each in range((last - first).days + 1))
