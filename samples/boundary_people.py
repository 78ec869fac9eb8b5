"""Boundary cases of the population register: ages, lives, stays, and the many numbers of one person."""

from datetime import date

from samples.handmade import MAN, WOMAN, Hand
from samples.numbers import fifteen
from samples.questions import NOBODYS_NUMBER
from samples.world import Number, Stay

OLD_PERMIT, RENEWED_PERMIT = "DEU331075030101", "DEU331075030102"
NEW_PERMIT = "933276197503019020"
HONG_KONG_PERMIT = "810000198806059018"


def people(hand: Hand) -> None:
    """Put people in and note what to ask, on 24 November 2026."""
    _birthdays(hand)
    _stays(hand)
    _lives(hand)
    _numbers(hand)


def _birthdays(hand: Hand) -> None:
    for years, born_today, born_tomorrow in (
        (80, date(1946, 11, 24), date(1946, 11, 25)),
        (60, date(1966, 11, 24), date(1966, 11, 25)),
    ):
        today = hand.here(hand.person("生今", WOMAN, born_today))
        hand.ask(f"{years} today", "person.age_at_least", today, "CONFIRMED", years=years)
        hand.ask(f"not yet {years + 1}", "person.age_at_least", today, "NOT_CONFIRMED", years=years + 1)
        tomorrow = hand.here(hand.person("生明", MAN, born_tomorrow))
        hand.ask(f"{years} tomorrow", "person.age_at_least", tomorrow, "NOT_CONFIRMED", years=years)
        hand.ask(f"{years - 1} for a year", "person.age_at_least", tomorrow, "CONFIRMED", years=years - 1)
    man = hand.here(hand.person("郎今", MAN, date(2004, 11, 24)))
    hand.ask("a man of 22 today", "person.marriage_age", man, "CONFIRMED")
    man = hand.here(hand.person("郎明", MAN, date(2004, 11, 25)))
    hand.ask("a man of 22 tomorrow", "person.marriage_age", man, "NOT_CONFIRMED")
    woman = hand.here(hand.person("娘今", WOMAN, date(2006, 11, 24)))
    hand.ask("a woman of 20 today", "person.marriage_age", woman, "CONFIRMED")
    woman = hand.here(hand.person("娘明", WOMAN, date(2006, 11, 25)))
    hand.ask("a woman of 20 tomorrow", "person.marriage_age", woman, "NOT_CONFIRMED")
    man = hand.here(hand.person("郎早", MAN, date(2006, 11, 24)))
    hand.ask("a man of 20, the age of women", "person.marriage_age", man, "NOT_CONFIRMED")
    baby = hand.here(hand.person("新生", MAN, date(2026, 11, 24)))
    hand.ask("born today", "person.age_at_least", baby, "CONFIRMED", years=0)
    hand.ask("born today, alive", "person.alive", baby, "CONFIRMED")


def _stays(hand: Hand) -> None:
    born = date(1985, 4, 9)
    since = hand.here(hand.person("来五", MAN, born), since=date(2021, 11, 24), stay=Stay.RESIDENT)
    hand.ask("here for five years today", "person.resident_years", since, "CONFIRMED", years=5)
    hand.ask("not for six", "person.resident_years", since, "NOT_CONFIRMED", years=6)
    hand.ask("resident, not registered", "person.registered_here", since, "NOT_CONFIRMED")
    hand.ask("resident", "person.resident_here", since, "CONFIRMED")
    since = hand.here(hand.person("来明", MAN, born), since=date(2021, 11, 25))
    hand.ask("here for five years tomorrow", "person.resident_years", since, "NOT_CONFIRMED", years=5)
    hand.ask("registered", "person.registered_here", since, "CONFIRMED")
    arrived = hand.here(hand.person("今来", WOMAN, born), since=date(2026, 11, 24))
    hand.ask("registered today", "person.registered_here", arrived, "CONFIRMED")
    hand.ask("registered today, no years", "person.resident_years", arrived, "NOT_CONFIRMED", years=1)
    gone = hand.here(hand.person("迁走", MAN, date(1950, 1, 2)), left=date(2019, 7, 1))
    hand.ask("moved away: alive?", "person.alive", gone, "CANNOT_VERIFY", reason="OUT_OF_COVERAGE")
    hand.ask("moved away: registered?", "person.registered_here", gone, "NOT_CONFIRMED")
    hand.ask("moved away: resident?", "person.resident_here", gone, "NOT_CONFIRMED")
    hand.ask("moved away: for years?", "person.resident_years", gone, "NOT_CONFIRMED", years=1)
    hand.ask("moved away: age stays known", "person.age_at_least", gone, "CONFIRMED", years=76)
    gone = hand.here(hand.person("今迁", MAN, date(1950, 1, 2)), left=date(2026, 11, 24))
    hand.ask("moved away today", "person.alive", gone, "CANNOT_VERIFY", reason="OUT_OF_COVERAGE")
    elsewhere = hand.person("外人", WOMAN, date(1991, 2, 3), region="410101")
    for claim in ("person.alive", "person.registered_here", "person.resident_here", "person.marriage_age"):
        hand.ask("never lived here", claim, elsewhere, "NO_RECORD")
        hand.ask("a number that nobody holds", claim, NOBODYS_NUMBER, "NO_RECORD")


def _lives(hand: Hand) -> None:
    dead = hand.here(hand.person("亡者", MAN, date(1940, 3, 8), died=date(2024, 5, 5)))
    hand.ask("dead: alive?", "person.alive", dead, "NOT_CONFIRMED")
    hand.ask("dead: registered?", "person.registered_here", dead, "NOT_CONFIRMED")
    hand.ask("dead: for years?", "person.resident_years", dead, "NOT_CONFIRMED", years=10)
    hand.ask("dead: born long enough ago", "person.age_at_least", dead, "CONFIRMED", years=80)
    today = hand.here(hand.person("今亡", WOMAN, date(1938, 3, 8), died=date(2026, 11, 24)))
    hand.ask("died today", "person.alive", today, "NOT_CONFIRMED")
    before = hand.here(hand.person("早亡", MAN, date(1931, 3, 8), died=date(2002, 12, 31)))
    hand.ask("died before the register began", "person.alive", before, "NO_RECORD")
    oldest = hand.here(hand.person("人瑞", WOMAN, date(1921, 11, 24), region="332623"))
    hand.ask("a hundred and five", "person.age_at_least", oldest, "CONFIRMED", years=105)
    hand.ask("a hundred and five, alive", "person.alive", oldest, "CONFIRMED")


def _numbers(hand: Hand) -> None:
    old = hand.here(hand.person("旧号", MAN, date(1971, 6, 30), region="332623"))
    hand.ask("asked under 15 digits", "person.registered_here", fifteen(old.number) or "", "CONFIRMED")
    hand.ask("asked in full width", "person.alive", old.number.translate(_FULL_WIDTH), "CONFIRMED")
    hand.ask("asked with spaces", "person.alive", f" {old.number[:6]} {old.number[6:]} ", "CONFIRMED")
    kept = hand.here(hand.person("留号", WOMAN, date(1949, 10, 1), region="332623"))
    hand.edit("population", kept.number, dirty=False, person_id=fifteen(kept.number))
    hand.ask("registered under 15 digits, asked under 18", "person.age_at_least", kept, "CONFIRMED", years=77)
    hand.ask("registered under 15 digits, asked under 15", "person.alive", fifteen(kept.number) or "", "CONFIRMED")
    numbers = (Number(text=HONG_KONG_PERMIT, since=date(2018, 9, 1)),)
    resident = hand.here(hand.person("陳志明", MAN, date(1988, 6, 5), numbers=numbers), stay=Stay.RESIDENT)
    hand.ask("on a Hong Kong permit", "person.resident_here", resident, "CONFIRMED")
    hand.ask("on a Hong Kong permit", "person.registered_here", resident, "NOT_CONFIRMED")
    foreign = hand.person("WEBER ANNA", WOMAN, date(1975, 3, 1), numbers=_PERMITS)
    hand.here(foreign, since=date(2016, 11, 24), stay=Stay.RESIDENT)
    for number in (OLD_PERMIT, RENEWED_PERMIT, NEW_PERMIT):
        hand.ask(f"a foreigner under {number[:3]}…", "person.resident_years", number, "CONFIRMED", years=10)
        hand.ask(f"a foreigner under {number[:3]}…", "person.alive", number, "CONFIRMED")
    hand.ask("a foreigner is not registered", "person.registered_here", foreign, "NOT_CONFIRMED")


def spoilt_people(hand: Hand) -> None:
    """Spoil records and note what to ask about them, on 24 November 2026."""
    born = date(1960, 5, 5)
    lost = hand.here(hand.person("缺日", MAN, born))
    hand.edit("population", lost.number, birth_date=None)
    hand.ask("date of birth missing", "person.age_at_least", lost, "CANNOT_VERIFY", reason="QUALITY", years=60)
    hand.ask("date of birth missing", "person.alive", lost, "CANNOT_VERIFY", reason="QUALITY")
    impossible = hand.here(hand.person("错日", MAN, born))
    hand.edit("population", impossible.number, birth_date="19600230")
    hand.ask("born on 30 February", "person.age_at_least", impossible, "CANNOT_VERIFY", reason="QUALITY", years=60)
    status = hand.here(hand.person("缺态", MAN, born))
    hand.edit("population", status.number, status=None)
    hand.ask("status missing", "person.registered_here", status, "CANNOT_VERIFY", reason="QUALITY")
    twice = hand.here(hand.person("重号", WOMAN, born))
    hand.edit("population", twice.number, copy=True, status="死亡")
    hand.ask("two records that disagree", "person.alive", twice, "CANNOT_VERIFY", reason="QUALITY")
    spaced = hand.here(hand.person("空格", WOMAN, born))
    number = spaced.number
    hand.edit("population", number, dirty=False, person_id=f" {number[:6]}\u3000{number[6:].translate(_FULL_WIDTH)} ")
    hand.ask("delivered in full width, with spaces: clean", "person.alive", spaced, "CONFIRMED")


_FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
_PERMITS = (
    Number(text=OLD_PERMIT, since=date(2014, 2, 1)),
    Number(text=RENEWED_PERMIT, since=date(2019, 2, 1)),
    Number(text=NEW_PERMIT, since=date(2024, 3, 1)),
)
