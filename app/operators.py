"""Operators' keys, and the assertions that they sign."""

import base64
import json
from datetime import timedelta
from pathlib import Path

from google.protobuf.message import DecodeError

from app.clients import find_client
from app.hub import Hub
from app.pki import Credential
from kernel.errors import Malformed
from kernel.plain_file import read_bounded
from kernel.signing import SigningKey
from schemas.wire.v1 import verification_pb2
from verifier.assertion import Claims
from verifier.peer import Peer

FILE_BYTES_MAX = 8192


def assert_operator(hub: Hub, operator: str, key: SigningKey, device: str, *, lasts: timedelta) -> bytes:
    """An operator's assertion for a client whose certificate lies here, as a file; raises Malformed."""
    client = find_client(hub, device)
    shown = Credential.read(hub.paths.pki / "clients", client.device).certificate
    now = hub.clock.now().replace(microsecond=0)
    claims = Claims(
        hub=hub.settings.name,
        operator=operator,
        certificate=Peer.of_certificate(shown).fingerprint,
        issued_at=now,
        expires_at=now + lasts,
    )
    made = claims.signed(key)
    data = {name: base64.b64encode(getattr(made, name)).decode() for name in ("payload", "signature")}
    return json.dumps(data, indent=1).encode() + b"\n"


def read_assertion(path: Path) -> verification_pb2.Assertion:
    """The assertion in a file; raises Malformed."""
    try:
        data = json.loads(read_bounded(path, FILE_BYTES_MAX))
        parts = {name: base64.b64decode(data[name], validate=True) for name in ("payload", "signature")}
        return verification_pb2.Assertion(**parts)
    except FileNotFoundError as error:
        raise Malformed("there is no such file", field=str(path)) from error
    except (ValueError, KeyError, TypeError, DecodeError, RecursionError) as error:
        raise Malformed("is no assertion", field=path.name) from error
