"""The one error tree.

MianzhengError
├── Malformed             bytes or text from outside that are not what they claim to be
│   └── MalformedIdentity an identity number that nobody holds
├── Damaged               a file of ours that is not as we wrote it
│   └── Unreadable        or that cannot be read now
├── OtherFormat           a home or a file of ours in a format that this version does not work on
├── Faulty                agreements or settings with faults, all of them listed
├── Refusal               a question that gets no answer; each has a stable code
│   ├── Unauthenticated   we do not know who asks
│   │   └── Revoked, CertificateExpired, FalseAssertion
│   ├── Denied            we know, and they may not
│   │   ├── NoGrant (OutsidePlace, OutsideHours, PresenceTooWeak), NotYourCase, CaseClosed (CaseRevoked),
│   │   │   CaseExpired, PartiesMismatch, TooManyGuesses
│   ├── Invalid           the question cannot be asked like this
│   │   ├── UnknownItem, UnknownClaim, ClaimOutsideItem, RequestIdReused
│   ├── LimitReached      as much has been asked as may be asked in this minute or day
│   └── Unavailable       not now
│       ├── UnderWay      the same request is being answered already
│       └── LogUnavailable  the audit log cannot be written, so nothing is answered
└── Conflict              somebody else moved what we were about to move

Codes are stable: clients and tests rely on them. Messages carry no personal data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class MianzhengError(Exception):
    """Every error that the product raises on purpose.

    `field` names what is wrong, where one thing is; `remedy` says what to do about it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, field: str = "", remedy: str = "") -> None:
        """Say what is wrong, in which field, and what to do."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        """One line: field, message, remedy."""
        where = f"{self.field}: " if self.field else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{where}{self.message}{remedy}"


class Malformed(MianzhengError):
    """Bytes or text from outside that are not what they claim to be."""

    code = "malformed"


class MalformedIdentity(Malformed):
    """Text that is no identity number of any kind that people hold."""

    code = "malformed_identity"


class Damaged(MianzhengError):
    """A file of ours is not as we wrote it; the message names file and place."""

    code = "damaged"


class Unreadable(Damaged):
    """A file of ours that cannot be read now: what it says is not known, so nothing may be dropped for it."""


class OtherFormat(MianzhengError):
    """A home or a file of ours has a format that this version does not work on: older, and to be migrated; or newer."""

    code = "other_format"


class Conflict(MianzhengError):
    """Somebody else moved what we were about to move; look again and retry."""

    code = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One thing wrong in a file that people write: where, what, and what to do."""

    path: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        """`path:line: what (remedy)`, as compilers say it."""
        return f"{self.path}:{self.line}: {self.what} ({self.remedy})"


class Faulty(MianzhengError):
    """Agreements or settings with faults; `faults` lists all of them, not the first."""

    code = "faulty"

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Collect the faults in the order of files and lines."""
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Refusal(MianzhengError):
    """A question that gets no answer. `claims` names the claims refused, where some are."""

    code = "refused"

    def __init__(self, message: str, *, field: str = "", remedy: str = "", claims: tuple[str, ...] = ()) -> None:
        """Say why, and which claims."""
        super().__init__(message, field=field, remedy=remedy)
        self.claims = claims


class Unauthenticated(Refusal):
    """We do not know who asks."""

    code = "unauthenticated"


class Revoked(Unauthenticated):
    """We knew the client or its certificate, and it has been revoked."""

    code = "revoked"


class CertificateExpired(Unauthenticated):
    """The certificate's time ended while the connection was open."""

    code = "certificate_expired"


class FalseAssertion(Unauthenticated):
    """The operator's assertion does not hold: not their key, not this client, not this hub, or not now."""

    code = "false_assertion"


class Denied(Refusal):
    """We know who asks, and they may not."""

    code = "denied"


class NoGrant(Denied):
    """No grant lets this client ask this claim for this item."""

    code = "no_grant"


class OutsidePlace(NoGrant):
    """A grant would let the client ask, but not where it stands."""

    code = "outside_place"


class OutsideHours(NoGrant):
    """A grant would let the client ask, but not at this hour."""

    code = "outside_hours"


class PresenceTooWeak(NoGrant):
    """A grant would let the client ask, but needs more proof of the applicant's presence."""

    code = "presence_too_weak"


class NotYourCase(Denied):
    """The case was opened by another client, or the token is none of ours."""

    code = "not_your_case"


class CaseClosed(Denied):
    """The case has been closed."""

    code = "case_closed"


class CaseRevoked(CaseClosed):
    """The hub has ended the case."""

    code = "case_revoked"


class CaseExpired(Denied):
    """The case's time is over."""

    code = "case_expired"


class PartiesMismatch(Denied):
    """The parties of the question are not the parties of the case."""

    code = "parties_mismatch"


class TooManyGuesses(Denied):
    """The client's group has tried too many different values about one person within the window."""

    code = "too_many_guesses"


class Invalid(Refusal):
    """The question cannot be asked like this; `field` says where."""

    code = "invalid_request"


class UnknownItem(Invalid):
    """No item has this id."""

    code = "unknown_item"


class UnknownClaim(Invalid):
    """No claim has this id."""

    code = "unknown_claim"


class ClaimOutsideItem(Invalid):
    """The item does not need this claim about this party."""

    code = "claim_outside_item"


class LimitReached(Refusal):
    """As much has been asked as may be asked in this minute or day. `retry_after_s`: when the next one begins."""

    code = "limit_reached"
    retry_after_s: float = 0.0

    @classmethod
    def until(cls, by: str, seconds: int, retry_after_s: float) -> "LimitReached":
        """A limit by client, operator or item, on a period of so many seconds, that ends after so many more."""
        error = cls(f"no more may be asked by this {by} in these {seconds} seconds", remedy="ask again in the next")
        error.retry_after_s = retry_after_s
        return error


class Unavailable(Refusal):
    """Not now; asking again later may work."""

    code = "unavailable"


class LogUnavailable(Unavailable):
    """The audit log cannot be written, so nothing is answered."""

    code = "log_unavailable"


class RequestIdReused(Invalid):
    """The client has used this request id for another request."""

    code = "request_id_reused"


class UnderWay(Unavailable):
    """The same request is being answered already."""

    code = "under_way"
