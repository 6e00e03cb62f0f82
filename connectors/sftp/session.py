"""Signing in to an SSH server whose key is known. Nothing is sent to a server that cannot prove who it is (C1)."""

from __future__ import annotations

import base64
import binascii
import io
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import paramiko
from paramiko.transport import ServiceRequestingTransport

from connectors._kit.pem import rewrapped
from connectors._kit.redact import Masker
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.pickup import HostKey, Problem, fingerprint
from core.domain.text import T, Text

CONNECT, SIGN_IN, IDLE, ALIVE = 15.0, 30.0, 60.0, 20
"""Seconds: for a connection and its keys, for signing in, for an answer, and between signs of life."""
SMALLEST_RSA = 3072
OFF = {
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com"],
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc", "blowfish-cbc"],
    "macs": ["hmac-md5", "hmac-sha1-96", "hmac-md5-96", "hmac-sha1"],
    "kex": [
        "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1",
    ],
}  # fmt: skip
"""Signatures by SHA-1, DSA and CBC are not spoken."""
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")

logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Login:
    """Where, and as whom. `host_keys` are lines `type base64`, or fingerprints `SHA256:…`."""

    host: str
    port: int
    user: str
    host_keys: Sequence[str]
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    @property
    def mask(self) -> Masker:
        return Masker([self.password, self.passphrase])


def trusted_prints(lines: Sequence[str]) -> dict[str, str]:
    """Fingerprints of the trusted keys with their type (empty where only the fingerprint is known)."""
    found: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if len(words) == 1 and words[0].startswith("SHA256:"):
            found[words[0].rstrip("=")] = ""
            continue
        place = next((index for index, word in enumerate(words) if word.startswith("AAAA")), 0)
        try:
            blob = base64.b64decode(words[place], validate=True)
        except (IndexError, ValueError, binascii.Error) as error:
            raise _unreadable(line) from error
        if place == 0:
            raise _unreadable(line)
        found[fingerprint(blob)] = words[place - 1]
    return found


def _unreadable(line: str) -> SettingsError:
    return SettingsError(
        T("{line} is no host key.", line=line[:60]),
        place="host_keys",
        remedy=T("Write it like {example}.", example="ssh-ed25519 AAAA…"),
        kind="host_key_format",
    )


def show_key(login: Login) -> HostKey:
    """The key the server shows at the start of a connection, which ends then."""
    transport = _greet(login, ())
    try:
        return _key_of(transport)
    finally:
        transport.close()


def sign_in(login: Login) -> paramiko.Transport:
    """A connection that is signed in. An unknown key stops it before anything is sent.

    Raises SettingsError, Unauthorized or RemoteError.
    """
    trusted = trusted_prints(login.host_keys)
    transport = _greet(login, tuple(trusted.values()))
    try:
        _compare(login, _key_of(transport), trusted)
        _authenticate(transport, login)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(ALIVE)
    return transport


def _greet(login: Login, known_types: Sequence[str]) -> paramiko.Transport:
    try:
        sock = socket.create_connection((login.host, login.port), timeout=CONNECT)
    except OSError as error:
        raise RemoteError(
            T("There is no connection to {name}.", name=login.host),
            retryable=True,
            remedy=T("Check the address, the port and the firewall."),
            detail=f"{type(error).__name__}: {error}",
            kind="not_sent",
        ) from error
    transport = ServiceRequestingTransport(sock, disabled_algorithms=OFF)
    transport.banner_timeout, transport.auth_timeout, transport.channel_timeout = CONNECT, SIGN_IN, IDLE
    _prefer(transport, known_types)
    try:
        transport.start_client(timeout=CONNECT)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        transport.close()
        raise RemoteError(
            T("{name} offers only outdated encryption, which is not used.", name=login.host),
            retryable=False,
            remedy=T("Ask whoever runs the server for Ed25519 or RSA keys with SHA-2, and a cipher that is not CBC."),
            detail=str(error),
            kind="outdated",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise lost(login, error) from error
    return transport


def _prefer(transport: paramiko.Transport, known_types: Sequence[str]) -> None:
    """A server with several keys is asked for one of the kind that is trusted."""
    options = transport.get_security_options()
    usable = [one for one in options.key_types if one not in OFF["keys"]]
    wanted = [name for kind in known_types for name in (RSA_SIGNATURES if kind == "ssh-rsa" else (kind,))]
    options.key_types = [*(one for one in wanted if one in usable), *(one for one in usable if one not in wanted)]


def _key_of(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(f"{key.get_name()} {key.get_base64()}", fingerprint(key.asbytes()))


def _compare(login: Login, shown: HostKey, trusted: dict[str, str]) -> None:
    if shown.fingerprint in trusted:
        return
    if not trusted:
        raise SettingsError(
            T(
                "{name} is not trusted yet. It shows the host key {fingerprint} ({type}).",
                name=login.host, fingerprint=shown.fingerprint, type=shown.type,
            ),
            place="host_keys",
            remedy=T(
                "If whoever runs the server names the same fingerprint, trust it on the page Portals, or set host_keys to: {line}",
                line=shown.line,
            ),
            kind=Problem.HOST_KEY,
        )  # fmt: skip
    raise SettingsError(
        T(
            "host key changed: expected {expected}, got {got}",
            expected=" / ".join(trusted), got=shown.fingerprint,
        ),
        place=login.host,
        remedy=T("Nothing was sent. Ask whoever runs the server whether its key was changed, and trust the new one only then."),
        kind=Problem.HOST_KEY,
    )  # fmt: skip


def _authenticate(transport: paramiko.Transport, login: Login) -> None:
    """With the key first, then with the password, also where the server asks for it as a question, or for both."""
    try:
        if login.private_key:
            transport.auth_publickey(login.user, private_key(login))
        if login.password and not transport.is_authenticated():
            transport.auth_password(login.user, login.password)
    except paramiko.BadAuthenticationType as error:
        if "keyboard-interactive" in error.allowed_types and login.password:
            _answer(transport, login)
        else:
            raise _refused(login, error) from error
    except paramiko.AuthenticationException as error:
        raise _refused(login, error) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise lost(login, error) from error
    if not transport.is_authenticated():
        raise _refused(login, None)


def _answer(transport: paramiko.Transport, login: Login) -> None:
    def answers(_title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        return [login.password for _ in prompts]

    try:
        transport.auth_interactive(login.user, answers)
    except paramiko.AuthenticationException as error:
        raise _refused(login, error) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise lost(login, error) from error


def _refused(login: Login, error: Exception | None) -> RemoteError:
    """The credentials are wrong; or the server was too slow to say so, which another try may change."""
    if error is not None and "timeout" in str(error).lower():
        return lost(login, error)
    return Unauthorized(
        T("{name} does not accept the credentials.", name=login.host),
        place=f"{login.user}@{login.host}",
        remedy=T(
            "Check user, password and key. Does the server have the public part of the key, and does it want both?"
        ),
        detail=login.mask(str(error)) if error else "nothing to sign in with, or not enough",
    )


def private_key(login: Login) -> paramiko.PKey:
    """The key. Raises SettingsError when it cannot be read, or is too short to be trusted."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            key: paramiko.PKey = kind.from_private_key(
                io.StringIO(rewrapped(login.private_key)), password=login.passphrase or None
            )
        except paramiko.PasswordRequiredException as error:
            raise _bad_key(T("The private key needs its passphrase.")) from error
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
        if isinstance(key, paramiko.RSAKey) and key.get_bits() < SMALLEST_RSA:
            raise _bad_key(T("The RSA key has {bits} bits; at least 3072 are needed.", bits=key.get_bits()))
        return key
    raise _bad_key(T("The private key cannot be read, or its passphrase is wrong."))


def _bad_key(message: Text) -> SettingsError:
    return SettingsError(
        message,
        place="private_key",
        remedy=T("Make one with: ssh-keygen -t ed25519, and paste the whole file that has no .pub behind its name."),
        kind="private_key",
    )


def lost(login: Login, error: Exception) -> RemoteError:
    """The connection broke, or was never whole."""
    return RemoteError(
        T("The connection to {name} was lost.", name=login.host),
        retryable=True,
        detail=login.mask(f"{type(error).__name__}: {error}"),
        kind="connection_lost",
    )
