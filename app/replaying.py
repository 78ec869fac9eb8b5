"""Replays: an old statement computed again from what the hub has kept, recorded before anything of it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.hub import Hub
from audit.detail import DetailKey
from audit.entry import instant
from audit.logs import DESK
from audit.record import Record
from exchange.current import Current
from exchange.held import check_reason
from exchange.history import Standing, standing
from exchange.layout import Layout
from exchange.reader import Exchange
from kernel.digest import digest, digest_text
from kernel.errors import Faulty, NotYourCase
from kernel.sealing import Sealer
from schemas.archive import NotKept
from schemas.catalogue import Catalogue
from schemas.title import Title
from schemas.wire.v1 import audit_pb2, statement_pb2
from verifier.call import Party, Reader
from verifier.cases import unsealed
from verifier.evidence import Evidence, believed
from verifier.replay import Recomputed, claims_of, nothing, recompute, versions_of
from verifier.statement import parse_request


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A statement that held, and each of its answers computed again."""

    statement: statement_pb2.Statement
    answers: tuple[Recomputed, ...]


def replay(hub: Hub, evidence: Evidence, *, by: str, reason: str) -> Replayed:
    """Check evidence, record that it is looked at, and compute its statement again.

    Raises Malformed where name or reason cannot be recorded, FalseEvidence where the evidence does not hold,
    LogUnavailable where the look cannot be recorded, and Damaged where a snapshot or an archived file is not as it was:
    what was changed since proves nothing, in either direction.
    """
    check_reason(by, reason or "-", longest=hub.exchange_settings.reason_characters_max)
    statement = believed(evidence, hub.trust)
    parties = _parties(hub, evidence)
    # Recorded before anybody's rows are read, let alone shown.
    hub.logs.shared(DESK).append(_looked_at(hub, evidence, statement, by, reason))
    try:
        agreements = _agreements(hub, statement)
    except NotKept:
        why = Title(zh="当时的协议未存档", en="the agreements of that time are not in the archive")
        return Replayed(statement=statement, answers=nothing(statement, why))
    except Faulty:
        why = Title(zh="当时的协议本版本程序不能读取", en="this release cannot read the agreements of that time")
        return Replayed(statement=statement, answers=nothing(statement, why))
    versions = versions_of(statement)
    gone = _gone(hub, versions)
    kept = {
        dataset: Current(version=each.version, manifest_digest=each.manifest_digest)
        for dataset, each in versions.items()
        if dataset not in gone
    }
    exchange = Exchange(hub.paths.exchange, hub.index_keys, agreements.readable, hub.exchange_settings)
    datasets = [name for claim in claims_of(statement, agreements).values() for name in claim.datasets]
    pinned = exchange.pin_versions(datasets, kept)
    return Replayed(statement=statement, answers=recompute(statement, parties, agreements, pinned, gone))


def _parties(hub: Hub, evidence: Evidence) -> tuple[Party, ...]:
    """The parties as the case had them: the question may have left out their names, which make answers more careful."""
    request = parse_request(evidence.request)
    try:
        return unsealed(request.case_token, Sealer(hub.secret("case"))).parties
    except NotYourCase:
        # Under another case key the token tells nothing any more: the question itself must do.
        reader = Reader(hub.verifier_settings)
        read = reader.named_call if request.questions else reader.item_call
        return read(evidence.request).parties


def _agreements(hub: Hub, statement: statement_pb2.Statement) -> Catalogue:
    """The agreements that a statement was made under; raises NotKept, Damaged or Faulty.

    A statement from before there was an archive names none: then those that were in force, as far as anybody knows.
    """
    if statement.agreements_digest:
        return hub.archive.catalogue(statement.agreements_digest)
    issued = instant(statement.issued_at)
    before = [name for kept_at, name in hub.archive.catalogues() if kept_at <= issued]
    if not before:
        raise NotKept("nothing was kept at that time", field="agreements")
    return hub.archive.catalogue(before[-1])


def _gone(hub: Hub, versions: Mapping[str, statement_pb2.SnapshotRef]) -> dict[str, Title]:
    """Why snapshots cannot be read any more, by dataset."""
    found = {}
    for dataset, each in versions.items():
        now = standing(Layout.of(hub.paths.exchange, dataset), each.version)
        if now not in {Standing.IN_FORCE, Standing.KEPT}:
            words = now.words
            found[dataset] = Title(
                zh=f"快照 {dataset} {each.version}：{words.zh}", en=f"snapshot {dataset} {each.version}: {words.en}"
            )
    return found


def _looked_at(hub: Hub, evidence: Evidence, statement: statement_pb2.Statement, by: str, reason: str) -> Record:
    """The entry of the look: VIEWED, sealed under the case's own key, so that it shows among the case's records."""
    key = _key_of_case(hub, statement.case_number)
    detail = audit_pb2.Detail(
        operator=by,
        case_number=statement.case_number,
        item=statement.item,
        attributes={"what": "replay", "reason": reason, "statement": digest_text(digest(evidence.statement))},
    )
    if key is not None:
        detail.parties.extend(statement.parties)
    return Record(kind=audit_pb2.ENTRY_KIND_VIEWED, detail=detail, seal=key or hub.detail_keys.general())


def _key_of_case(hub: Hub, case_number: str) -> DetailKey | None:
    """The case's key; None where it has been destroyed: then the look is recorded without the parties."""
    key_id = hub.detail_keys.id_of_case(case_number)
    return hub.detail_keys.get(key_id) if key_id is not None else None
