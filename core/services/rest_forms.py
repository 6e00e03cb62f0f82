"""What a page asks for an endpoint of one's own: the fields of each part of its declaration, and the secrets it looks up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.services.access import Actor, Role, require
from core.services.forms import FormField, form_of, forms_inside

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["EndpointForms", "default_name", "endpoint_forms", "secrets_of"]

REST = "rest"
PARTS = ("body", "paging", "window", "for_each", "job", "answer", "limits", "network")
SECRETS: Mapping[str, tuple[str, ...]] = {
    "key": ("key",),
    "bearer": ("token",),
    "basic": ("password",),
    "digest": ("password",),
    "client_credentials": ("client_secret",),
    "refresh_token": ("client_secret", "refresh_token"),
    "password": ("password", "client_secret"),
    "authorization_code": ("client_secret",),
    "jwt": ("signing_key",),
    "hmac": ("signing_key",),
}
"""Those that a way to sign in works with; a log-in call names its own."""
CERTIFICATE = ("client_certificate", "client_key", "client_key_passphrase")
"""Those of mutual TLS, beside any way to sign in."""
PLUMBING = frozenset(
    {"api", "rest", "json", "xml", "odata", "graphql", "public", "external", "services", "service", "v"}
)
"""Words of addresses that say nothing about what is behind them."""
_LOOKED_UP = re.compile(r"\{\{\s*secret\.([a-z_]+)")


@dataclass(frozen=True, slots=True)
class EndpointForms:
    """The fields of a declaration. `sign_in` by kind; `parts` by the name of the setting; `secrets` all there are."""

    fields: Mapping[str, FormField]
    sign_in: Mapping[str, tuple[FormField, ...]]
    parts: Mapping[str, tuple[FormField, ...]]
    secrets: tuple[FormField, ...]


def endpoint_forms(ctx: Context, actor: Actor) -> EndpointForms:
    """The forms of an endpoint. For operators."""
    require(actor, Role.OPERATOR)
    kind = ctx.connectors.get(REST)
    return EndpointForms(
        fields={field.name: field for field in form_of(kind.settings)},
        sign_in=forms_inside(kind.settings, "auth"),
        parts={name: forms_inside(kind.settings, name)[""] for name in PARTS},
        secrets=form_of(kind.secrets),
    )


def secrets_of(settings: Mapping[str, object]) -> tuple[str, ...]:
    """The secrets that a declaration needs: those of its way to sign in, and those it looks up in its texts."""
    auth = settings.get("auth")
    kind = str(auth.get("kind", "none")) if isinstance(auth, Mapping) else "none"
    network = settings.get("network")
    by_certificate = isinstance(network, Mapping) and bool(network.get("client_certificate"))
    wanted = dict.fromkeys((*SECRETS.get(kind, ()), *(CERTIFICATE if by_certificate else ())))
    found = {name for text in _texts(settings) for name in _LOOKED_UP.findall(text)}
    return tuple(wanted | dict.fromkeys(sorted(found)))


def default_name(url: str, nameless: str = "REST endpoint") -> str:
    """What an endpoint may be called before a person named it: its host, and what its path is about; else `nameless`.

    `https://api.example.com/v1/licence-counts` → `example.com licence counts`. A number of a machine says nothing and is left out.
    """
    try:
        parts = urlsplit(url if "://" in url else f"//{url}" if url[:1] != "/" else url)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("api.")
    except ValueError:
        return nameless
    path = [word for piece in parts.path.split("/") if "{{" not in piece and (word := _about(piece))]
    named = "" if host.replace(".", "").isdecimal() or ":" in host or host == "localhost" else host
    words = " ".join([named, *path[-1:]]).strip()
    return (words[:1].upper() + words[1:] if words and not named else words)[:60].strip() or nameless


def _about(piece: str) -> str:
    """What one step of a path says, in words: nothing for versions, numbers and plumbing."""
    words = [word for word in re.split(r"[^\w]+|_", piece.rpartition(".")[0] or piece) if word]
    telling = [word for word in words if word.casefold() not in PLUMBING and not re.fullmatch(r"v?[\d.]+", word)]
    return " ".join(telling).lower()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
