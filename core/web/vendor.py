"""Where vendors send the browser back to after somebody signed in there for a portal (see `core.services.rest_sign_in`)."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from core.domain.errors import ContractBridgeError
from core.domain.text import T, Text
from core.services import people, rest_sign_in
from core.services.access import Actor
from core.services.context import Context
from core.web.address import language_of, session_token, sub_path
from core.web.answers import sentences
from core.web.signin_page import message_page

log = structlog.get_logger()

LONGEST = 4_000
"""Of what a vendor puts into the address: codes of some are whole tokens."""
TOLD = ("state", "code", "error", "error_description")
HERE = "1"


class Vendor:
    """The route. `context` gives the product's context."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context

    def routes(self) -> list[Route]:
        return [Route(rest_sign_in.RETURN_PATH, self.back, methods=["GET"])]

    async def back(self, request: Request) -> Response:
        """Take the vendor's answer; then show a page without it in its address."""
        actor = await run_in_threadpool(self._actor, session_token(request))
        language = actor.language if actor is not None else language_of(request)
        failed = T("Signing in at the vendor did not work")
        if request.query_params.get("done") == HERE and "state" not in request.query_params:
            words = (T("Close this page and go on in the other one."),)
            return _page(request, T("You are signed in at the vendor"), words, language)
        if actor is None:
            words = (T("Your session here has ended. Sign in, and begin again on the page Portals."),)
            return _page(request, failed, words, language, 403)
        told = {name: request.query_params.get(name, "")[:LONGEST] for name in TOLD}
        try:
            await run_in_threadpool(rest_sign_in.finish, self.context(), actor, session_token(request), told)
        except ContractBridgeError as error:
            log.info("vendor_sign_in.refused", kind=error.kind)
            return _page(request, failed, sentences(error), language, 403)
        onward = f"{sub_path(request)}{rest_sign_in.RETURN_PATH}?done={HERE}"
        return RedirectResponse(onward, status_code=303, headers={"cache-control": "no-store"})

    def _actor(self, token: str) -> Actor | None:
        return people.actor_of_token(self.context(), token) if token else None


def _page(request: Request, title: Text, words: tuple[Text, ...], language: str, status: int = 200) -> HTMLResponse:
    page = message_page(title, words, language, f"{sub_path(request)}/")
    return HTMLResponse(page, status_code=status, headers={"cache-control": "no-store"})
