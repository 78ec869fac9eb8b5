"""Who asks: the client that a certificate names, while neither is revoked."""

from datetime import datetime

from kernel.errors import CertificateExpired, Revoked, Unauthenticated
from schemas.catalogue import Catalogue
from schemas.client import Client
from verifier.peer import Peer
from verifier.roll import Roll


def authenticate(peer: Peer, catalogue: Catalogue, roll: Roll, now: datetime) -> Client:
    """The client whose SPIFFE id is the certificate's one URI name.

    The transport has checked that the certificate is the authority's and was in time when the connection was made
    (SPIFFE X509-SVID, 4 and 5); a connection may outlive it. Raises Unauthenticated, Revoked or CertificateExpired.
    """
    if peer.id in roll.clients or peer.serial in roll.serials:
        raise Revoked("the client or its certificate has been revoked", remedy="ask the hub's operator")
    if now >= peer.expires_at:
        raise CertificateExpired("the certificate's time is over", remedy="connect again with a new one")
    client = catalogue.clients.get(peer.id) or roll.entered.get(peer.id)
    if client is None:
        raise Unauthenticated("the certificate names no client of this hub", remedy="have the client entered")
    return client
