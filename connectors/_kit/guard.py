"""Keeps user-defined addresses from leading inside: which hosts, ports and addresses a request may reach (SSRF).

Names are resolved once and every address is checked; the connection then goes to a checked address (a name that is resolved to
another one a moment later changes nothing). `Http` asks this before each request it makes under a policy, redirects included.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors._kit.redact import redact_url
from core.domain.errors import RemoteError, SettingsError
from core.domain.text import T, Text

__all__ = ["Checked", "Guard", "GuardPolicy", "inside", "plain_host", "tells_of_the_machine"]

MEGABYTE = 1024 * 1024
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_REFUSED = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "100::/64", "2001:db8::/32", "2001::/32",
        "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48", "::/96",
    )
]  # fmt: skip
_OF_THE_MACHINE = [
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128")
]
"""Where clouds tell a machine its own credentials, to whoever asks from it (link-local, and what some chose instead)."""
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*", re.ASCII)


class Checked(NamedTuple):
    """Where a request may go: the host as it is written in the request, and the addresses that were checked."""

    host: str
    port: int
    addresses: tuple[str, ...]


def inside(address: Address) -> bool:
    """Whether an address is not one of the public internet, looking at the IPv4 address inside an IPv6 one too."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return inside(address.ipv4_mapped)
        if address.scope_id:
            return True
    return any(address.version == network.version and address in network for network in _REFUSED)


def tells_of_the_machine(host: str) -> bool:
    """Whether a host, as an address in any spelling, is one that no portal is ever at: a name is none."""
    try:
        address = ipaddress.ip_address(plain_host(host).partition("%")[0])
    except (ValueError, UnicodeError):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return any(address.version == network.version and address in network for network in _OF_THE_MACHINE)


def plain_host(host: str) -> str:
    """A host in its one spelling: lower case, no dot at the end, IDN as ASCII, odd numbers as the IPv4 address they mean.

    Raises ValueError for what is no host.
    """
    text = host.strip().rstrip(".").strip("[]")
    if ":" in text:
        return str(ipaddress.IPv6Address(text))
    text = text.encode("idna").decode("ascii").lower() if not text.isascii() else text.lower()
    if _NUMERIC.fullmatch(text):
        return str(_odd_ipv4(text))
    if not _NAME.fullmatch(text) or len(text) > 253:
        raise ValueError(f"no host: {host!r}")
    return text


def _odd_ipv4(text: str) -> ipaddress.IPv4Address:
    """`0x7f.1`, `2130706433`, `127.1` and `0177.0.0.1`, as the system's own resolver understands them."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError as error:
        raise ValueError(f"no address: {text!r}") from error


def _system(host: str, port: int) -> Sequence[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """What user-defined requests may reach.

    `allowed_hosts` are hosts an administrator opened, as `name`, `address` or `name:port`: for these, addresses inside, plain http
    and other ports than 443 are fine. `redirects` is how many are followed, 3 at most. `max_bytes` counts after decompression.
    """

    allowed_hosts: frozenset[str] = frozenset()
    redirects: int = 0
    max_bytes: int = 100 * MEGABYTE
    header_bytes: int = 64 * 1024
    resolve: Resolve = _system

    def allows(self, host: str, port: int) -> bool:
        """Whether an administrator opened this host."""
        return not {host, f"{host}:{port}", f"[{host}]:{port}"}.isdisjoint(self._opened())

    def _opened(self) -> set[str]:
        return {entry.strip().casefold().rstrip(".") for entry in self.allowed_hosts}


@dataclass(slots=True)
class Guard:
    """A policy at work: remembers what each name was resolved to, so that a name is resolved once. Safe for several threads."""

    policy: GuardPolicy
    name: str
    _known: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, url: str) -> Checked:
        """Where this request goes. Raises SettingsError (kind `address_refused`) for what may not be reached."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            host = plain_host(parts.hostname or "")
        except (ValueError, UnicodeError) as error:
            raise self._refused(url, T("it is not a web address")) from error
        if parts.username or parts.password:
            raise self._refused(url, T("user and password do not belong in an address"))
        opened = self.policy.allows(host, port)
        if parts.scheme != "https" and not (parts.scheme == "http" and opened):
            raise self._refused(url, T("only https is allowed"))
        if port != 443 and not opened:
            raise self._refused(url, T("only port 443 is allowed"))
        return Checked(host, port, self._addresses(url, host, port, opened))

    def _addresses(self, url: str, host: str, port: int, opened: bool) -> tuple[str, ...]:
        with self._lock:
            known = self._known.get((host, port))
        if known is None:
            known = self._resolved(url, host, port)
            if not opened and any(inside(ipaddress.ip_address(one)) for one in known):
                raise self._refused(url, T("it leads into an internal network"))
            with self._lock:
                known = self._known.setdefault((host, port), known)
        return known

    def _resolved(self, url: str, host: str, port: int) -> tuple[str, ...]:
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass  # a name: it is resolved
        try:
            found = tuple(dict.fromkeys(self.policy.resolve(host, port)))
        except OSError as error:
            raise RemoteError(
                T("The name {host} is not known.", host=host),
                retryable=True,
                place=redact_url(url),
                remedy=T("Check the address, the firewall and the proxy."),
                detail=repr(error),
                kind="not_sent",
            ) from error
        if not found:
            raise self._refused(url, T("it has no address"))
        return found

    def _refused(self, url: str, why: Text) -> SettingsError:
        return SettingsError(
            T("{name} may not call {url}: {why}.", name=self.name, url=redact_url(url), why=why),
            remedy=T("An administrator can allow the host in the settings, for addresses of your own."),
            kind="address_refused",
        )
