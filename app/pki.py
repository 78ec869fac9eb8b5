"""A development certificate authority: mutual TLS on one machine without waiting for the city's own authority.

Client certificates carry a SPIFFE id as their URI name, as SPIRE or any other issuer would; replacing this authority
changes no code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kernel.durable import PRIVATE, create_file, replace_file
from kernel.errors import Conflict, Malformed

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A certificate and its private key, as PEM bytes."""

    certificate: bytes
    key: bytes

    @classmethod
    def read(cls, folder: Path, name: str) -> "Credential":
        """The credential `<name>.pem` and `<name>.key` of a folder; raises Malformed where one is absent."""
        try:
            certificate = (folder / f"{name}.pem").read_bytes()
            return cls(certificate=certificate, key=(folder / f"{name}.key").read_bytes())
        except FileNotFoundError as error:
            raise Malformed("there is no such certificate", field=name, remedy="mianzheng init") from error

    def write(self, folder: Path, name: str) -> None:
        """Keep both in a folder, the key privately; raises Conflict where the certificate stands.

        A key without a certificate was left by somebody who was interrupted: nothing was issued for it.
        """
        certificate = folder / f"{name}.pem"
        if certificate.exists():
            raise Conflict(f"{certificate.name} exists already")
        replace_file(folder / f"{name}.key", self.key, mode=PRIVATE)
        create_file(certificate, self.certificate)


def check_pair(certificate: bytes, key: bytes) -> None:
    """Return if a private key is a certificate's own; raises Malformed: one of the two may be about to be replaced."""
    try:
        public = x509.load_pem_x509_certificate(certificate).public_key()
        private = load_pem_private_key(key, None)
    except ValueError as error:
        raise Malformed("cannot be read", field="certificate") from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise Malformed("the key is another certificate's", field="certificate")


class Authority:
    """Issues certificates for a hub and its clients."""

    def __init__(self, credential: Credential) -> None:
        """Take the authority's own credential."""
        self.credential = credential
        self._certificate = x509.load_pem_x509_certificate(credential.certificate)
        key = load_pem_private_key(credential.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Malformed("is no elliptic curve key", field="ca.key")
        self._key = key

    @classmethod
    def create(cls, hub: str, now: datetime) -> "Authority":
        """A new authority for a hub."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{hub} development authority")
        built = (
            _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, SHA256())
        )
        return cls(_credential(built, key))

    def server(self, hub: str, now: datetime) -> Credential:
        """A certificate for the verification service on this machine and under the hub's name."""
        names = [x509.DNSName("localhost"), x509.DNSName(hub), x509.IPAddress(IPv4Address("127.0.0.1"))]
        return self._issue(hub, names, ExtendedKeyUsageOID.SERVER_AUTH, now)

    def client(self, spiffe_id: str, now: datetime) -> Credential:
        """A certificate for the client with this SPIFFE id."""
        names = [x509.UniformResourceIdentifier(spiffe_id)]
        common = spiffe_id.rsplit("/", 1)[-1]
        return self._issue(common, names, ExtendedKeyUsageOID.CLIENT_AUTH, now)

    def _issue(
        self, common: str, names: Sequence[x509.GeneralName], usage: x509.ObjectIdentifier, now: datetime
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(common)
        built = (
            _builder(subject, self._certificate.subject, key.public_key(), now, CERTIFICATE_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, SHA256())
        )
        return _credential(built, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    # RFC 5280 bounds a common name at 64 characters; identity is in the alternative name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _credential(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Credential:
    return Credential(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
