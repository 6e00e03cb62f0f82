"""What the routes for signing in answer with: pages, and the cookies of a session."""

from __future__ import annotations

import secrets
from dataclasses import replace
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from core.domain.errors import ContractBridgeError
from core.domain.text import T, Text
from core.web.address import LANGUAGE_COOKIE, SESSION_COOKIE, is_secure, language_of, local_path, sub_path
from core.web.signin_page import Form, message_page, render

FORM_COOKIE = "contractbridge_form"
COOKIE_SECONDS = 30 * 24 * 3600
"""Longer than any session lives: the database decides when it ends."""
YEAR_SECONDS = 365 * 24 * 3600


def show(
    request: Request, form: Form, problem: tuple[Text, ...] = (), fields: dict[str, str] | None = None
) -> HTMLResponse:
    """A page with a form, with what is wrong on top of it. The form works in this browser alone."""
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


def tell(request: Request, title: Text, words: tuple[Text, ...], *, status: int = 200) -> HTMLResponse:
    """A page that says something, in a tab of its own."""
    page = message_page(title, words, language_of(request), "")
    return HTMLResponse(page, status_code=status, headers={"cache-control": "no-store"})


def onward_page(request: Request, address: str) -> HTMLResponse:
    """A page that leads on to another host by itself."""
    language = language_of(request)
    title = T("One moment …")
    page = message_page(title, (), language, address)
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    page = page.replace("<head>", f"<head>{refresh}", 1)
    return HTMLResponse(page, headers={"cache-control": "no-store"})


def enter(request: Request, token: str, language: str, onward: str) -> Response:
    """Go on with a new session; the one before it in this browser has ended, also in pages that are still open."""
    response = RedirectResponse(onward, status_code=303, headers={"cache-control": "no-store"})
    secure, below = is_secure(request), sub_path(request)
    response.set_cookie(
        SESSION_COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure, path=below or "/"
    )
    _keep_language(response, language, secure, below)
    return response


def forget_session(request: Request, response: Response) -> Response:
    """Take the session out of the browser."""
    response.delete_cookie(SESSION_COOKIE, path=sub_path(request) or "/")
    response.headers["cache-control"] = "no-store"
    return response


def sentences(error: ContractBridgeError) -> tuple[Text, ...]:
    """What an error tells people."""
    return (error.message, error.remedy) if error.remedy else (error.message,)


def _keep_language(response: Response, language: str, secure: bool, below: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=YEAR_SECONDS, httponly=True, samesite="lax", secure=secure, path=below or "/"
    )
