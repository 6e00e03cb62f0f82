"""The way to the company's identity provider and back: routes that begin a sign-in, and take its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.domain.errors import ContractBridgeError
from core.domain.text import T
from core.services import openid, people
from core.services.access import Actor
from core.services.context import Context
from core.web.address import base_address, is_secure, local_path, session_token, sub_path, visit_of
from core.web.answers import enter, sentences, show, tell
from core.web.signin_page import sign_in_form

DONE = "/auth/openid/done"
ERRAND_COOKIE = "contractbridge_errand_"
ERRAND_SECONDS = 600


class OpenId:
    """The routes below `/auth/openid`. `context` gives the product's context."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context

    def routes(self) -> list[Route]:
        return [
            Route("/auth/openid", self.begin, methods=["GET"]),
            Route("/auth/openid/confirm", self.confirm, methods=["GET"]),
            Route(DONE, self.done, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """To the provider, to sign in."""
        onward = local_path(request.query_params.get("next", ""), sub_path(request))
        return await self._begin(request, onward, None)

    async def confirm(self, request: Request) -> Response:
        """To the provider, to show once more who one is; it is told to ask for the password again."""
        actor = await self._who(request)
        if actor is None:
            return RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        return await self._begin(request, f"{sub_path(request)}/", actor)

    async def _begin(self, request: Request, onward: str, actor: Actor | None) -> Response:
        def begin() -> openid.Begun:
            back = f"{base_address(request)}{DONE}"
            return openid.begin_openid(self.context(), redirect_uri=back, onward=onward, actor=actor)

        try:
            begun = await run_in_threadpool(begin)
        except ContractBridgeError as error:
            return show(request, sign_in_form(openid=True), sentences(error))
        response = RedirectResponse(begun.address, status_code=303, headers={"cache-control": "no-store"})
        # Lax: the provider's answer comes from another site. One cookie for each errand: two tabs do not disturb each other.
        response.set_cookie(
            _cookie(begun.state), begun.errand, max_age=ERRAND_SECONDS, httponly=True, samesite="lax",
            secure=is_secure(request), path=f"{sub_path(request)}{DONE}",
        )  # fmt: skip
        return response

    async def done(self, request: Request) -> Response:
        """Back from the provider, with its answer in the address."""
        answer = dict(request.query_params)
        cookie = _cookie(answer.get("state", ""))
        actor = await self._who(request)

        def finish() -> openid.Entered:
            sealed = request.cookies.get(cookie, "")
            return openid.finish_openid(self.context(), sealed, answer, visit_of(request), actor)

        response: Response
        try:
            entered = await run_in_threadpool(finish)
        except ContractBridgeError as error:
            if actor is None:
                response = show(request, sign_in_form(openid=True), sentences(error))
            else:
                response = tell(request, T("That did not work."), sentences(error), status=403)
        else:
            if entered.token:
                if before := session_token(request):
                    await run_in_threadpool(people.sign_out, self.context(), before)
                response = enter(request, entered.token, entered.actor.language, entered.onward)
            else:
                response = tell(
                    request,
                    T("Thank you, it is you."),
                    (T("Close this tab and go on in the one that you came from."),),
                )
        response.delete_cookie(cookie, path=f"{sub_path(request)}{DONE}")
        return response

    async def _who(self, request: Request) -> Actor | None:
        return await run_in_threadpool(people.actor_of_token, self.context(), session_token(request))


def _cookie(state: str) -> str:
    return ERRAND_COOKIE + hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:12]
