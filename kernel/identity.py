"""Typed identity numbers, and the one canonical form in which each is keyed, tagged and compared.

People hold: the resident number of 18 digits (GB 11643-1999) or, before 1999, of 15 digits, which names the same person
and folds to 18 by arithmetic; the 18-digit residence permit of Hong Kong, Macao (81, 82) and Taiwan (83) residents; the
foreign permanent resident's card, since 2023 of 18 digits beginning with 9, before of 3 letters and 12 digits.
Organisations hold the unified social credit code (GB 32100-2015). The region in a number is advice only: codes retire.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import mul
from string import ascii_uppercase

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from kernel.errors import MalformedIdentity

NUMBER_LENGTH_MAX = 64
"""Longer text is no identity number, whatever stands in it."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_WEIGHTS_OF_ZERO = ord("0") * sum(_WEIGHTS)
_INVERSE = tuple(pow(weight, -1, 11) for weight in _WEIGHTS)
_CHECK = "10X98765432"
_NO_DIGIT = 10
_EIGHTEEN = re.compile(r"[1-9][0-9]{16}[0-9X]")
_FIFTEEN = re.compile(r"[1-9][0-9]{14}")
_OLD_FOREIGN = re.compile(r"[A-Z]{3}[0-9]{12}")


class IdentityKind(StrEnum):
    """What kind of number names a subject."""

    RESIDENT = "resident"
    HMT_PERMIT = "hmt_permit"
    FOREIGN_PERMIT = "foreign_permit"
    ORGANISATION = "organisation"


PERSON_KINDS = frozenset(IdentityKind) - {IdentityKind.ORGANISATION}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Identity:
    """A subject's identity number in canonical form. Equal numbers are equal identities."""

    kind: IdentityKind
    number: str

    @property
    def canonical(self) -> str:
        """`<kind>:<number>`: what keys and tags are made from."""
        return f"{self.kind}:{self.number}"

    @property
    def masked(self) -> str:
        """The number as screens show it: first 4 and last 2 characters."""
        return self.number[:4] + "*" * (len(self.number) - 6) + self.number[-2:]

    @classmethod
    def from_canonical(cls, text: str) -> "Identity":
        """The identity whose `canonical` is this; trusts it (it is ours)."""
        kind, _, number = text.partition(":")
        return cls(kind=IdentityKind(kind), number=number)


def parse_person(text: str) -> Identity:
    """A person's identity from a number as typed, read or delivered; raises MalformedIdentity.

    Stray spaces and full-width characters are folded, x is raised, 15 digits become 18.
    """
    number = clean_number(text)
    if _FIFTEEN.fullmatch(number):
        number = _expand(number)
    if _EIGHTEEN.fullmatch(number):
        _check_eighteen(number)
        return Identity(kind=_kind_of_eighteen(number), number=number)
    if _OLD_FOREIGN.fullmatch(number):
        _birth_date(_century(number[7:9]) + number[7:13])
        return Identity(kind=IdentityKind.FOREIGN_PERMIT, number=number)
    raise MalformedIdentity("is no identity number that a person holds", remedy="read the card again")


def parse_organisation(text: str) -> Identity:
    """An organisation's identity from its unified social credit code; raises MalformedIdentity."""
    try:
        number = uscc.validate(clean_number(text))
    except ValidationError as error:
        raise MalformedIdentity("is no unified social credit code", remedy="read the licence again") from error
    return Identity(kind=IdentityKind.ORGANISATION, number=number)


def clean_number(text: str) -> str:
    """Number text without stray spaces, invisible characters and full-width forms, upper case.

    Raises MalformedIdentity if too long. Invisible are the marks of direction and width that spreadsheets copy along.
    """
    if len(text) > NUMBER_LENGTH_MAX:
        raise MalformedIdentity("is too long for an identity number", remedy="read the card again")
    folded = unicodedata.normalize("NFKC", text)
    if not folded.isascii():
        folded = "".join(each for each in folded if unicodedata.category(each) != "Cf")
    return "".join(folded.split()).upper()


def check_character(first17: str) -> str:
    """The check character of 17 digits, ISO 7064 MOD 11-2."""
    return _CHECK[_weighted(first17) % 11]


def _weighted(first17: str) -> int:
    """The weighted sum of 17 ASCII digits."""
    total: int = sum(map(mul, first17.encode(), _WEIGHTS))
    return total - _WEIGHTS_OF_ZERO


def near(text: str) -> frozenset[Identity]:
    """Every valid person's number one edit away from a bad one: whom a bad record may be about.

    An edit replaces, drops, adds or swaps neighbouring characters. Empty where the text is too far from a number.
    """
    try:
        number = clean_number(text)
    except MalformedIdentity:
        return frozenset()
    match len(number):
        case 18:
            filled = (_fill(number[:at], number[at + 1 :]) for at in range(18))
            return _eighteens((*filled, *_swapped(number)))
        case 17:
            return _eighteens(_fill(number[:at], number[at:]) for at in range(18))
        case 19:
            return _eighteens(number[:at] + number[at + 1 :] for at in range(19))
        case 16:
            return frozenset(_valid({number[:at] + number[at + 1 :] for at in range(16)}))
        case _:
            return _near_fifteen(number)


def _fill(left: str, right: str) -> str | None:
    """The only number of 18 characters that has one more character between these; None where there is none."""
    if not right:
        return left + check_character(left) if left.isdigit() else None
    body = f"{left}0{right[:-1]}"
    if not body.isdigit() or right[-1] not in _CHECK:
        return None
    missing = (_CHECK.index(right[-1]) - _weighted(body)) * _INVERSE[len(left)] % 11
    return None if missing == _NO_DIGIT else f"{left}{missing}{right}"


def _swapped(number: str) -> Iterator[str]:
    """The number with each two neighbours swapped that are not the same."""
    for at in range(len(number) - 1):
        if number[at] != number[at + 1]:
            yield number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def _eighteens(numbers: Iterable[str | None]) -> frozenset[Identity]:
    """The numbers of 18 characters among these that are valid."""
    found = set()
    for number in numbers:
        if number is None or not _EIGHTEEN.fullmatch(number):
            continue
        with suppress(MalformedIdentity):
            _check_eighteen(number)
            found.add(Identity(kind=_kind_of_eighteen(number), number=number))
    return frozenset(found)


def _near_fifteen(number: str) -> frozenset[Identity]:
    if len(number) not in range(14, 16):
        return frozenset()
    # Letters too: the older card of foreign permanent residents begins with three.
    return frozenset(_valid(_edits(number, "0123456789" + ascii_uppercase)))


def _edits(number: str, alphabet: str) -> set[str]:
    cuts = [(number[:at], number[at:]) for at in range(len(number) + 1)]
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    replaced = {a + c + b[1:] for a, b in cuts if b for c in alphabet}
    dropped = {a + b[1:] for a, b in cuts if b}
    added = {a + c + b for a, b in cuts for c in alphabet}
    return swapped | replaced | dropped | added


def _valid(numbers: set[str]) -> set[Identity]:
    found = set()
    for number in numbers:
        try:
            found.add(parse_person(number))
        except MalformedIdentity:
            continue
    return found


def _expand(fifteen: str) -> str:
    """The 18-digit number of the holder of a 15-digit one: the century 19 and a check character."""
    body = f"{fifteen[:6]}19{fifteen[6:]}"
    return body + check_character(body)


def _check_eighteen(number: str) -> None:
    if check_character(number[:17]) != number[17]:
        raise MalformedIdentity("has a wrong check character", remedy="read the card again")
    _birth_date(number[6:14])


def _birth_date(text: str) -> date:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError as error:
        raise MalformedIdentity("has an impossible date of birth", remedy="read the card again") from error


def _century(two_digits: str) -> str:
    """Either century gives the same answer to "is this a day", but for 29 February 1900, which no leap year has."""
    return "20" if two_digits == "00" else "19"


def _kind_of_eighteen(number: str) -> IdentityKind:
    if number.startswith("9"):
        return IdentityKind.FOREIGN_PERMIT
    if number[:6] in {"810000", "820000", "830000"}:
        return IdentityKind.HMT_PERMIT
    return IdentityKind.RESIDENT
