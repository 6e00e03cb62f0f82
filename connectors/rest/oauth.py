"""OAuth 2.0 at an endpoint's vendor: tokens by each grant, and a person's sign-in at the vendor's page (RFC 6749, RFC 7636)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from connectors._kit.auth import Auth, Basic, Bearer, Token, TokenAuth
from connectors._kit.http import Answer, Http, Request
from connectors.rest import signin
from connectors.rest.decode import parse
from connectors.rest.template import Names, in_header, render
from core.domain.connector import RotatingSecret
from core.domain.errors import SettingsError, ShapeChanged, Unauthorized
from core.domain.selection import compile_path
from core.domain.text import T, Text

__all__ = ["NotSignedIn", "OAuthSignIn", "sign_in_page"]

Declared = signin.ClientSignIn | signin.RefreshSignIn | signin.PasswordSignIn | signin.CodeSignIn
Ask = Callable[[Request, Callable[[Answer], None]], Answer]
"""Sends a request for a token; the second looks at each answer first and may raise."""


class NotSignedIn:
    """Nobody has signed in at the vendor yet: every request says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def sign(self, request: Request) -> Request:
        raise Unauthorized(T("Nobody has signed in at {name} yet.", name=self._name), remedy=_again(self._name))

    def renew(self, refused: Request) -> bool:
        return False


def _again(name: str) -> Text:
    return T("Open the connection of {name} on the page Portals and sign in at the vendor.", name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSignIn:
    """Tokens of one declared grant. `resolve` makes an address below the base whole."""

    declared: Declared
    http: Http
    names: Names
    auth_url: str
    resolve: Callable[[str], str]
    rotating: RotatingSecret
    ask: Ask

    def auth(self) -> Auth:
        """The way to sign requests with tokens of this grant. Raises SettingsError where it is not said where they come from."""
        declared = self.declared
        self._url()
        if isinstance(declared, signin.CodeSignIn) and not self._secret("refresh_token"):
            token = self._secret("token")
            return Bearer(token) if token else NotSignedIn(self.http.name)
        if isinstance(declared, signin.RefreshSignIn | signin.CodeSignIn):
            return TokenAuth(lambda: self.rotating.exchange(self._refreshed))
        fields = {"scope": declared.scope, "audience": declared.audience}
        if isinstance(declared, signin.PasswordSignIn):
            fields |= {"username": declared.user, "password": self._secret("password")}
        return TokenAuth(lambda: self._token(self._given(declared.kind, fields)))

    def signed_in(self, code: str, redirect: str, verifier: str) -> dict[str, str]:
        """What a person's sign-in gives, as secrets to be kept. Raises Unauthorized or ShapeChanged for an answer without."""
        told = self._given(
            "authorization_code", {"code": code, "redirect_uri": redirect, "code_verifier": verifier}, person=True
        )
        token = self._token(told)
        refresh = told.get("refresh_token") if isinstance(told, Mapping) else None
        if isinstance(refresh, str) and refresh:
            self.http.mask.learn(refresh)
            return {"refresh_token": refresh}
        if compile_path(self.declared.expires_at)(told) is None:
            return {"token": token.value}
        raise Unauthorized(
            T("{name} gave a token that ends soon and nothing to renew it with.", name=self.http.name),
            remedy=T(
                "Ask for lasting access: often the scope offline_access, or access_type=offline for the sign-in page."
            ),
        )

    def _secret(self, name: str) -> str:
        return self.names.secrets.get(name, "")

    def _url(self) -> str:
        url = self.declared.token_url or self.auth_url
        if not url:
            raise SettingsError(T("Say where tokens are given."), place="auth.token_url")
        return url

    def _refreshed(self, refresh_token: str) -> tuple[str, Token]:
        """The next refresh token, and a token. Asks for the scopes that were given: those of a code are known to the vendor."""
        declared = self.declared
        lasting = isinstance(declared, signin.CodeSignIn)
        fields = {"scope": "" if lasting else declared.scope, "audience": "" if lasting else declared.audience}
        body = self._given("refresh_token", {**fields, "refresh_token": refresh_token})
        following = body.get("refresh_token") if isinstance(body, dict) else None
        self.http.mask.learn(refresh_token, str(following or ""))
        return str(following or refresh_token), self._token(body)

    def _given(self, grant: str, more: Mapping[str, str], *, person: bool = False) -> Any:
        """The answer to a request for tokens. `person`: a code is exchanged, so that nothing there is has ended."""
        declared = self.declared
        fields = {"grant_type": grant, **more}
        headers = {name: in_header(render(value, self.names)) for name, value in declared.headers.items()}
        client = (declared.client_id, self._secret("client_secret"))
        if declared.client_in == "basic" and client[1]:
            headers["Authorization"] = Basic(*client).header
        else:
            fields |= {"client_id": client[0], "client_secret": client[1]}
        fields |= {name: render(value, self.names) for name, value in declared.fields.items()}
        fields = {name: value for name, value in fields.items() if value}
        request = Request(method="POST", url=self.resolve(self._url()), headers=headers, json=fields)
        if not declared.as_json:
            form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            request = replace(request, headers=form, json=None, content=urlencode(fields).encode())
        return self.ask(request, lambda answer: None if person else self._look(answer)).json()

    def _look(self, answer: Answer) -> None:
        """Raises Unauthorized when an answer says that the sign-in has ended for good; some say so with status 200."""
        declared = self.declared
        if not isinstance(declared, signin.RefreshSignIn | signin.CodeSignIn):
            return
        try:
            told = compile_path(declared.error_at)(parse(answer.content)) if declared.error_at else None
        except ValueError:
            told = None
        if str(told) not in declared.ended and str(answer.status) not in declared.ended:
            return
        name, by_person = self.http.name, isinstance(declared, signin.CodeSignIn)
        raise Unauthorized(
            T("The sign-in at {name} has ended: somebody has to sign in at the vendor again.", name=name)
            if by_person
            else T("The sign-in at {name} has ended: a new refresh token is needed.", name=name),
            place=answer.where,
            remedy=_again(name) if by_person else T("Get one at the vendor and enter it on the page Portals."),
            detail=self.http.mask(f"{answer.status} {answer.start()}"),
        )

    def _token(self, body: Any) -> Token:
        value = compile_path(self.declared.token_at)(body)
        if not isinstance(value, str) or not value:
            raise ShapeChanged(T("{name} gave no token at sign-in.", name=self.http.name))
        self.http.mask.learn(value)
        return Token.lasting(value, _seconds(compile_path(self.declared.expires_at)(body)))


def _seconds(value: object) -> float | None:
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None


def sign_in_page(declared: signin.CodeSignIn, redirect: str, state: str, challenge: str, *, plain: bool) -> str:
    """The address of the vendor's page for one sign-in (RFC 7636, S256). `plain` lets http through, for an own network.

    Raises SettingsError for what is no address of a web page: people's browsers are sent there.
    """
    parts = urlsplit(declared.authorize_url)
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname or parts.username:
        raise SettingsError(
            T("{url} is not a web address.", url=declared.authorize_url[:200]),
            remedy=T("Give an address that begins with https://."),
            place="auth.authorize_url",
        )
    ours = {
        "response_type": "code",
        "client_id": declared.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    wishes = {"scope": declared.scope, "audience": declared.audience, **declared.authorize_fields}
    theirs = {name: value for name, value in wishes.items() if value and name not in ours}
    own = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n not in ours and n not in theirs]
    return urlunsplit(parts._replace(query=urlencode([*own, *theirs.items(), *ours.items()]), fragment=""))
