"""Everything that the web process serves beside the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from core.services import people
from core.services.context import Context
from core.web.health import Health
from core.web.hooks import Hooks
from core.web.middleware import BelowPath, SecurityHeaders, SignInFirst
from core.web.openid import OpenId
from core.web.signin import SignIn
from core.web.strangers import Strangers
from core.web.vendor import Vendor

LOCAL_HOSTS = ("localhost", "127.0.0.1")
"""Always let in: who watches the process on its own machine asks under these names."""


def routes(context: Callable[[], Context]) -> list[Route]:
    """`/healthz`, `/readyz`, `/metrics`, `/auth/…` and `/hooks/…`."""
    parts = (Health(context), Hooks(context), SignIn(context), OpenId(context), Vendor(context))
    return [route for part in parts for route in part.routes()]


def middleware(context: Callable[[], Context], below: str = "", hosts: Sequence[str] = ()) -> list[Middleware]:
    """`below` is Streamlit's `server.baseUrlPath`; `hosts` the names the product is asked for under, () for any."""
    below = f"/{below.strip('/')}" if below.strip("/") else ""
    let_in = [*hosts, *LOCAL_HOSTS] if hosts else ["*"]

    def is_valid(token: str) -> bool:
        return people.actor_of_token(context(), token) is not None

    return [
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=let_in, www_redirect=False),
        *([Middleware(BelowPath, below=below)] if below else []),
        Middleware(SignInFirst, is_valid=is_valid, below=below),
        Middleware(Strangers, is_valid=is_valid, below=below),
    ]
