"""Our own certificate for servers that want to know who calls (mutual TLS): from PEM texts into a TLS context."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from connectors._kit.pem import rewrapped
from core.domain.errors import SettingsError
from core.domain.text import T

__all__ = ["ClientCertificate"]


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Certificate (others of its chain may follow) and private key, both PEM texts; `passphrase` where the key has one."""

    certificate: str
    key: str = field(repr=False)
    passphrase: str = field(default="", repr=False)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let a context show this certificate. Raises SettingsError naming the text that is wrong."""
        chain = self._chain()
        key = self._key()
        if chain[0].public_key() != key.public_key():
            raise SettingsError(
                T("The client certificate and its key do not belong together."), place="client_key", kind="certificate"
            )
        # The TLS library reads files alone. The key is in it only under a word that is forgotten with the file.
        word = secrets.token_bytes(24).hex().encode("ascii")
        sealed = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(word),
        )
        parts = [one.public_bytes(serialization.Encoding.PEM) for one in chain]
        with tempfile.TemporaryDirectory(prefix="contractbridge-") as folder:
            path = Path(folder) / "client.pem"
            path.write_bytes(b"".join([*parts, sealed]))
            try:
                context.load_cert_chain(path, password=word)
            except ssl.SSLError as error:
                raise _unreadable("client_certificate", error) from error

    def _chain(self) -> list[x509.Certificate]:
        try:
            chain = x509.load_pem_x509_certificates(rewrapped(self.certificate).encode())
            ends = chain[0].not_valid_after_utc
        except (ValueError, IndexError) as error:
            raise _unreadable("client_certificate", error) from error
        if ends < datetime.now(UTC):
            raise SettingsError(
                T("The client certificate ended on {day}.", day=ends.date()),
                place="client_certificate",
                remedy=T("Enter the new one on the page Portals."),
                kind="certificate",
            )
        return chain

    def _key(self) -> PrivateKeyTypes:
        word = self.passphrase.encode() or None
        try:
            return serialization.load_pem_private_key(rewrapped(self.key).encode(), word)
        except TypeError as error:
            # Either there is a passphrase and the key needs none, or the other way round.
            if word is None:
                raise SettingsError(
                    T("The key of the client certificate needs its passphrase."),
                    place="client_key_passphrase",
                    kind="certificate",
                ) from error
            return self._without_passphrase()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _unreadable("client_key", error) from error

    def _without_passphrase(self) -> PrivateKeyTypes:
        try:
            return serialization.load_pem_private_key(rewrapped(self.key).encode(), None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise _unreadable("client_key", error) from error


def _unreadable(place: str, error: Exception) -> SettingsError:
    words = (
        T("The key of the client certificate cannot be read.")
        if place == "client_key"
        else T("The client certificate cannot be read.")
    )
    return SettingsError(
        words,
        place=place,
        remedy=T("Give the PEM text with the lines BEGIN and END, and the right passphrase."),
        # What a library says of a key is kept out of the log: only the kind of its error is of use.
        detail=type(error).__name__,
        kind="certificate",
    )
