"""Who asks: the client that a certificate names."""

from collections.abc import Iterable, Mapping

from kernel.errors import Unauthenticated
from schemas.client import Client

SCHEME = "spiffe://"


def authenticate(names: Iterable[str], clients: Mapping[str, Client]) -> Client:
    """The client whose SPIFFE id is the certificate's one URI name; raises Unauthenticated.

    The transport has checked that the certificate is the authority's and in time (SPIFFE X509-SVID, 4 and 5).
    """
    spiffe_id = claimed(names)
    client = clients.get(spiffe_id)
    if client is None:
        raise Unauthenticated("the certificate names no client of this hub", remedy="have the client entered")
    return client


def claimed(names: Iterable[str]) -> str:
    """The SPIFFE id among a certificate's names; empty where there is none, or more than one."""
    ids = [name for name in names if name.startswith(SCHEME)]
    return ids[0] if len(ids) == 1 else ""
