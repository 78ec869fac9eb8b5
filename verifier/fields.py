"""Protobuf's wire form, as far as messages are put together from parts that were encoded before.

Fields in the order of their numbers, each length written as short as it goes: what is joined so is byte for byte what
protobuf writes when it serialises the whole deterministically (the tests compare the two).
"""

_SHORT = 0x80
_LENGTH_DELIMITED = 2


def varint(value: int) -> bytes:
    """A number that is not negative, base 128, the least significant group first."""
    if value < _SHORT:
        return value.to_bytes(1, "little")
    groups = bytearray()
    while value >= _SHORT:
        groups.append(value & 0x7F | _SHORT)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def tag(number: int) -> bytes:
    """What stands before the length of a field of bytes, text or a message."""
    return varint(number << 3 | _LENGTH_DELIMITED)


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message, with its tag and length."""
    return tag(number) + varint(len(content)) + content
