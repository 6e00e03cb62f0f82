"""Small readings of a request: cookies, where it came from, where it may go next."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from starlette.requests import HTTPConnection, Request

from core.domain.errors import InputError
from core.domain.text import T
from core.i18n import LANGUAGES
from core.services.sessions import Visit

SESSION_COOKIE = "contractbridge_session"
LANGUAGE_COOKIE = "contractbridge_language"
KNOWN_COOKIE = "contractbridge_known_"
"""One for each person who signed in in this browser; the rest of its name is made of theirs."""
MOST_FORM_BYTES = 8_192


def session_token(connection: HTTPConnection) -> str:
    return connection.cookies.get(SESSION_COOKIE, "")


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser speaks https, to us or to the proxy before us."""
    return connection.url.scheme in ("https", "wss") or connection.headers.get("x-forwarded-proto", "") == "https"


def base_address(connection: HTTPConnection) -> str:
    """How the browser calls us, without a slash at the end: `https://intranet.example.com/portal`."""
    scheme = "https" if is_secure(connection) else "http"
    return f"{scheme}://{connection.url.netloc}{sub_path(connection)}"


def visit_of(connection: HTTPConnection) -> Visit:
    """Where somebody signs in from."""
    return Visit(client_address(connection), connection.headers.get("user-agent", "")[:500], language_of(connection))


def client_address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def language_of(request: HTTPConnection) -> str:
    """The language asked for: `?lang=`, then the cookie, then what the browser prefers, then English."""
    wishes = [request.query_params.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, "")]
    wishes += [part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return next((wish for wish in wishes if wish in LANGUAGES), "en")


def sub_path(connection: HTTPConnection) -> str:
    """The path below which the product is served, as `/portal`; "" on a host of its own (see middleware.BelowPath)."""
    return str(connection.scope.get("root_path", ""))


def local_path(wish: str, below: str = "") -> str:
    """A path on this server to go to after signing in; the start page for anything else (no open redirect).

    `below` is the product's own sub-path: another program on the same host is elsewhere, also by way of `..`.
    """
    parts = urlsplit(wish)
    steps = unquote(parts.path).replace("\\", "/").split("/")
    safe = (
        wish.startswith(f"{below}/")
        and not wish.startswith(("//", "/\\", f"{below}/auth/"))
        and not parts.scheme
        and not parts.netloc
        and not {".", ".."}.intersection(steps)
    )
    return wish if safe and wish.isprintable() else f"{below}/"


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a small posted form; raises InputError for a body that no form of ours makes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            raise InputError(T("The form is too large."))
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise InputError(T("The form could not be read.")) from error
    return {name: values[-1] for name, values in fields.items()}
