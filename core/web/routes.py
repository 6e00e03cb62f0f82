"""Everything that the web process serves beside the pages."""

from __future__ import annotations

from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.routing import Route

from core.services import people
from core.services.context import Context
from core.web.health import Health
from core.web.hooks import Hooks
from core.web.middleware import SecurityHeaders, SignInFirst
from core.web.signin import SignIn


def routes(context: Callable[[], Context], openid: Callable[[], bool]) -> list[Route]:
    """`/healthz`, `/readyz`, `/metrics`, `/auth/…` and `/hooks/…`."""
    return [*Health(context).routes(), *Hooks(context).routes(), *SignIn(context, openid).routes()]


def middleware(context: Callable[[], Context]) -> list[Middleware]:
    return [
        Middleware(SecurityHeaders),
        Middleware(SignInFirst, is_valid=lambda token: people.actor_of_token(context(), token) is not None),
    ]
