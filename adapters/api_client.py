"""Asks one API politely: within its rate, again where that may help, and never anybody else.

Nothing is followed to another origin, so that credentials go to nobody but the server that the contract names. No URL
stands in an error or a log: a page's token may be a person's number.
"""

import logging
import random
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

import httpx

from adapters.credentials import Credentials, Tls
from adapters.port import AdapterSettings
from kernel.errors import Malformed, MianzhengError, Unavailable
from schemas.server import Api, Auth

# At its own level the library writes every URL into the log.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_REFUSED = frozenset({401, 403, 407})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MAX = 3
_OK = 200
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One page: its own URL, the URL of the next one by its Link header (RFC 8288; empty: none), and its body."""

    url: httpx.URL
    link: str
    body: bytes


class _TryAgain(Exception):
    """The request failed for a reason that may pass. `wait`: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class ApiClient:
    """One API, for the length of one delivery. Use as a context manager."""

    def __init__(self, where: str, base: str, api: Api, credentials: Credentials, settings: AdapterSettings) -> None:
        """Take the API's URL without its query; nothing is sent yet. Raises Malformed."""
        self._where = where
        self._settings = settings
        self._named = httpx.URL(base)
        self._base = _elsewhere(self._named, credentials)
        if self._base.scheme == "http" and credentials.verifies(self._base.host):
            remedy = 'use https, or say tls = "off" in the connection\'s entry'
            raise Malformed("the API's server does not prove who it is", field=where, remedy=remedy)
        rate = api.requests_per_second or settings.requests_per_second
        self._pause = 1.0 / rate
        self._next_at = 0.0
        self._client = httpx.Client(
            verify=_context(credentials) if self._base.scheme == "https" else False,
            # Neither proxies nor passwords come from the environment.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.page_seconds, connect=settings.connect_seconds),
            # What is packed cannot be bounded before it is unpacked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **_identification(api, credentials)},
            auth=httpx.BasicAuth(credentials.user, credentials.password) if api.auth is Auth.BASIC else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def first(self, parameters: Mapping[str, str]) -> httpx.URL:
        """The URL of a page that is told by parameters of the query."""
        return self._base.copy_with(params=parameters)

    def following(self, url: httpx.URL, link: str) -> httpx.URL:
        """The URL that a page at `url` names, perhaps relative to its own; raises Malformed for another origin."""
        try:
            found = url.join(link)
        except (httpx.InvalidURL, ValueError):
            raise Malformed("names a next page that is no URL", field=self._where, remedy="mend the API") from None
        if _origin(found) == _origin(self._named):
            # The API does not know that it has another address from here.
            return found.copy_with(scheme=self._base.scheme, host=self._base.host, port=self._base.port)
        if _origin(found) != _origin(self._base):
            raise Malformed("sends elsewhere, to another origin", field=self._where, remedy="name that server instead")
        return found

    def get(self, url: httpx.URL) -> Reply:
        """One page; raises Malformed where the API refuses, and Unavailable where it still failed at the last try."""
        settings = self._settings
        delay = settings.retry_seconds
        for attempt in range(1, settings.attempts + 1):
            self._wait_for_turn()
            try:
                return self._follow(url)
            except _TryAgain as failed:
                if attempt == settings.attempts or failed.wait > settings.retry_after_seconds_max:
                    raise self._unavailable(failed, attempt) from None
                # Jitter, so that many hubs that were turned away do not come back together.
                pause = max(failed.wait, delay * random.uniform(0.5, 1.0))
            time.sleep(pause)
            delay = min(delay * 2, settings.retry_seconds_max)
        raise AssertionError("attempts is at least 1")

    def _unavailable(self, failed: _TryAgain, attempt: int) -> MianzhengError:
        if failed.wait > self._settings.retry_after_seconds_max:
            return Unavailable(f"asks to be left alone for {failed.wait:.0f} s", field=self._where, remedy="wait")
        return Unavailable(f"{failed.reason}, {attempt} times", field=self._where, remedy="look at the API, try again")

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._pause

    def _follow(self, url: httpx.URL) -> Reply:
        """Send the request, and follow redirects within the origin."""
        for _ in range(_REDIRECTS_MAX + 1):
            reply = self._send(url)
            if isinstance(reply, Reply):
                return reply
            url = self.following(url, reply)
        raise Malformed("sends round in a circle", field=self._where, remedy="mend the API")

    def _send(self, url: httpx.URL) -> Reply | str:
        """The page, or where the API says that it is; raises Malformed, _TryAgain."""
        try:
            with self._client.stream("GET", url) as response:
                status = response.status_code
                if status in _REDIRECTS and "Location" in response.headers:
                    return str(response.headers["Location"])
                if status in _TRY_AGAIN:
                    raise _TryAgain(f"answered {status}", _retry_after(response.headers.get("Retry-After", "")))
                if status in _REFUSED:
                    remedy = "check the credentials of the connection"
                    raise Malformed(f"refuses the credentials ({status})", field=self._where, remedy=remedy)
                if status != _OK:
                    remedy = "check the contract's location"
                    raise Malformed(f"answered {status}", field=self._where, remedy=remedy)
                link = response.links.get("next", {}).get("url", "")
                return Reply(url=url, link=link, body=self._body(response))
        except httpx.TransportError as error:
            # Its text may hold the URL.
            raise _TryAgain(f"cannot be reached, or broke off ({type(error).__name__})") from None

    def _body(self, response: httpx.Response) -> bytes:
        """The body, within its bound and its time."""
        longest = self._settings.page_bytes_max
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Malformed("packs what was asked for unpacked", field=self._where, remedy="mend the API")
        until = time.monotonic() + self._settings.page_seconds
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > longest:
                remedy = "ask for smaller pages, or raise the bound"
                raise Malformed("a page is larger than a page may be", field=self._where, remedy=remedy)
            if time.monotonic() > until:
                raise _TryAgain("was too slow")
        return bytes(body)


def _elsewhere(url: httpx.URL, credentials: Credentials) -> httpx.URL:
    """The URL at the address that the connection names."""
    if not credentials.host:
        return url
    return url.copy_with(host=credentials.host, port=credentials.port or None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def _identification(api: Api, credentials: Credentials) -> dict[str, str]:
    match api.auth:
        case Auth.BEARER:
            return {"Authorization": f"Bearer {credentials.token}"}
        case Auth.HEADER:
            return {api.header: credentials.token}
        case _:
            return {}


def _context(credentials: Credentials) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=credentials.ca or None)
    except (OSError, ssl.SSLError):
        remedy = "mend ca in the connection's entry"
        raise Malformed("the file of authorities cannot be read", field="ca", remedy=remedy) from None
    if credentials.tls is Tls.OFF:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date (RFC 9110, 10.2.3); 0 for neither."""
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(text)
        return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
    return 0.0
