"""Signing in and out, and the first start: routes that set the session cookie, because a page of Streamlit cannot.

The session lives in the database; the cookie holds its token only. Each form carries a token that must equal the one in a
cookie of the same browser, so that no other site can post it. The company account is in `core.web.openid`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.domain.errors import InputError, PersonError
from core.domain.text import T, Text
from core.services import openid, people
from core.services.context import Context
from core.services.known_browsers import LASTS, mark, name_hash
from core.services.sessions import Visit
from core.web.address import (
    KNOWN_COOKIE,
    base_address,
    form_fields,
    is_secure,
    language_of,
    local_path,
    session_token,
    sub_path,
    visit_of,
)
from core.web.answers import FORM_COOKIE, enter, forget_session, onward_page, sentences, show
from core.web.signin_page import Form, first_admin_form, sign_in_form, sign_out_form

log = structlog.get_logger()


class SignIn:
    """The routes below `/auth/`. `context` gives the product's context."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context

    def routes(self) -> list[Route]:
        return [
            Route("/auth/login", self.login_page, methods=["GET"]),
            Route("/auth/login", self.login, methods=["POST"]),
            Route("/auth/setup", self.setup_page, methods=["GET"]),
            Route("/auth/setup", self.setup, methods=["POST"]),
            Route("/auth/logout", self.logout_page, methods=["GET"]),
            Route("/auth/logout", self.logout, methods=["POST"]),
        ]

    async def login_page(self, request: Request) -> Response:
        if await self._first_start():
            return RedirectResponse(f"{sub_path(request)}/auth/setup", status_code=303)
        return show(request, await self._form())

    async def login(self, request: Request) -> Response:
        form = await self._form()
        fields, problem = await self._posted(request)
        if problem:
            return show(request, form, problem, fields)
        name = fields.get("name", "")
        cookie = f"{KNOWN_COOKIE}{name_hash(name)}"
        visit = replace(visit_of(request), mark=request.cookies.get(cookie, ""))
        await asyncio.sleep(await run_in_threadpool(people.pause, self.context(), name, visit))
        try:
            token, actor = await run_in_threadpool(
                people.sign_in, self.context(), name, fields.get("password", ""), visit
            )
        except PersonError as error:
            return show(request, form, sentences(error), fields)
        if before := session_token(request):
            await run_in_threadpool(people.sign_out, self.context(), before)
        response = enter(request, token, actor.language, local_path(fields.get("next", ""), sub_path(request)))
        response.set_cookie(
            cookie, mark(self.context(), name), max_age=int(LASTS.total_seconds()), httponly=True, samesite="strict",
            secure=is_secure(request), path=f"{sub_path(request)}/auth/login",
        )  # fmt: skip
        return response

    async def setup_page(self, request: Request) -> Response:
        if not await self._first_start():
            return RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        return show(request, first_admin_form())

    async def setup(self, request: Request) -> Response:
        if not await self._first_start():
            return RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        fields, problem = await self._posted(request)
        name, password = fields.get("name", ""), fields.get("password", "")
        if not problem and password != fields.get("repeat", ""):
            problem = (T("The two passwords are not the same."),)
        if problem:
            return show(request, first_admin_form(), problem, fields)
        language = language_of(request)
        try:
            token = await run_in_threadpool(self._begin, name, password, visit_of(request), language)
        except PersonError as error:
            return show(request, first_admin_form(), sentences(error), fields)
        return enter(request, token, language, f"{sub_path(request)}/")

    def _begin(self, name: str, password: str, visit: Visit, language: str) -> str:
        context = self.context()
        admin = people.create_first_admin(context, name, password)
        people.change_own_preferences(context, admin, language=language)
        token, _ = people.sign_in(context, name, password, visit)
        return token

    async def logout_page(self, request: Request) -> Response:
        """A click on our own page signs out at once; a link from elsewhere is asked about first."""
        if request.headers.get("sec-fetch-site") == "same-origin":
            return await self._leave(request)
        return show(request, sign_out_form())

    async def logout(self, request: Request) -> Response:
        _, problem = await self._posted(request)
        return show(request, sign_out_form(), problem) if problem else await self._leave(request)

    async def _leave(self, request: Request) -> Response:
        """End the session here, and where it began at the identity provider there as well."""
        below = sub_path(request)
        elsewhere = ""
        if token := session_token(request):
            back = f"{base_address(request)}/auth/login"
            elsewhere = await run_in_threadpool(openid.leave_openid, self.context(), token, back)
        if elsewhere and request.method == "POST":
            # What a form leads to must stay on this host (`form-action` of the content policy): a page leads on instead.
            response: Response = onward_page(request, elsewhere)
        else:
            response = RedirectResponse(elsewhere or f"{below}/auth/login", status_code=303)
        return forget_session(request, response)

    async def _form(self) -> Form:
        return sign_in_form(openid=await run_in_threadpool(people.openid_is_set_up, self.context()))

    async def _first_start(self) -> bool:
        return await run_in_threadpool(people.needs_first_admin, self.context())

    async def _posted(self, request: Request) -> tuple[dict[str, str], tuple[Text, ...]]:
        """The posted fields, and what is wrong with the form itself."""
        try:
            fields = await form_fields(request)
        except InputError as error:
            return {}, sentences(error)
        expected = request.cookies.get(FORM_COOKIE, "")
        if not expected or not secrets.compare_digest(expected.encode(), fields.get("form_token", "").encode()):
            log.warning("signin.form_rejected", address=visit_of(request).address)
            return fields, (T("This form was open for too long."), T("Please try again."))
        return fields, ()
