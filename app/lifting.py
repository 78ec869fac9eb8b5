"""What a group has guessed about one person, and letting it guess again: by hand, and recorded."""

from collections.abc import Iterator, Mapping

from app.case_endings import Asked
from app.hub import Hub
from app.verification import hub_guesses
from audit.logs import DESK
from audit.record import Record
from exchange.held import check_reason
from kernel.errors import Malformed
from kernel.identity import parse_person
from schemas.wire.v1 import audit_pb2
from verifier.call import Party
from verifier.probing import PERSON, about
from verifier.statement import Tagger


def guessed(hub: Hub, group: str, number: str) -> Mapping[str, int]:
    """How many different values a group has tried about a person within the window, by registry; none is left out.

    Raises MalformedIdentity, or Malformed where there is no such group.
    """
    guesses = hub_guesses(hub)
    try:
        return {dataset: guesses.count(each, hub.clock.now()) for dataset, each in _abouts(hub, group, number)}
    finally:
        guesses.end()


def lift(hub: Hub, group: str, number: str, asked: Asked) -> int:
    """Let a group guess anew about a person; returns how many guesses are forgotten.

    Recorded first: POLICY_CHANGED with who, why and the person's tag. Raises as `guessed`, and LogUnavailable.
    """
    check_reason(asked.by, asked.reason, longest=hub.exchange_settings.reason_characters_max)
    abouts = list(_abouts(hub, group, number))
    hub.logs.shared(DESK).append(_record(hub, group, number, asked))
    guesses = hub_guesses(hub)
    try:
        return guesses.lift(each for _, each in abouts)
    finally:
        guesses.end()


def _abouts(hub: Hub, group: str, number: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if group not in hub.catalogue.groups:
        raise Malformed("names no client group", field="group", remedy="mianzheng grants list")
    # As when a case is opened: under the number that is in use.
    person = hub.exchange.pin(()).linked(parse_person(number))[0]
    for dataset in sorted(hub.catalogue.contracts):
        yield dataset, about(group, dataset, PERSON, person.canonical)


def _record(hub: Hub, group: str, number: str, asked: Asked) -> Record:
    tagger = Tagger(hub.secret(f"tag-{hub.settings.tag_epoch}"), hub.settings.tag_epoch)
    detail = audit_pb2.Detail(
        operator=asked.by,
        parties=tagger.tags([Party(role="", identity=parse_person(number), name="")]),
        attributes={"what": "guesses lifted", "group": group, "reason": asked.reason},
    )
    return Record(kind=audit_pb2.ENTRY_KIND_POLICY_CHANGED, detail=detail, seal=hub.detail_keys.general())
