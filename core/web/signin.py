"""Signing in and out, and the first start: routes that set the session cookie, because a page of Streamlit cannot.

The session lives in the database; the cookie holds its token only. Each form carries a token that must equal the one in a
cookie of the same browser, so that no other site can post it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from core.domain.errors import InputError, PersonError
from core.domain.text import T, Text
from core.services import people
from core.services.context import Context
from core.web.address import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    client_address,
    form_fields,
    is_secure,
    language_of,
    local_path,
    session_token,
    sub_path,
)
from core.web.signin_page import Form, first_admin_form, render, sign_in_form, sign_out_form

FORM_COOKIE = "contractbridge_form"
COOKIE_SECONDS = 30 * 24 * 3600
"""Longer than any session lives: the database decides when it ends."""
YEAR_SECONDS = 365 * 24 * 3600

log = structlog.get_logger()


class SignIn:
    """The routes below `/auth/`. `context` gives the product's context; `openid` says whether OpenID Connect is set up."""

    def __init__(self, context: Callable[[], Context], openid: Callable[[], bool]) -> None:
        self.context = context
        self.openid = openid

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
        return self._show(request, sign_in_form(openid=self.openid()))

    async def login(self, request: Request) -> Response:
        form = sign_in_form(openid=self.openid())
        fields, problem = await self._posted(request)
        if problem:
            return self._show(request, form, problem, fields)
        try:
            token, actor = await run_in_threadpool(
                people.sign_in,
                self.context(),
                fields.get("name", ""),
                fields.get("password", ""),
                client_address(request),
            )
        except PersonError as error:
            return self._show(request, form, _sentences(error), fields)
        return self._enter(request, token, actor.language, local_path(fields.get("next", ""), sub_path(request)))

    async def setup_page(self, request: Request) -> Response:
        if not await self._first_start():
            return RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        return self._show(request, first_admin_form())

    async def setup(self, request: Request) -> Response:
        if not await self._first_start():
            return RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        fields, problem = await self._posted(request)
        name, password = fields.get("name", ""), fields.get("password", "")
        if not problem and password != fields.get("repeat", ""):
            problem = (T("The two passwords are not the same."),)
        if problem:
            return self._show(request, first_admin_form(), problem, fields)
        language = language_of(request)
        try:
            token = await run_in_threadpool(self._begin, name, password, client_address(request), language)
        except PersonError as error:
            return self._show(request, first_admin_form(), _sentences(error), fields)
        return self._enter(request, token, language, f"{sub_path(request)}/")

    def _begin(self, name: str, password: str, address: str, language: str) -> str:
        context = self.context()
        admin = people.create_first_admin(context, name, password)
        people.change_own_preferences(context, admin, language=language)
        token, _ = people.sign_in(context, name, password, address)
        return token

    async def logout_page(self, request: Request) -> Response:
        """A click on our own page signs out at once; a link from elsewhere is asked about first."""
        if request.headers.get("sec-fetch-site") == "same-origin":
            return await self._leave(request)
        return self._show(request, sign_out_form())

    async def logout(self, request: Request) -> Response:
        _, problem = await self._posted(request)
        return self._show(request, sign_out_form(), problem) if problem else await self._leave(request)

    async def _leave(self, request: Request) -> Response:
        if token := session_token(request):
            await run_in_threadpool(people.sign_out, self.context(), token)
        response = RedirectResponse(f"{sub_path(request)}/auth/login", status_code=303)
        response.delete_cookie(SESSION_COOKIE, path=sub_path(request) or "/")
        return response

    async def _first_start(self) -> bool:
        return await run_in_threadpool(people.needs_first_admin, self.context())

    async def _posted(self, request: Request) -> tuple[dict[str, str], tuple[Text, ...]]:
        """The posted fields, and what is wrong with the form itself."""
        try:
            fields = await form_fields(request)
        except InputError as error:
            return {}, _sentences(error)
        expected = request.cookies.get(FORM_COOKIE, "")
        if not expected or not secrets.compare_digest(expected.encode(), fields.get("form_token", "").encode()):
            log.warning("signin.form_rejected", address=client_address(request))
            return fields, (T("This form was open for too long."), T("Please try again."))
        return fields, ()

    def _show(
        self, request: Request, form: Form, problem: tuple[Text, ...] = (), fields: dict[str, str] | None = None
    ) -> Response:
        language = language_of(request)
        below = sub_path(request)
        token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
        onward = local_path((fields or {}).get("next") or request.query_params.get("next", ""), below)
        page = replace(form, problem=problem, next=onward, form_token=token, values=fields or {}, sub_path=below)
        response = HTMLResponse(render(page, language), status_code=403 if problem else 200)
        response.headers["cache-control"] = "no-store"
        secure = is_secure(request)
        response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="strict", secure=secure, path=f"{below}/auth")
        if request.query_params.get("lang"):
            _keep_language(response, language, secure, below)
        return response

    def _enter(self, request: Request, token: str, language: str, onward: str) -> Response:
        response = RedirectResponse(onward, status_code=303)
        secure, below = is_secure(request), sub_path(request)
        response.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=secure,
            path=below or "/",
        )
        _keep_language(response, language, secure, below)
        return response


def _keep_language(response: Response, language: str, secure: bool, below: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=YEAR_SECONDS, samesite="lax", secure=secure, path=below or "/"
    )


def _sentences(error: PersonError) -> tuple[Text, ...]:
    return (error.message, error.remedy) if error.remedy else (error.message,)
