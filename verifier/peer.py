"""Who is at the other end of a connection: what the client's certificate says, read once and kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "spiffe://"
KEPT = 4096
"""Certificates that need not be read again: each connection shows one, with every call."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A client's certificate, which the transport has checked: it is the authority's, and was in time.

    `id` is the SPIFFE id that it names, empty where it names none or more than one. `serial` is hexadecimal,
    `fingerprint` SHA-256 of the certificate (DER); both are empty where there is none.
    """

    id: str
    serial: str = ""
    expires_at: datetime = _NEVER
    fingerprint: bytes = b""

    @classmethod
    def named(cls, names: Iterable[str]) -> "Peer":
        """Whoever a certificate with these URI names is, without the certificate."""
        ids = [name for name in names if name.startswith(SCHEME)]
        return cls(id=ids[0] if len(ids) == 1 else "")

    @classmethod
    def of_certificate(cls, pem: bytes) -> "Peer":
        """Who a certificate is; nobody where it cannot be read."""
        return _read(pem)


@lru_cache(maxsize=KEPT)
def _read(pem: bytes) -> Peer:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        # Its parts are read only when they are asked for, and each may be none.
        return Peer(
            id=Peer.named(names.get_values_for_type(x509.UniformResourceIdentifier)).id,
            serial=f"{certificate.serial_number:x}",
            expires_at=certificate.not_valid_after_utc,
            fingerprint=certificate.fingerprint(SHA256()),
        )
    except (
        ValueError,
        x509.InvalidVersion,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return Peer(id="")
