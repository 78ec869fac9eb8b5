"""Boundary cases of marriages and parentage: who was married to whom, for how long, under which number."""

from datetime import date

from kernel.identity import check_character
from samples.handmade import MAN, WOMAN, Hand
from samples.numbers import fifteen
from samples.questions import NOBODYS_NUMBER
from samples.world import Number, Person, Stay

MARRIED_TO = "marriage.married_to"
UNMARRIED = "marriage.unmarried"
NEVER = "marriage.never_married"


def ties(hand: Hand) -> None:
    """Put couples and families in and note what to ask, on 24 November 2026."""
    _singles(hand)
    _divorced(hand)
    _widowed(hand)
    _elsewhere(hand)
    _under_former_numbers(hand)
    _parents(hand)


def _couple(hand: Hand, year: int = 1980) -> tuple[Person, Person]:
    husband = hand.here(hand.person("夫", MAN, date(year, 3, 3)))
    return husband, hand.here(hand.person("妻", WOMAN, date(year, 4, 4)))


def _singles(hand: Hand) -> None:
    man, woman = _couple(hand, 1999)
    hand.ask("never married", UNMARRIED, man, "CONFIRMED")
    hand.ask("never married", NEVER, man, "CONFIRMED")
    hand.ask("never married", MARRIED_TO, man, "NO_RECORD", spouse=woman.number)
    hand.ask("a number that nobody holds", UNMARRIED, NOBODYS_NUMBER, "CONFIRMED")
    hand.ask("a number that nobody holds", MARRIED_TO, NOBODYS_NUMBER, "NO_RECORD", spouse=man.number)
    husband, wife = _couple(hand, 1998)
    hand.wed(husband, wife, date(2026, 11, 24))
    hand.ask("married today", UNMARRIED, husband, "NOT_CONFIRMED")
    hand.ask("married today", NEVER, wife, "NOT_CONFIRMED")
    hand.ask("married today", MARRIED_TO, wife, "CONFIRMED", spouse=husband.number)
    hand.ask("married to another", MARRIED_TO, wife, "NOT_CONFIRMED", spouse=man.number)
    hand.ask("married to nobody", MARRIED_TO, husband, "NOT_CONFIRMED", spouse=NOBODYS_NUMBER)


def _divorced(hand: Hand) -> None:
    husband, wife = _couple(hand)
    hand.wed(husband, wife, date(2005, 5, 20), divorced=date(2026, 11, 24))
    hand.ask("divorced today", UNMARRIED, husband, "CONFIRMED")
    hand.ask("divorced today", NEVER, husband, "NOT_CONFIRMED")
    hand.ask("divorced today", MARRIED_TO, husband, "NOT_CONFIRMED", spouse=wife.number)
    husband, wife = _couple(hand)
    hand.wed(husband, wife, date(2005, 5, 20), divorced=date(2011, 1, 10))
    hand.wed(husband, wife, date(2012, 2, 14))
    hand.ask("divorced and remarried, the same", UNMARRIED, husband, "NOT_CONFIRMED")
    hand.ask("divorced and remarried, the same", MARRIED_TO, husband, "CONFIRMED", spouse=wife.number)
    hand.ask("divorced and remarried, the same", MARRIED_TO, wife, "CONFIRMED", spouse=husband.number)
    husband, first = _couple(hand)
    _, second = _couple(hand, 1985)
    hand.wed(husband, first, date(2005, 5, 20), divorced=date(2011, 1, 10))
    hand.wed(husband, second, date(2012, 2, 14))
    hand.ask("remarried, another", UNMARRIED, husband, "NOT_CONFIRMED")
    hand.ask("remarried, another: the former", MARRIED_TO, husband, "NOT_CONFIRMED", spouse=first.number)
    hand.ask("remarried, another: the present", MARRIED_TO, husband, "CONFIRMED", spouse=second.number)
    hand.ask("left by one who remarried", UNMARRIED, first, "CONFIRMED")
    hand.ask("left by one who remarried", MARRIED_TO, first, "NOT_CONFIRMED", spouse=husband.number)
    husband, wife = _couple(hand)
    hand.wed(husband, wife, date(2004, 1, 1), divorced=date(2008, 1, 1))
    hand.wed(husband, wife, date(2009, 1, 1), divorced=date(2015, 1, 1))
    hand.ask("divorced twice from the same", UNMARRIED, wife, "CONFIRMED")
    hand.ask("divorced twice from the same", MARRIED_TO, wife, "NOT_CONFIRMED", spouse=husband.number)


def _widowed(hand: Hand) -> None:
    husband = hand.here(hand.person("亡夫", MAN, date(1945, 3, 3), died=date(2020, 2, 2)))
    widow = hand.here(hand.person("遗孀", WOMAN, date(1948, 4, 4)))
    hand.wed(husband, widow, date(1970, 10, 1))
    hand.ask("widowed", UNMARRIED, widow, "CONFIRMED")
    hand.ask("widowed", NEVER, widow, "NOT_CONFIRMED")
    hand.ask("widowed", MARRIED_TO, widow, "NOT_CONFIRMED", spouse=husband.number)
    husband = hand.here(hand.person("今亡夫", MAN, date(1945, 3, 3), died=date(2026, 11, 24)))
    widow = hand.here(hand.person("今遗孀", WOMAN, date(1948, 4, 4)))
    hand.wed(husband, widow, date(1970, 10, 1))
    hand.ask("widowed today", UNMARRIED, widow, "CONFIRMED")
    husband = hand.here(hand.person("前夫", MAN, date(1950, 3, 3), died=date(2001, 2, 2)))
    again = hand.here(hand.person("再醮", WOMAN, date(1955, 4, 4)))
    present = hand.here(hand.person("后夫", MAN, date(1953, 8, 8)))
    hand.wed(husband, again, date(1976, 10, 1))
    hand.wed(present, again, date(2006, 10, 1))
    hand.ask("widowed and remarried", UNMARRIED, again, "NOT_CONFIRMED")
    hand.ask("widowed and remarried: the dead one", MARRIED_TO, again, "NOT_CONFIRMED", spouse=husband.number)
    hand.ask("widowed and remarried: the living one", MARRIED_TO, again, "CONFIRMED", spouse=present.number)


def _elsewhere(hand: Hand) -> None:
    wife = hand.here(hand.person("本地妻", WOMAN, date(1990, 1, 1)))
    husband = hand.person("外地夫", MAN, date(1989, 1, 1), region="360424")
    hand.wed(husband, wife, date(2015, 5, 1))
    hand.ask("never lived here, married here", UNMARRIED, husband, "NOT_CONFIRMED")
    hand.ask("never lived here, married here", MARRIED_TO, husband, "CONFIRMED", spouse=wife.number)
    hand.ask("never lived here, married here", "person.marriage_age", husband, "NO_RECORD")
    gone = hand.here(hand.person("迁走妻", WOMAN, date(1990, 1, 1)), left=date(2020, 1, 1))
    husband = hand.here(hand.person("留守夫", MAN, date(1989, 1, 1)))
    hand.wed(husband, gone, date(2015, 5, 1))
    hand.ask("a spouse who moved away is a spouse", UNMARRIED, husband, "NOT_CONFIRMED")


def _under_former_numbers(hand: Hand) -> None:
    husband = hand.here(hand.person("旧证夫", MAN, date(1970, 3, 3), region="332623"))
    wife = hand.here(hand.person("旧证妻", WOMAN, date(1971, 4, 4), region="332623"))
    marriage = hand.wed(husband, wife, date(1994, 10, 1))
    old_husband, old_wife = fifteen(husband.number) or "", fifteen(wife.number) or ""
    hand.edit("marriages", marriage.registration_no, dirty=False, husband_id=old_husband, wife_id=old_wife)
    hand.ask("wed under 15 digits, asked under 18", MARRIED_TO, husband, "CONFIRMED", spouse=wife.number)
    hand.ask("wed under 15 digits, asked under both", MARRIED_TO, husband, "CONFIRMED", spouse=old_wife)
    hand.ask("wed under 15 digits, asked under 15", MARRIED_TO, old_wife, "CONFIRMED", spouse=husband.number)
    hand.ask("wed under 15 digits", UNMARRIED, husband, "NOT_CONFIRMED")
    foreigner = hand.here(
        hand.person("SMITH JOHN", MAN, date(1979, 9, 9), numbers=PERMITS), since=date(2012, 1, 1), stay=Stay.RESIDENT
    )
    wife = hand.here(hand.person("涉外妻", WOMAN, date(1982, 4, 4)))
    hand.wed(foreigner, wife, date(2015, 6, 1))
    hand.ask("wed under the old permit, asked under the new", UNMARRIED, NEW, "NOT_CONFIRMED")
    hand.ask("wed under the old permit, asked under the old", UNMARRIED, OLD, "NOT_CONFIRMED")
    for number in (OLD, NEW):
        hand.ask("the spouse is recorded under the old permit", MARRIED_TO, wife, "CONFIRMED", spouse=number)
        hand.ask("asked about the foreigner", MARRIED_TO, number, "CONFIRMED", spouse=wife.number)
    child = hand.here(hand.person("混血儿", WOMAN, date(2017, 8, 8), parents=(foreigner, wife)))
    hand.ask("a father recorded under the old permit", "person.child_of", child, "CONFIRMED", parent=NEW)
    hand.ask("a father asked under the old permit", "person.child_of", child, "CONFIRMED", parent=OLD)


def _parents(hand: Hand) -> None:
    father, mother = _couple(hand, 1975)
    child = hand.here(hand.person("独子", MAN, date(2005, 1, 1), parents=(father, mother)))
    grandchild = hand.here(hand.person("孙女", WOMAN, date(2026, 1, 1), parents=(child, None)))
    hand.ask("a father", "person.child_of", child, "CONFIRMED", parent=father.number)
    hand.ask("a mother", "person.child_of", child, "CONFIRMED", parent=mother.number)
    hand.ask("the other way round", "person.child_of", father, "NOT_CONFIRMED", parent=child.number)
    hand.ask("a grandfather", "person.child_of", grandchild, "NOT_CONFIRMED", parent=father.number)
    hand.ask("a mother who is not registered", "person.child_of", grandchild, "NOT_CONFIRMED", parent=mother.number)
    alone = hand.here(hand.person("单亲", MAN, date(2015, 1, 1), parents=(None, mother)))
    hand.ask("a father who is not registered", "person.child_of", alone, "NOT_CONFIRMED", parent=father.number)
    hand.ask("the mother of one without a father", "person.child_of", alone, "CONFIRMED", parent=mother.number)


def spoilt_ties(hand: Hand) -> None:
    """Spoil records and note what to ask about them, on 24 November 2026."""
    father, mother = _couple(hand, 1975)
    child = hand.here(hand.person("缺父", MAN, date(2005, 1, 1), parents=(father, mother)))
    hand.edit("population", child.number, father_id=None)
    hand.ask(
        "a registered father whose number is lost", "person.child_of", child, "CANNOT_VERIFY", reason="QUALITY",
        parent=father.number,
    )  # fmt: skip
    husband, first = _couple(hand)
    _, second = _couple(hand, 1985)
    hand.wed(husband, first, date(2005, 5, 20), divorced=date(2011, 1, 10))
    lost = hand.wed(husband, second, date(2012, 2, 14))
    hand.edit("marriages", lost.registration_no, husband_id=_miswritten(husband.number))
    hand.ask("a remarriage under a misspelt number", UNMARRIED, husband, "CANNOT_VERIFY", reason="QUALITY")
    hand.ask("the spouse in that remarriage", UNMARRIED, second, "CANNOT_VERIFY", reason="QUALITY")
    husband, wife = _couple(hand, 1977)
    lost = hand.wed(husband, wife, date(2002, 2, 2))
    hand.edit("marriages", lost.registration_no, status=None)
    hand.ask("a marriage of unknown status", UNMARRIED, wife, "CANNOT_VERIFY", reason="QUALITY")
    husband = hand.here(hand.person("佚名夫", MAN, date(1977, 7, 7)))
    wife = hand.here(hand.person("留名妻", WOMAN, date(1977, 7, 8)))
    lost = hand.wed(husband, wife, date(2002, 2, 2))
    hand.edit("marriages", lost.registration_no, husband_id=None)
    hand.ask("a husband known by name only", UNMARRIED, husband, "CANNOT_VERIFY", reason="QUALITY")
    hand.ask("the wife of a husband known by name only", UNMARRIED, wife, "CANNOT_VERIFY", reason="QUALITY")

    _spoilt_alias(hand)


def _spoilt_alias(hand: Hand) -> None:
    """One link of forty is spoilt, so that the delivery is not held for it."""
    foreigners = []
    for serial in range(1, 41):
        old = f"PAK3310800401{serial:02d}"
        new = f"933586198004011{serial * 2 - 1:02d}"
        numbers = (
            Number(text=old, since=date(2012, 1, 1)),
            Number(text=new + check_character(new), since=date(2024, 5, 1)),
        )
        foreigner = hand.person(f"KHAN {serial}", MAN, date(1980, 4, 1), numbers=numbers)
        foreigners.append(hand.here(foreigner, since=date(2012, 1, 1), stay=Stay.RESIDENT))
    wife = hand.here(hand.person("涉外妻", WOMAN, date(1982, 4, 4)))
    lost = foreigners[20]
    hand.wed(lost, wife, date(2015, 6, 1))
    hand.edit("person_aliases", f"BG{lost.key:08d}1", current_id=_miswritten(lost.number))
    for number in (lost.numbers[0].text, lost.number):
        hand.ask("a spoilt link between two numbers", UNMARRIED, number, "CANNOT_VERIFY", reason="QUALITY")
        hand.ask("a spoilt link between two numbers", "person.alive", number, "CANNOT_VERIFY", reason="QUALITY")
    other = foreigners[0]
    hand.ask("another's link is sound", "person.alive", other.numbers[0].text, "CONFIRMED")


def _miswritten(number: str) -> str:
    """With another check character."""
    return number[:-1] + ("0" if number[-1] != "0" else "1")


OLD, NEW = "USA331079090901", "933840197909099039"
PERMITS = (Number(text=OLD, since=date(2012, 1, 1)), Number(text=NEW, since=date(2024, 5, 1)))
