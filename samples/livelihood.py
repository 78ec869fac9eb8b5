"""Social insurance, medical insurance and housing fund accounts, as people's working lives made them."""

from dataclasses import dataclass, field

from samples.draft import Draft
from samples.newcomers import adult_from
from samples.world import Account, Cover, Insurance, Person, Sex, first_day, month_of

PENSION, UNEMPLOYMENT, INJURY = "养老", "失业", "工伤"
WORKERS, EVERYBODY = "职工", "城乡居民"
PENSION_FROM = {Sex.MALE: 60, Sex.FEMALE: 55}
SCHEMES_SINCE = 1992 * 12
WORKING_SHARE, EMPLOYED_SHARE, PAUSED_SHARE = 0.72, 0.7, 0.15
GAP_SHARE = 0.3
FUND_SHARE, SEALED_SHARE = 0.55, 0.12
FUND_SINCE = 1996 * 12
COVERED_SHARE = 0.93
CHANGED_SCHEME_SHARE = 0.1
_EMPLOYERS = 160
_MONTHLY_FEN = (30_000, 60_000, 84_000, 120_000, 150_000, 246_800)


@dataclass(slots=True, kw_only=True)
class Livelihood:
    """What the three registries know."""

    insurances: list[Insurance] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)


def provide(draft: Draft) -> Livelihood:
    """The insurances and accounts of everybody who lives or lived here."""
    result = Livelihood()
    employers = [draft.serials.employer("331081") for _ in range(_EMPLOYERS)]
    for residence in draft.residences.values():
        person = draft.people[residence.person]
        employed = _work(draft, result, person, employers)
        _cover(draft, result, person, employed=employed)
    return result


def _work(draft: Draft, result: Livelihood, person: Person, employers: list[str]) -> bool:
    """Insure a working life; returns whether the person is employed today."""
    rng = draft.rng
    retired = month_of(person.born) + PENSION_FROM[person.sex] * 12
    stop = min(retired - 1, month_of(person.died) - 1 if person.died else retired)
    start = max(SCHEMES_SINCE, month_of(adult_from(person)) + rng.randrange(60))
    now = month_of(draft.today) - 1
    if start >= min(stop, now) or rng.random() > WORKING_SHARE:
        return False
    working = stop > now
    paused = working and rng.random() < PAUSED_SHARE
    spells = _spells(draft, start, min(stop, now), open_=working and not paused)
    employer = rng.choice(employers) if rng.random() < EMPLOYED_SHARE else None
    schemes = (PENSION, UNEMPLOYMENT, INJURY) if employer and rng.random() < _ALL_SCHEMES_SHARE else (PENSION,)
    for scheme in schemes:
        number = f"SB{draft.serials.next('insurance'):09d}"
        result.insurances.append(
            Insurance(
                record_no=number, person=person.key, scheme=scheme, spells=spells, ended=not working, employer=employer
            )
        )
    if employer and rng.random() < FUND_SHARE:
        _save(draft, result, person, spells)
    return working and not paused and employer is not None


def _spells(draft: Draft, start: int, stop: int, *, open_: bool) -> tuple[tuple[int, int | None], ...]:
    rng = draft.rng
    if stop - start > _GAP_NEEDS and rng.random() < GAP_SHARE:
        gap = rng.randrange(start + 1, stop - 2)
        resumed = rng.randrange(gap + 2, stop + 1)
        return ((start, gap), (resumed, None if open_ else stop))
    if open_:
        return ((start, None),)
    return ((start, rng.randrange(start, stop + 1)),)


def _save(draft: Draft, result: Livelihood, person: Person, spells: tuple[tuple[int, int | None], ...]) -> None:
    rng = draft.rng
    first, last = spells[-1]
    first = max(first, FUND_SINCE)
    now = month_of(draft.today) - 1
    if last is None and rng.random() < SEALED_SHARE and now > first:
        last = rng.randrange(first, now)
    if last is not None and last < first:
        return
    monthly = rng.choice(_MONTHLY_FEN)
    deposits = ((now if last is None else last) - first + 1) * monthly
    closed = None
    if last is not None and (person.died or rng.random() < _CLOSED_SHARE):
        after = first_day(last + 1)
        closed = draft.day_between(after, draft.today)
    number = f"3310{draft.serials.next('account'):08d}"
    result.accounts.append(
        Account(
            account_no=number, person=person.key, opened=first_day(first),
            monthly_fen=monthly, first_month=first, last_month=last, closed=closed,
            withdrawn_fen=rng.randrange(deposits) if rng.random() < _WITHDRAWN_SHARE else 0,
        )
    )  # fmt: skip


def _cover(draft: Draft, result: Livelihood, person: Person, *, employed: bool) -> None:
    rng = draft.rng
    if rng.random() > COVERED_SHARE:
        return
    until = min(draft.today, person.died or draft.today)
    earliest = max(person.born, draft.today.replace(year=2001, month=1, day=1))
    if earliest > until:
        return
    scheme = WORKERS if employed else EVERYBODY
    since = draft.day_between(earliest, until)
    if rng.random() < CHANGED_SCHEME_SHARE and earliest < since:
        number = f"YB{draft.serials.next('cover'):09d}"
        before = draft.day_between(earliest, since)
        other = EVERYBODY if employed else WORKERS
        result.covers.append(Cover(record_no=number, person=person.key, scheme=other, since=before, ended=since))
    suspended = draft.day_between(since, until) if rng.random() < _SUSPENDED_SHARE else None
    number = f"YB{draft.serials.next('cover'):09d}"
    result.covers.append(
        Cover(record_no=number, person=person.key, scheme=scheme, since=since, suspended=suspended, ended=person.died)
    )


_ALL_SCHEMES_SHARE = 0.25
_GAP_NEEDS = 24
_CLOSED_SHARE = 0.4
_WITHDRAWN_SHARE = 0.3
_SUSPENDED_SHARE = 0.05
