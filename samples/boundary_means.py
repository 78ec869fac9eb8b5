"""Boundary cases of dwellings, insurances and fund accounts: what is owned, owed, paid and saved."""

from datetime import date

from samples.handmade import MAN, WOMAN, Hand
from samples.numbers import fifteen
from samples.questions import NO_CERTIFICATE, NOBODYS_NUMBER
from samples.world import Account, Number, Person, Stay

OWNS_NONE = "dwelling.owns_none"
OWNS_THIS = "dwelling.owns_this"
SOLE = "dwelling.sole_owner"
MORTGAGED = "dwelling.mortgaged"
FREE = "dwelling.free_of_mortgage"
BORN = date(1980, 8, 8)
JANUARY_2025, OCTOBER_2026 = 2025 * 12, 2026 * 12 + 9
"""Months as the world counts them; October 2026 is the last that is paid on 24 November."""


def means(hand: Hand) -> None:
    """Put owners and payers in and note what to ask, on 24 November 2026."""
    _owners(hand)
    _co_owners(hand)
    _mortgages(hand)
    _former_numbers(hand)
    _pensions(hand)
    _health(hand)
    _savings(hand)


def _someone(hand: Hand, name: str) -> Person:
    return hand.here(hand.person(name, MAN, BORN))


def _owners(hand: Hand) -> None:
    none = _someone(hand, "无房")
    hand.ask("no record at all", OWNS_NONE, none, "CONFIRMED")
    hand.ask("no record at all", OWNS_THIS, none, "NO_RECORD", certificate_no=NO_CERTIFICATE)
    hand.ask("a number that nobody holds", OWNS_NONE, NOBODYS_NUMBER, "CONFIRMED")
    one = _someone(hand, "一房")
    own = hand.title(one)
    hand.ask("one dwelling", OWNS_NONE, one, "NOT_CONFIRMED")
    hand.ask("one dwelling", OWNS_THIS, one, "CONFIRMED", certificate_no=own)
    hand.ask("one dwelling, alone", SOLE, one, "CONFIRMED", certificate_no=own)
    hand.ask("another's certificate", OWNS_THIS, none, "NO_RECORD", certificate_no=own)
    sold = _someone(hand, "卖房")
    former = hand.title(sold, ended=date(2026, 11, 24))
    bought = _someone(hand, "买房")
    now = hand.title(bought, registered=date(2026, 11, 24))
    hand.ask("sold today", OWNS_NONE, sold, "CONFIRMED")
    hand.ask("sold today", OWNS_THIS, sold, "NOT_CONFIRMED", certificate_no=former)
    hand.ask("sold today", SOLE, sold, "NOT_CONFIRMED", certificate_no=former)
    hand.ask("sold today", FREE, sold, "NOT_CONFIRMED", certificate_no=former)
    hand.ask("bought today", OWNS_THIS, bought, "CONFIRMED", certificate_no=now)
    hand.ask("bought today, the seller's certificate", OWNS_THIS, bought, "NOT_CONFIRMED", certificate_no=former)
    for use in ("车位", "商业"):
        other = _someone(hand, "有" + use)
        unit = hand.title(other, use=use)
        hand.ask(f"{use} only", OWNS_NONE, other, "CONFIRMED")
        hand.ask(f"{use} only", OWNS_THIS, other, "CONFIRMED", certificate_no=unit)
    outsider = hand.person("外地业主", WOMAN, BORN, region="360424")
    unit = hand.title(outsider)
    hand.ask("never lived here, owns here", OWNS_NONE, outsider, "NOT_CONFIRMED")
    hand.ask("never lived here, owns here", OWNS_THIS, outsider, "CONFIRMED", certificate_no=unit)


def _co_owners(hand: Hand) -> None:
    dead = hand.here(hand.person("亡共有人", MAN, date(1950, 1, 1), died=date(2021, 3, 4)))
    left = hand.here(hand.person("共有人", WOMAN, date(1952, 1, 1)))
    unit = hand.title(dead, left)
    hand.ask("the co-owner died: still an owner", OWNS_THIS, left, "CONFIRMED", certificate_no=unit)
    hand.ask("the co-owner died: not the sole owner", SOLE, left, "NOT_CONFIRMED", certificate_no=unit)
    hand.ask("the co-owner died: not without a dwelling", OWNS_NONE, left, "NOT_CONFIRMED")
    hand.ask("the dead co-owner stands in the register", OWNS_THIS, dead, "CONFIRMED", certificate_no=unit)
    three = [_someone(hand, name) for name in ("甲", "乙", "丙")]
    unit = hand.title(*three, sharing="按份共有")
    for owner in three:
        hand.ask("one of three under one merged cell", OWNS_THIS, owner, "CONFIRMED", certificate_no=unit)
        hand.ask("one of three", SOLE, owner, "NOT_CONFIRMED", certificate_no=unit)
        hand.ask("one of three", OWNS_NONE, owner, "NOT_CONFIRMED")


def _mortgages(hand: Hand) -> None:
    owner = _someone(hand, "抵押")
    owed = hand.title(owner, mortgages=((date(2015, 1, 1), None),))
    paid = hand.title(owner, mortgages=((date(1996, 1, 1), date(2026, 11, 24)),))
    today = hand.title(owner, registered=date(2026, 11, 24), mortgages=((date(2026, 11, 24), None),))
    never = hand.title(owner)
    for unit, mortgaged in ((owed, True), (paid, False), (today, True), (never, False)):
        yes, no = ("CONFIRMED", "NOT_CONFIRMED") if mortgaged else ("NOT_CONFIRMED", "CONFIRMED")
        hand.ask("one of four, two of them mortgaged", MORTGAGED, owner, yes, certificate_no=unit)
        hand.ask("one of four, two of them mortgaged", FREE, owner, no, certificate_no=unit)
    hand.ask("a certificate that is not theirs", FREE, owner, "NOT_CONFIRMED", certificate_no=NO_CERTIFICATE)
    hand.ask("no record at all", MORTGAGED, _someone(hand, "无押"), "NO_RECORD", certificate_no=owed)


def _former_numbers(hand: Hand) -> None:
    owner = hand.here(hand.person("老业主", MAN, date(1955, 5, 5), region="332623"))
    unit = hand.title(owner, registered=date(1993, 6, 1))
    hand.edit("dwellings", unit, dirty=False, owner_id=fifteen(owner.number))
    hand.ask("bought under 15 digits, asked under 18", OWNS_NONE, owner, "NOT_CONFIRMED")
    hand.ask("bought under 15 digits, asked under 15", OWNS_NONE, fifteen(owner.number) or "", "NOT_CONFIRMED")
    foreign = hand.person("KIM PAUL", MAN, date(1981, 2, 3), numbers=PERMITS)
    hand.here(foreign, since=date(2013, 1, 1), stay=Stay.RESIDENT)
    hand.title(foreign, registered=date(2014, 1, 1))
    hand.ask("bought under the old permit, asked under the new", OWNS_NONE, NEW, "NOT_CONFIRMED")
    hand.ask("bought under the old permit, asked under the old", OWNS_NONE, OLD, "NOT_CONFIRMED")


def _pensions(hand: Hand) -> None:
    now, least, local = "social.insured_now", "social.months_at_least", "person.local_or_insured"
    worker = hand.here(hand.person("务工", MAN, BORN, region="522601"), since=date(2020, 1, 1), stay=Stay.RESIDENT)
    hand.insure(worker, (JANUARY_2025, None))
    hand.ask("pays", now, worker, "CONFIRMED")
    hand.ask("22 months, to the month", least, worker, "CONFIRMED", months=22)
    hand.ask("22 months, not 23", least, worker, "NOT_CONFIRMED", months=23)
    hand.ask("not registered, 22 months", local, worker, "CONFIRMED", months=22)
    hand.ask("not registered, not 23 months", local, worker, "NOT_CONFIRMED", months=23)
    paused = _someone(hand, "断缴")
    hand.insure(paused, (JANUARY_2025, JANUARY_2025 + 5), (OCTOBER_2026 - 2, OCTOBER_2026))
    hand.ask("paused, though October is paid", now, paused, "NOT_CONFIRMED")
    hand.ask("6 and 3 months", least, paused, "CONFIRMED", months=9)
    hand.ask("6 and 3 months, without the gap", least, paused, "NOT_CONFIRMED", months=10)
    injured = _someone(hand, "仅工伤")
    hand.insure(injured, (JANUARY_2025, None), scheme="工伤")
    hand.ask("another scheme only", now, injured, "NOT_CONFIRMED")
    hand.ask("another scheme only", least, injured, "NOT_CONFIRMED", months=1)
    retired = hand.here(hand.person("退休", WOMAN, date(1960, 1, 1)))
    hand.insure(retired, (JANUARY_2025 - 240, JANUARY_2025 - 120), ended=True)
    hand.ask("retired", now, retired, "NOT_CONFIRMED")
    hand.ask("retired after 121 months", least, retired, "CONFIRMED", months=121)
    hand.ask("retired after 121 months", least, retired, "NOT_CONFIRMED", months=122)
    none = _someone(hand, "未参保")
    hand.ask("no record", now, none, "NO_RECORD")
    hand.ask("no record", least, none, "NO_RECORD", months=1)
    hand.ask("registered, without insurance", local, none, "CONFIRMED", months=600)
    hand.ask("a number that nobody holds", local, NOBODYS_NUMBER, "NOT_CONFIRMED", months=1)
    gone = hand.here(_someone(hand, "迁走户"), left=date(2022, 2, 2))
    hand.ask("moved away, without insurance", local, gone, "NOT_CONFIRMED", months=1)


def _health(hand: Hand) -> None:
    claim = "medical.insured_now"
    insured = _someone(hand, "参保")
    hand.cover(insured, date(2026, 11, 24))
    hand.ask("insured since today", claim, insured, "CONFIRMED")
    changed = _someone(hand, "转保")
    hand.cover(changed, date(2010, 1, 1), ended=date(2019, 1, 1))
    hand.cover(changed, date(2019, 1, 1))
    hand.ask("changed over", claim, changed, "CONFIRMED")
    suspended = _someone(hand, "停保")
    hand.cover(suspended, date(2010, 1, 1), suspended=date(2024, 1, 1))
    hand.ask("suspended", claim, suspended, "NOT_CONFIRMED")
    hand.ask("no record", claim, _someone(hand, "无医保"), "NO_RECORD")


def _savings(hand: Hand) -> None:
    active, least = "fund.account_active", "fund.balance_at_least"
    saver = _someone(hand, "缴存")
    hand.account(saver, _account(withdrawn=0))
    hand.ask("pays in", active, saver, "CONFIRMED")
    hand.ask("22 deposits of 1,000 yuan, to the fen", least, saver, "CONFIRMED", fen=2_200_000)
    hand.ask("22 deposits of 1,000 yuan, not a fen more", least, saver, "NOT_CONFIRMED", fen=2_200_001)
    drawn = _someone(hand, "提取")
    hand.account(drawn, _account(withdrawn=1_200_001))
    hand.ask("a fen short", least, drawn, "NOT_CONFIRMED", fen=1_000_000)
    hand.ask("a fen short of that", least, drawn, "CONFIRMED", fen=999_999)
    sealed = _someone(hand, "封存")
    hand.account(sealed, _account(last=OCTOBER_2026 - 1))
    hand.ask("sealed", active, sealed, "NOT_CONFIRMED")
    hand.ask("sealed, with a balance", least, sealed, "NOT_CONFIRMED", fen=1)
    closed = _someone(hand, "销户")
    hand.account(closed, _account(last=OCTOBER_2026 - 5, closed=date(2026, 8, 1)))
    hand.ask("closed", active, closed, "NOT_CONFIRMED")
    reopened = _someone(hand, "重开")
    hand.account(reopened, _account(last=OCTOBER_2026 - 5, closed=date(2026, 8, 1)))
    hand.account(reopened, _account(first=OCTOBER_2026))
    hand.ask("closed one, opened another", active, reopened, "CONFIRMED")
    hand.ask("one deposit in the new one", least, reopened, "NOT_CONFIRMED", fen=100_001)
    hand.ask("no record", active, _someone(hand, "无公积金"), "NO_RECORD")
    hand.ask("no record", least, NOBODYS_NUMBER, "NO_RECORD", fen=1)


def _account(
    *, first: int = JANUARY_2025, last: int | None = None, withdrawn: int = 0, closed: date | None = None
) -> Account:
    return Account(
        account_no="", person=0, opened=date(first // 12, first % 12 + 1, 1), monthly_fen=100_000, first_month=first,
        last_month=last, withdrawn_fen=withdrawn, closed=closed,
    )  # fmt: skip


def spoilt_means(hand: Hand) -> None:
    """Spoil records and note what to ask about them, on 24 November 2026."""

    def doubtful(what: str, claim: str, person: Person, **parameters: int | str) -> None:
        hand.ask(what, claim, person, "CANNOT_VERIFY", reason="QUALITY", **parameters)

    owner = _someone(hand, "错号业主")
    unit = hand.title(owner)
    hand.edit("dwellings", unit, owner_id=owner.number[:9] + owner.number[10:])
    doubtful("the only dwelling under a number that lost a digit", OWNS_NONE, owner)
    owner = _someone(hand, "失号业主")
    hand.edit("dwellings", hand.title(owner), owner_id="待补录")
    doubtful("the only dwelling under a name only", OWNS_NONE, owner)
    owner = _someone(hand, "缺态业主")
    unit = hand.title(owner)
    hand.edit("dwellings", unit, status=None)
    doubtful("the only dwelling, status missing", OWNS_NONE, owner)
    doubtful("the only dwelling, status missing", OWNS_THIS, owner, certificate_no=unit)
    worker = _someone(hand, "缺月")
    hand.edit("social_insurance", hand.insure(worker, (JANUARY_2025, None)), months_paid=None)
    doubtful("months missing", "social.months_at_least", worker, months=1)
    patient = _someone(hand, "重保")
    hand.edit("medical_insurance", hand.cover(patient, date(2015, 1, 1)), copy=True, status="终止")
    doubtful("two records that disagree", "medical.insured_now", patient)


OLD, NEW = "KOR331081020301", "933410198102039013"
PERMITS = (Number(text=OLD, since=date(2013, 1, 1)), Number(text=NEW, since=date(2025, 5, 1)))
