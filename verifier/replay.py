"""Computing an old statement again: the same agreements, the same snapshots, the same instant, through the same code.

Pure but for the ports: what was then in force is handed in, the evidence has been checked before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from audit.detail import OPEN
from audit.entry import instant
from kernel.errors import Malformed
from schemas.catalogue import Catalogue
from schemas.claim import Claim
from schemas.grant import Grant
from schemas.item import Binding, Source
from schemas.parameter import ParameterType
from schemas.title import Title
from schemas.wire.v1 import statement_pb2
from verifier.call import Party
from verifier.cases import Case
from verifier.judge import Lookups, judge
from verifier.materials import Asked
from verifier.outcome import Outcome, Reason
from verifier.ports import Pinned


class Sameness(StrEnum):
    """How an answer that was computed again stands to the one that was given."""

    SAME = "same"
    DIFFERENT = "different"
    CANNOT = "cannot"

    @property
    def words(self) -> Title:
        """The sameness as people read it."""
        return _WORDS[self]


_WORDS = {
    Sameness.SAME: Title(zh="相同", en="the same"),
    Sameness.DIFFERENT: Title(zh="不同", en="different"),
    Sameness.CANNOT: Title(zh="无法重算", en="cannot be computed again"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """One answer of the statement and what it is now. `outcome` is None, and `why` says why, where nothing came of it.

    `parts` names what differs: outcome, reason, parameters, snapshots, disclosed.
    """

    given: statement_pb2.Answer
    sameness: Sameness
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    parts: tuple[str, ...] = ()
    why: Title | None = None


Versions = Mapping[str, statement_pb2.SnapshotRef]


def versions_of(statement: statement_pb2.Statement) -> dict[str, statement_pb2.SnapshotRef]:
    """The snapshots that a statement rests on, by dataset; raises Malformed where it names two of one dataset."""
    found: dict[str, statement_pb2.SnapshotRef] = {}
    for each in (*statement.identity_snapshots, *(ref for answer in statement.answers for ref in answer.snapshots)):
        if found.setdefault(each.dataset, each) != each:
            raise Malformed(f"names two snapshots of {each.dataset}", field="statement")
    return found


def claims_of(statement: statement_pb2.Statement, agreements: Catalogue) -> dict[bytes, Claim]:
    """The claims of a statement as they were, by digest; one that these agreements do not hold is left out."""
    known = {each.digest: each for each in (*agreements.claims.values(), *agreements.claim_versions.values())}
    return {
        answer.claim_digest: known[answer.claim_digest] for answer in statement.answers if answer.claim_digest in known
    }


def recompute(
    statement: statement_pb2.Statement,
    parties: Sequence[Party],
    agreements: Catalogue,
    pinned: Pinned,
    gone: Mapping[str, Title],
) -> tuple[Recomputed, ...]:
    """Every answer again, in the statement's order. `gone` says of datasets why their snapshots cannot be read.

    Every look-up leans on the registers of aliases and names: where one of those is gone, nothing can be computed.
    """
    now = instant(statement.issued_at)
    registers = [each.dataset for each in statement.identity_snapshots]
    missing = next((gone[each] for each in registers if each in gone), None)
    if missing is not None:
        return tuple(_cannot(answer, missing) for answer in statement.answers)
    aliases = agreements.aliases.id if agreements.aliases else None
    lookups = Lookups(pinned, parties, aliases)
    claims = claims_of(statement, agreements)
    found = []
    for answer in statement.answers:
        why = _why_not(answer, claims, gone)
        if why is not None:
            found.append(_cannot(answer, why))
            continue
        asked, case = asked_again(answer, claims[answer.claim_digest]), _case(statement, answer, parties)
        # Values are compared only where some were given: what a grant allowed then stands in the answer itself.
        grant = Grant(id=answer.grant, group="", item=statement.item, claims=frozenset(), values=bool(answer.disclosed))
        made = judge(asked, case, lookups, grant, snapshots=pinned.snapshots, now=now)
        found.append(_compared(answer, made))
    return tuple(found)


def asked_again(answer: statement_pb2.Answer, claim: Claim) -> Asked:
    """The question that an answer answers, its parameters bound as the statement shows them; raises Malformed."""
    if answer.parameters.keys() != {each.name for each in claim.parameters}:
        raise Malformed(f"has other parameters than {claim.id}", field="statement")
    bindings = [
        Binding(parameter=each.name, source=Source.ROLE, value=answer.parameters[each.name])
        if each.type is ParameterType.IDENTITY
        # Constant or input then, it is a text of the statement now.
        else Binding(parameter=each.name, source=Source.INPUT, value=each.name)
        for each in claim.parameters
    ]
    known = statement_pb2.Answer(
        material=answer.material,
        claim=claim.id,
        claim_version=claim.version,
        claim_digest=claim.digest,
        role=answer.role,
    )
    return Asked(
        material=answer.material,
        role=answer.role,
        claim=claim,
        bindings=tuple(bindings),
        doubles=tuple(str(each.value) for each in bindings if each.source is Source.ROLE),
        answer=known,
    )


def _case(statement: statement_pb2.Statement, answer: statement_pb2.Answer, parties: Sequence[Party]) -> Case:
    """The case as far as one answer depends on it."""
    issued = instant(statement.issued_at)
    return Case(
        number=statement.case_number,
        client=statement.client,
        operator=statement.operator,
        operator_assurance=statement.operator_assurance,
        item=statement.item,
        item_version=statement.item_version,
        parties=tuple(parties),
        inputs=dict(answer.parameters),
        legal_basis=statement.legal_basis,
        presence=statement.presence,
        opened_at=issued,
        expires_at=issued,
        key=OPEN,
    )


def _why_not(answer: statement_pb2.Answer, claims: Mapping[bytes, Claim], gone: Mapping[str, Title]) -> Title | None:
    """Why an answer cannot be computed again; None where it can."""
    if answer.outcome == statement_pb2.OUTCOME_PENDING:
        return Title(zh="协查由部门答复，不能重算", en="a department answers assistance; it is not computed")
    if answer.claim_digest not in claims:
        name = f"{answer.claim} {answer.claim_version}"
        return Title(zh=f"核验项 {name} 未存档", en=f"claim {name} is not in the archive")
    return next((gone[ref.dataset] for ref in answer.snapshots if ref.dataset in gone), None)


def _compared(given: statement_pb2.Answer, made: statement_pb2.Answer) -> Recomputed:
    parts = tuple(name for name in _COMPARED if _plain(given, name) != _plain(made, name))
    return Recomputed(
        given=given,
        sameness=Sameness.DIFFERENT if parts else Sameness.SAME,
        outcome=Outcome(made.outcome),
        reason=Reason(made.reason),
        parts=parts,
    )


_COMPARED = ("claim", "claim_version", "outcome", "reason", "parameters", "snapshots", "disclosed")


def _plain(answer: statement_pb2.Answer, name: str) -> object:
    value = getattr(answer, name)
    if name in {"parameters", "disclosed"}:
        return dict(value)
    return list(value) if name == "snapshots" else value


def _cannot(given: statement_pb2.Answer, why: Title) -> Recomputed:
    return Recomputed(given=given, sameness=Sameness.CANNOT, why=why)


def nothing(statement: statement_pb2.Statement, why: Title) -> tuple[Recomputed, ...]:
    """Every answer as one that cannot be computed again, for one reason."""
    return tuple(_cannot(answer, why) for answer in statement.answers)


def worst(found: Sequence[Recomputed]) -> Sameness:
    """What there is to say of the statement as a whole: DIFFERENT before CANNOT before SAME."""
    kinds = {each.sameness for each in found}
    return next((each for each in (Sameness.DIFFERENT, Sameness.CANNOT) if each in kinds), Sameness.SAME)
