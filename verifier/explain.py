"""Why a client may ask a claim, or may not: the decision of `authorise`, with its reason and where that is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from kernel.clock import SHANGHAI
from kernel.errors import NoGrant, OutsideHours, OutsidePlace
from schemas.catalogue import Catalogue
from schemas.client import Client
from schemas.grant import Grant
from schemas.item import Item
from schemas.needs import Proof
from schemas.title import Title
from verifier.authorise import hindrance


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One claim: whether it may be asked, under which grant, why, and the file and line that say so.

    `code` is the refusal's, empty where it may be asked.
    """

    claim: str
    grant: Grant | None
    code: str
    why: Title
    source: str

    @property
    def allowed(self) -> bool:
        """Whether it may be asked."""
        return not self.code


def explain(
    catalogue: Catalogue, client: Client, item: Item, claims: Iterable[str], *, proof: Proof, now: datetime
) -> Iterator[Explained]:
    """Each claim with its reason. A question is refused as a whole if one of its claims is."""
    group = catalogue.groups[client.group]
    rights = catalogue.right(group.id, item.id, client.channel)
    for claim in claims:
        grant = rights.grants.get(claim)
        if item.id not in group.items:
            zh, en = f"接入方组 {group.id} 不办理此事项", f"the group {group.id} does not handle it"
            yield _refused(claim, None, zh, en, group.source)
        elif grant is None:
            zh, en = f"渠道 {client.channel} 没有授权", f"no grant names it on the channel {client.channel}"
            yield _refused(claim, None, zh, en, f"grants/{group.id}.yaml:1")
        else:
            yield _of_grant(claim, grant, client, proof, now)


def _of_grant(claim: str, grant: Grant, client: Client, proof: Proof, now: datetime) -> Explained:
    kind = hindrance(grant, client, proof, now)
    if kind is None:
        what = Title(zh="可看数据", en="disclose") if grant.values else Title(zh="只看结论", en="verify only")
        why = Title(zh=f"{what.zh}，依据{grant.legal_basis}", en=f"{what.en}, under {grant.legal_basis}")
        return Explained(claim=claim, grant=grant, code="", why=why, source=grant.source)
    if kind is OutsidePlace:
        here, places = client.place, "、".join(grant.places)
        zh = f"仅限 {places}，接入方在 {here or '未登记地点'}"
        en = f"only in {', '.join(grant.places)}; the client stands in {here or 'no place that is known'}"
    elif kind is OutsideHours:
        at = now.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        zh, en = f"仅限 {grant.hours}，此时 {at}", f"only {grant.hours}; it is {at}"
    else:
        zh = f"须{grant.presence.words.zh}，本次为{proof.words.zh}"
        en = f"needs {grant.presence.words.en}; there is {proof.words.en}"
    return _refused(claim, grant, zh, en, grant.source, kind)


def _refused(
    claim: str, grant: Grant | None, zh: str, en: str, source: str, kind: type[NoGrant] = NoGrant
) -> Explained:
    return Explained(claim=claim, grant=grant, code=kind.code, why=Title(zh=zh, en=en), source=source)
