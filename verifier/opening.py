"""Opening a case, and closing it."""

from dataclasses import dataclass, replace

from audit.entry import timestamp
from kernel.errors import UnknownItem
from kernel.ids import new_case_number
from schemas.wire.v1 import verification_pb2
from verifier import desk as desks
from verifier import records
from verifier.authenticate import authenticate
from verifier.authorise import authorise
from verifier.materials import check_opening
from verifier.peer import Peer
from verifier.probing import check_guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Opens and closes cases at a desk."""

    desk: desks.Desk

    def open_case(self, peer: Peer, raw: bytes) -> verification_pb2.OpenCaseResponse:
        """Open a case for what the item allows and the client may ask; recorded, or refused and recorded.

        All that the case can be asked is authorised here already, so that a clerk learns of a missing grant at once.
        """
        desk = self.desk
        agreed = desk.agreements.current
        client = opening = None
        try:
            client = authenticate(peer, agreed.catalogue, desk.rolls.current(), desk.clock.now())
            opening = desk.reader.opening(raw)
            now = desk.clock.now()
            opening = replace(opening, presence=desk.witnessing.counted(opening, now))
            assured = desk.witnessing.assurance(opening, peer, client, desk.rolls.current(), now)
            item = agreed.catalogue.items.get(opening.item)
            if item is None:
                # The id is not repeated: it is the client's text, and may be anything.
                raise UnknownItem("no item has this id", field="item")  # noqa: TRY301 - one place records every refusal
            plan = check_opening(item, agreed.plans, opening)
            authorise(agreed.catalogue, client, item, plan.claims, presence=opening.presence, now=now)
            limits = agreed.catalogue.groups[client.group].limits
            desk.limits.take(limits, client.group, client.id, opening.operator, item.id, now)

            # The numbers of one person are one person, whichever they are called by.
            pinned = agreed.facts.pin(())
            people = {party.role: pinned.linked(party.identity)[0] for party in opening.parties}
            until = desk.cases.expiry(now)
            check_guesses(desk.guesses, client, plan, people, opening.inputs, now=now, until=until)

            number = new_case_number(now)
            tags = desk.tagger.tags(opening.parties)
            # Whoever acts for the applicant may ask to be forgotten, too.
            key = desk.detail_keys.for_case(number, [*tags, *desk.tagger.agent_tags(opening.agent)])
            case = desk.cases.open(number, client, opening, item, key, assurance=assured)
            token = desk.cases.token(case)
        except Exception as fault:
            known = desks.Known(peer=peer, raw=raw, client=client, opening=opening)
            raise desk.refused(fault, known) from fault

        logged = desk.log.append(records.opened(case, client.channel, tags, raw, desk.tagger))
        return verification_pb2.OpenCaseResponse(
            case_number=case.number,
            case_token=token,
            expires_at=timestamp(case.expires_at),
            entry=logged.entry,
            receipt=logged.receipt,
        )

    def close_case(self, peer: Peer, raw: bytes) -> verification_pb2.CloseCaseResponse:
        """Close a case for every worker, durably, then record it.

        Closing a closed case is recorded again and succeeds: a client that lost the reply may ask again.
        """
        desk = self.desk
        agreed = desk.agreements.current
        client = case = None
        try:
            client = authenticate(peer, agreed.catalogue, desk.rolls.current(), desk.clock.now())
            closing = desk.reader.closing(raw)
            case = desk.cases.read(closing, client)
            desk.cases.check_time(case)
            # Closed before it is recorded: otherwise an answer could follow the entry that says the case is over.
            desk.cases.closures.close_case(case.number, case.expires_at)
        except Exception as fault:
            raise desk.refused(fault, desks.Known(peer=peer, raw=raw, client=client, case=case)) from fault

        logged = desk.log.append(records.closed(case, client.channel, desk.tagger.tags(case.parties), desk.tagger))
        return verification_pb2.CloseCaseResponse(entry=logged.entry, receipt=logged.receipt)
