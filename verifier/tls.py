"""The credentials of one side of mutual TLS."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A certificate with its key, and the authority that the other side's certificate must come from. PEM bytes."""

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes
