"""Which 32 bytes are a sound Ed25519 public key (RFC 8032, 5.1.3): on the curve, spelt in one way, of no small order.

Libraries take more: under a key of small order one signature can hold for many messages, and a second spelling of a key
is a second key id. Whoever enrols a key, or reads one from outside, looks here first.
"""

from kernel.errors import Malformed

PUBLIC_KEY_SIZE = 32

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_EIGHTH = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset({0, 1, _P - 1, _EIGHTH, _P - _EIGHTH})
"""The y coordinates of the eight points of small order; the sign of x does not matter."""


def check_public_key(raw: bytes) -> None:
    """Return if the bytes are a sound public key; raises Malformed that says what is wrong."""
    if len(raw) != PUBLIC_KEY_SIZE:
        raise Malformed("an Ed25519 public key has 32 bytes", field="public key")
    spelt = int.from_bytes(raw, "little")
    y, sign = spelt & ((1 << 255) - 1), spelt >> 255
    if y >= _P:
        raise Malformed("is not spelt as Ed25519 spells keys", field="public key")
    if y in _SMALL_ORDER:
        raise Malformed("is a point of small order: any signature could hold under it", field="public key")
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(square, (_P - 1) // 2, _P) != 1 and not (square == 0 and sign == 0):
        raise Malformed("is no point of the curve", field="public key")
