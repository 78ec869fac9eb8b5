"""The service's own certificate is renewed while it runs: new connections see the new one, open ones go on."""

import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from app.hub import open_hub
from app.pki import Authority, Credential, check_pair
from app.verification import RenewedTls, server_tls
from kernel.durable import PRIVATE, replace_file
from kernel.errors import Malformed
from verifier.server import serve


def shown(port: int) -> int:
    """The serial of the certificate that a new connection sees."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


@pytest.fixture
def home(town: Any, tmp_path: Path) -> Any:
    """A hub whose certificates a test may change."""
    shutil.copytree(town.hub.paths.pki, tmp_path / "hub" / "pki")
    return open_hub(tmp_path / "hub")


def test_new_connections_see_the_new_certificate_and_open_ones_go_on(new_station: Any, town: Any, home: Any) -> None:
    station = new_station(start=False)
    running = serve(station.verifier, address="127.0.0.1:0", tls=server_tls(home), renewed=RenewedTls(home))
    station.running = running
    client = station.client()
    assert client.items()
    before = shown(running.port)
    pki = home.paths.pki
    issued = Authority(Credential.read(pki, "ca")).server(town.name, station.clock.now())
    # Half of the pair: what was there goes on.
    replace_file(pki / "server.key", issued.key, mode=PRIVATE)
    assert shown(running.port) == before
    replace_file(pki / "server.pem", issued.certificate)
    after = shown(running.port)
    assert after == x509.load_pem_x509_certificate(issued.certificate).serial_number != before
    assert client.items()
    assert station.client("counter-daxi-01").items()


def test_a_key_of_another_certificate_is_found_out(home: Any, town: Any) -> None:
    authority = Authority(Credential.read(home.paths.pki, "ca"))
    one, other = (authority.server(town.name, town.now) for _ in range(2))
    check_pair(one.certificate, one.key)
    for certificate, key in ((one.certificate, other.key), (b"", one.key), (one.certificate, b"")):
        with pytest.raises(Malformed):
            check_pair(certificate, key)
