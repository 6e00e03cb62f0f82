"""HTTP for all connectors; the only module that knows the HTTP library.

A request has one of three ends, and callers need to know which:

- **an answer** of any status: returned as `Answer`;
- **never sent** (no connection): `RemoteError(retryable=True, kind="not_sent")`, nothing can have happened;
- **no answer** (sent, then cut off or too slow): `RemoteError(retryable=True, kind="no_answer")` for a read, and
  `OutcomeUnknown` for a write, because nobody knows whether it happened (M4).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import httpx
import orjson
import structlog

from connectors._kit.exchange import Answer, Request, Timeouts, redirected
from connectors._kit.guard import Guard, GuardPolicy, tells_of_the_machine
from connectors._kit.observed import answered
from connectors._kit.redact import Masker, redact_url
from connectors._kit.tls import Tls
from core.domain.errors import OutcomeUnknown, RemoteError, SettingsError
from core.domain.text import T, Text

__all__ = ["Answer", "Http", "Request", "Timeouts", "Tls"]

log = structlog.get_logger(__name__)

MOST_REDIRECTS = 3
BARE = "contractbridge.bare"
"""Marks a request inside the HTTP library that goes out without our client certificate and cookies."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


PACKINGS = frozenset({"gzip", "x-gzip", "deflate", "identity", ""})
ORDINARY = Timeouts()
PUBLIC = Tls()


class Http:
    """A pool of connections to one other side. Safe for several threads. Redirects are answers, never followed.

    `name` is the other side's name for people. `max_bytes` is the largest answer taken. `secrets` are masked in all details and
    addresses. `show` writes an address as it may stand in messages and logs, where its path says too much. `policy` is for
    addresses that people chose: it says what they may reach, and may let redirects be followed.
    """

    def __init__(
        self,
        name: str,
        *,
        timeouts: Timeouts = ORDINARY,
        tls: Tls = PUBLIC,
        connections: int = 20,
        max_bytes: int = 64 * 1024 * 1024,
        secrets: Iterable[str] = (),
        show: Callable[[str], str] = redact_url,
        policy: GuardPolicy | None = None,
    ) -> None:
        self.name = name
        self._policy = policy
        max_bytes = min(max_bytes, policy.max_bytes) if policy else max_bytes
        self._show = show
        self.mask = Masker(secrets)
        self._timeouts = timeouts
        self._max_bytes = max_bytes
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=5.0)
        context = tls.context(httpx.create_ssl_context)
        self._client = httpx.Client(
            verify=context,
            timeout=httpx.Timeout(
                connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.total
            ),
            limits=limits,
            transport=_Guarded(Guard(policy, name), (context, tls), limits) if policy else None,
            mounts=None if policy else {f"all://{host}": None for host in LOOPBACK},
            headers={"User-Agent": "ContractBridge", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            follow_redirects=False,
            event_hooks={"request": [self._check_target]},
        )

    def close(self) -> None:
        """Give all connections back."""
        self._client.close()

    def send(self, request: Request) -> Answer:
        """One exchange, no retry. Raises RemoteError (`not_sent`, `no_answer`, `too_large`) or OutcomeUnknown.

        SettingsError (`address`, `address_refused`) for what is no address, or none to ask.
        """
        where = f"{request.method} {self.mask(self._show(request.url))}"
        started = time.monotonic()
        try:
            answer = self._followed(request, where, started)
        except httpx.HTTPError as error:
            log.info("http.failed", where=where, error=type(error).__name__, seconds=_since(started))
            self._fail(request, where, error)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SettingsError(
                T("{url} is not a web address.", url=self.mask(self._show(request.url))),
                detail=self.mask(repr(error)),
                kind="address",
            ) from error
        log.debug("http.answered", where=where, status=answer.status, seconds=_since(started))
        return answer

    def _followed(self, request: Request, where: str, started: float) -> Answer:
        """The answer, after as many redirects as the policy allows. On another host credentials are left off."""
        for _ in range(min(self._policy.redirects, MOST_REDIRECTS) if self._policy else 0):
            answer = self._exchange(request, where, started)
            onward = redirected(request, answer)
            if onward is None:
                return answer
            request = onward
        return self._exchange(request, where, started)

    def save(self, request: Request, into: Path, most: int) -> Answer:
        """The same for a GET whose good answer goes to a file, never more than `most` bytes of it. The Answer has no content."""
        where = f"{request.method} {self.mask(self._show(request.url))}"
        started = time.monotonic()
        try:
            return self._to_file(request, where, started, (into, most))
        except httpx.HTTPError as error:
            self._fail(request, where, error)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SettingsError(
                T("{url} is not a web address.", url=self.mask(self._show(request.url))), kind="address"
            ) from error

    def _to_file(self, request: Request, where: str, started: float, target: tuple[Path, int]) -> Answer:
        into, left = target
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        with self._client.stream(request.method, request.url, headers=headers) as response, into.open("wb") as file:
            self._check_peer(response)
            self._check_packing(response, request, where)
            for part in response.iter_bytes() if response.is_success else ():
                file.write(part[:left])
                left -= len(part)
                if left <= 0:
                    break
                if time.monotonic() - started > self._timeouts.total:
                    raise httpx.ReadTimeout("the whole exchange took too long")
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, names, b"", where)

    def _exchange(self, request: Request, where: str, started: float) -> Answer:
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        content = request.content
        if request.json is not None:
            content = orjson.dumps(request.json)
            headers.append((b"Content-Type", b"application/json"))
        with self._client.stream(
            request.method,
            request.url,
            headers=headers,
            params=dict(request.params) or None,
            content=content,
            extensions={BARE: True} if request.bare else None,
        ) as response:
            if self._policy and sum(len(n) + len(v) for n, v in response.headers.raw) > self._policy.header_bytes:
                self._too_large(request, where)
            self._check_peer(response)
            answered(request.url, response.headers, response.extensions.get("network_stream"))
            self._check_packing(response, request, where)
            parts: list[bytes] = []
            size = 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > self._max_bytes:
                    self._too_large(request, where)
                if time.monotonic() - started > self._timeouts.total:
                    raise httpx.ReadTimeout("the whole exchange took too long")
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, names, b"".join(parts), where)

    def _check_target(self, request: httpx.Request) -> None:
        if tells_of_the_machine(request.url.host):
            raise self._never(request.url.host)

    def _check_peer(self, response: httpx.Response) -> None:
        """A name may lead anywhere, and the answer of where a cloud tells the machine its credentials is read by nobody."""
        stream = response.extensions.get("network_stream")
        try:
            peer = stream.get_extra_info("server_addr") if stream is not None else None
        except OSError as error:
            # Cut off already: nobody can tell any more where it led.
            raise httpx.ReadError(str(error), request=response.request) from error
        if peer and tells_of_the_machine(str(peer[0])):
            raise self._never(str(peer[0]))

    def _never(self, host: str) -> SettingsError:
        return SettingsError(
            T(
                "{name} may not call {url}: {why}.",
                name=self.name,
                url=host,
                why=T("it leads into an internal network"),
            ),
            kind="address_refused",
        )

    def _check_packing(self, response: httpx.Response, request: Request, where: str) -> None:
        """Packed once, by what was asked for: a few kilobytes packed twice unpack to gigabytes before anybody can count them."""
        packed = [one.strip().lower() for one in response.headers.get_list("content-encoding", split_commas=True)]
        if len(packed) <= 1 and set(packed) <= PACKINGS:
            return
        message = T("{name} packed its answer in a way that was not asked for.", name=self.name)
        if request.writes:
            raise OutcomeUnknown(message, place=where)
        raise RemoteError(message, retryable=False, place=where, kind="packing")

    def _too_large(self, request: Request, where: str) -> NoReturn:
        megabytes = self._max_bytes // (1024 * 1024)
        message = T("The answer of {name} is larger than {megabytes} MB.", name=self.name, megabytes=megabytes)
        if request.writes:
            raise OutcomeUnknown(message, place=where)
        raise RemoteError(message, retryable=False, place=where, kind="too_large")

    def _fail(self, request: Request, where: str, error: httpx.HTTPError) -> NoReturn:
        detail = self.mask(f"{type(error).__name__}: {error}")
        if isinstance(error, NEVER_SENT):
            raise RemoteError(
                T("There is no connection to {name}.", name=self.name),
                retryable=not _hopeless(error),
                place=where,
                remedy=_remedy(error),
                detail=detail,
                kind="not_sent",
            ) from error
        if request.writes:
            raise OutcomeUnknown(
                T("{name} did not answer; the change may or may not have been made.", name=self.name),
                place=where,
                detail=detail,
            ) from error
        raise RemoteError(
            T("{name} did not answer in full.", name=self.name),
            retryable=not _wants_ours(error),
            place=where,
            remedy=_remedy(error) if _wants_ours(error) else None,
            detail=detail,
            kind="no_answer",
        ) from error


class _Guarded(httpx.BaseTransport):
    """Connects to checked addresses alone, with the host's name for the certificate. No proxy: it would resolve names itself."""

    def __init__(self, guard: Guard, trust: tuple[ssl.SSLContext, Tls], limits: httpx.Limits) -> None:
        self._guard = guard
        self._context, self._tls = trust
        self._limits = limits
        self._by_host: dict[tuple[str, bool], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        checked = self._guard.check(str(request.url))
        headers = request.headers.copy()
        if request.extensions.get(BARE):
            # Cookies know no ports, and may be meant for a whole domain.
            headers.pop("cookie", None)
        bare = self._tls.own is not None and bool(request.extensions.get(BARE))
        with self._lock:
            # One pool a host: a connection to the same address was made under another name's certificate.
            transport = self._by_host.get((checked.host, bare))
            if transport is None:
                context = replace(self._tls, own=None).context(httpx.create_ssl_context) if bare else self._context
                transport = httpx.HTTPTransport(verify=context, limits=self._limits, trust_env=False)
                self._by_host[checked.host, bare] = transport
        extensions = {**request.extensions, "sni_hostname": checked.host}
        for number, address in enumerate(checked.addresses, start=1):
            url = request.url.copy_with(host=address)
            try:
                return transport.handle_request(
                    httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(checked.addresses):
                    raise
        raise httpx.ConnectError("no address answered")

    def close(self) -> None:
        for transport in self._by_host.values():
            transport.close()


WANTS_OURS = (
    "CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE",
    "ALERT_UNSUPPORTED",
)
"""Alerts that a server ends a handshake with because of the certificate of the client (RFC 8446)."""


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _hopeless(error: httpx.HTTPError) -> bool:
    """Whether the same request must fail again: a certificate or an address does not change by waiting."""
    return isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or "CERTIFICATE" in str(error)


def _wants_ours(error: httpx.HTTPError) -> bool:
    return any(word in str(error) for word in WANTS_OURS)


def _remedy(error: httpx.HTTPError) -> Text | None:
    if _wants_ours(error):
        return T("It wants a client certificate, or does not accept the one that was given.")
    if "CERTIFICATE" in str(error):
        return T("Its certificate is not trusted: add the authority's certificate or pin the server's own.")
    return T("Check the address, the firewall and the proxy.")
