"""Identity numbers and serials that nobody else in the city holds. Synthetic, but valid."""

from datetime import date

from stdnum.cn import uscc

from kernel.identity import check_character

EIGHTEEN_DIGITS_SINCE = date(1999, 10, 1)
"""Before this day people held, and registries wrote, 15 digits (GB 11643-1999)."""
NEW_FOREIGN_SINCE = date(2023, 12, 1)
"""Since this day foreign permanent residents get 18 digits beginning with 9."""
HONG_KONG, MACAO, TAIWAN = "810000", "820000", "830000"
NATIONS = {"USA": "840", "GBR": "826", "KOR": "410", "DEU": "276", "PAK": "586", "ITA": "380"}
"""ISO 3166 letters, which old foreign permits begin with, and digits, which new ones hold."""
_SERIALS = 999


class Serials:
    """Hands out numbers, each once, in an order that depends on the calls alone."""

    def __init__(self) -> None:
        """Begin a city."""
        self._used: dict[str, int] = {}

    def next(self, series: str) -> int:
        """1, 2, 3 … within a series."""
        self._used[series] = self._used.get(series, 0) + 1
        return self._used[series]

    def eighteen(self, region: str, born: date, *, male: bool) -> str:
        """An 18-digit number: region, birth, a serial that is odd for men, MOD 11-2 check character."""
        start = f"{region}{born:%Y%m%d}"
        serial = 2 * self.next(f"{start}{male:d}") - male
        if serial > _SERIALS:
            raise OverflowError("more people of one sex were born on a day than a region can number")
        return _checked(f"{start}{serial:03d}")

    def foreign(self, nation: str, born: date, *, male: bool) -> str:
        """A foreign permanent resident's number of the form in use since 2023."""
        start = f"933{NATIONS[nation]}{born:%Y%m%d}"
        serial = 2 * self.next(f"{start}{male:d}") - male
        return _checked(f"{start}{serial:03d}")

    def old_foreign(self, nation: str, born: date) -> str:
        """A foreign permanent resident's number of the form in use until 2023: 3 letters, 12 digits."""
        start = f"{nation}3310{born:%y%m%d}"
        return f"{start}{self.next(start) % 100:02d}"

    def employer(self, region: str) -> str:
        """An enterprise's unified social credit code (GB 32100-2015)."""
        body = f"91{region}MA2{self.next('employer'):06d}"
        return body + uscc.calc_check_digit(body)


def fifteen(number: str) -> str | None:
    """The 15-digit form of a resident's number; None where the holder never had one."""
    if len(number) == len("332623197001010011") and number[0] in "1234567" and number[6:8] == "19":
        return number[:6] + number[8:17]
    return None


def _checked(first17: str) -> str:
    return first17 + check_character(first17)
