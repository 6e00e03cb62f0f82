"""Whom a connection trusts, and who we are on it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from connectors._kit.client_certificate import ClientCertificate
from connectors._kit.pem import rewrapped
from core.domain.errors import SettingsError
from core.domain.text import T

__all__ = ["Tls"]

Public = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust. Both are PEM text or the path of a PEM file; certificates are always verified.

    `ca` is trusted besides the public authorities. `pinned` is trusted instead of them: exactly this certificate, under
    whatever name the server has (a self-signed appliance on the intranet). `own` is who we are (mutual TLS).
    """

    ca: str = ""
    pinned: str = ""
    own: ClientCertificate | None = None

    def context(self, public: Public) -> ssl.SSLContext:
        """`public` makes a context that trusts the public authorities. Raises SettingsError when a certificate cannot be read."""
        if self.own is None:
            return self._trusting(public)
        context = self._trusting(public) if self.pinned or self.ca else public()
        self.own.load_into(context)
        return context

    def _trusting(self, public: Public) -> ssl.SSLContext:
        if self.pinned:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            _trust(context, self.pinned)
            return context
        if not self.ca:
            return _once(public)
        context = public()
        _trust(context, self.ca)
        return context


@cache
def _once(public: Public) -> ssl.SSLContext:
    """The public authorities, read once: that takes longer than many a request."""
    return public()


def _trust(context: ssl.SSLContext, pem: str) -> None:
    try:
        text = rewrapped(pem) if "-----BEGIN" in pem else Path(pem).read_text(encoding="ascii")
        context.load_verify_locations(cadata=text)
    except (OSError, ValueError, ssl.SSLError) as error:
        shown = "PEM" if "-----BEGIN" in pem else pem
        raise SettingsError(
            T("The certificate {file} cannot be read.", file=shown),
            remedy=T("Give the path of a PEM file, or its text with the lines BEGIN and END CERTIFICATE."),
            detail=repr(error),
            kind="certificate",
        ) from error
