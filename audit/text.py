"""Numbers and bytes as the log formats write them: one way only.

Base 64 is the standard alphabet of RFC 4648, section 4, with padding.
"""

import base64
import binascii

from kernel.digest import DIGEST_SIZE
from kernel.errors import Malformed


def encode(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str, field: str) -> bytes:
    """The bytes of a text; raises Malformed, also for a second spelling of the same bytes."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed("is no base 64", field=field) from error
    if encode(data) != text:
        raise Malformed("is no canonical base 64", field=field)
    return data


def decode_hash(text: str, field: str) -> bytes:
    """The 32 bytes of a hash; raises Malformed."""
    data = decode(text, field)
    if len(data) != DIGEST_SIZE:
        raise Malformed("is no hash of 32 bytes", field=field)
    return data


def parse_decimal(text: str, field: str) -> int:
    """A number below 2**63 in ASCII digits without leading zeroes; raises Malformed."""
    number_digits_max = 19
    if not (text.isascii() and text.isdigit() and len(text) <= number_digits_max) or (text[0] == "0" and text != "0"):
        raise Malformed("is no decimal number", field=field)
    number = int(text)
    if number >= 1 << 63:
        raise Malformed("is too large a number", field=field)
    return number
