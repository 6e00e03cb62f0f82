"""Ways to sign in at an endpoint, as they are declared. The secrets themselves are never in here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.domain.selection import compile_path
from core.domain.text import T

__all__ = ["SignIn"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class NoSignIn(Part):
    """Nothing is needed."""

    kind: Literal["none"] = "none"


class KeySignIn(Part):
    """A fixed key. `value` may put words around it: `Token token={{ secret.key }}`."""

    kind: Literal["key"]
    name: str = Field(min_length=1, title="Name", description="Of the header, parameter, cookie or field.")
    place: Literal["header", "query", "cookie", "body"] = Field("header", title="Place", description="Where it goes.")
    value: str = Field("{{ secret.key }}", title="Value", description="What is sent.")


class BearerSignIn(Part):
    """`Authorization: Bearer`, with the secret `token`."""

    kind: Literal["bearer"]


class BasicSignIn(Part):
    """User name and the secret `password`."""

    kind: Literal["basic"]
    user: str = Field(min_length=1, title="User name", description="Without a colon.")

    @model_validator(mode="after")
    def _no_colon(self) -> BasicSignIn:
        if ":" in self.user:
            raise ValueError(T("A user name cannot hold a colon."))
        return self


class DigestSignIn(Part):
    """Digest (MD5, SHA-256), with the secret `password`."""

    kind: Literal["digest"]
    user: str = Field(min_length=1, title="User name", description="Of an account that may read.")


class _TokenSignIn(Part):
    """What all OAuth 2.0 grants have in common. The secret `client_secret` goes with `client_id`."""

    token_url: str = Field("", title="Token address", description="Where tokens are given. Empty: the sign-in address.")
    client_id: str = Field("", title="Client ID", description="Of the application that was registered.")
    client_in: Literal["body", "basic"] = Field("body", title="Client goes", description="In the body or as Basic.")
    scope: str = Field("", title="Scope", description="What is asked for, where the endpoint wants that.")
    audience: str = Field("", title="Audience", description="Where the endpoint wants one.")
    fields: dict[str, str] = Field(default_factory=dict, title="More fields", description="Sent along in the body.")
    headers: dict[str, str] = Field(default_factory=dict, title="Headers", description="Sent along.")
    as_json: bool = Field(False, title="As JSON", description="A JSON body instead of a form.")
    token_at: str = Field("access_token", title="Token at", description="Path of the token in the answer.")
    expires_at: str = Field("expires_in", title="Life time at", description="Path of its life time in seconds.")
    error_at: str = Field("error", title="Error at", description="Path of the error where no token is given.")
    ended: tuple[str, ...] = Field(
        ("invalid_grant",),
        title="Ended",
        description="Errors and statuses that mean that the sign-in has ended for good.",
    )

    @model_validator(mode="after")
    def _paths(self) -> Any:
        for path in (self.token_at, self.expires_at, self.error_at):
            compile_path(path)
        return self


class ClientSignIn(_TokenSignIn):
    """OAuth 2.0 client credentials."""

    kind: Literal["client_credentials"]


class RefreshSignIn(_TokenSignIn):
    """OAuth 2.0 with the secret `refresh_token`; a new one in the answer is kept before anything else."""

    kind: Literal["refresh_token"]


class PasswordSignIn(_TokenSignIn):
    """OAuth 2.0 password grant, with the secret `password`."""

    kind: Literal["password"]
    user: str = Field(min_length=1, title="User name", description="Of an account that may read.")


class CodeSignIn(_TokenSignIn):
    """OAuth 2.0 authorisation code with PKCE (RFC 7636): a person signs in at the vendor's page, and what that gives is kept.

    A refresh token is used from then on as in `RefreshSignIn`; a token without an end is used until it is refused. The secret
    `client_secret` goes along where the vendor gave one.
    """

    kind: Literal["authorization_code"]
    authorize_url: str = Field(
        min_length=1, title="Sign-in page", description="Where people sign in: https://login.example.com/authorize"
    )
    authorize_fields: dict[str, str] = Field(
        default_factory=dict, title="More for the page", description="Parameters such as prompt or access_type."
    )

    @model_validator(mode="after")
    def _complete(self) -> CodeSignIn:
        if not self.client_id:
            raise ValueError(T("The client ID is needed."))
        return self


class SessionSignIn(Part):
    """A log-in call that gives a token, which then goes with each request."""

    kind: Literal["session"]
    url: str = Field("", title="Log-in address", description="Whole, or below the address. Empty: the sign-in address.")
    method: Literal["GET", "POST"] = Field("POST", title="Method", description="Of the log-in call.")
    json_body: dict[str, Any] | None = Field(
        None, title="JSON body", description="With places such as secret.password between double braces."
    )
    form: dict[str, str] | None = Field(None, title="Form", description="Instead of a JSON body.")
    headers: dict[str, str] = Field(default_factory=dict, title="Headers", description="Of the log-in call.")
    token_at: str = Field("", title="Token at", description="Path of the token in the answer; empty: the whole answer.")
    token_header: str = Field("", title="Token in header", description="Header or cookie of the answer with the token.")
    place: Literal["header", "query", "cookie"] = Field("header", title="Place", description="Where the token goes.")
    name: str = Field("Authorization", title="Name", description="Of the header, parameter or cookie.")
    prefix: str = Field("", title="Prefix", description="Stands before the token, such as Bearer and a space.")
    seconds: float | None = Field(None, gt=0, title="Life time", description="Seconds; empty: until it is refused.")
    expired: tuple[int, ...] = Field(
        (401,), title="Expired", description="Statuses that mean that the token has ended."
    )

    # A prefix ends with a space as a rule.
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)

    @model_validator(mode="after")
    def _path(self) -> SessionSignIn:
        compile_path(self.token_at)
        return self


class JwtSignIn(Part):
    """A token that is signed here with the secret `signing_key` (RFC 7519). `iat` and `exp` are added."""

    kind: Literal["jwt"]
    algorithm: Literal["HS256", "RS256", "ES256"] = Field("HS256", title="Algorithm", description="Of the signature.")
    claims: dict[str, Any] = Field(default_factory=dict, title="Claims", description="Such as iss and aud.")
    headers: dict[str, str] = Field(default_factory=dict, title="Headers", description="Such as kid.")
    seconds: int = Field(1200, ge=30, le=86_400, title="Life time", description="Seconds.")
    prefix: str = Field("Bearer", title="Prefix", description="Stands before the token.")


class SignedSignIn(Part):
    """Each request is signed with the secret `signing_key` (HMAC) over `{method}`, `{path}`, `{query}`, `{body}`, `{timestamp}`."""

    kind: Literal["hmac"]
    algorithm: Literal["sha256", "sha512", "sha1"] = Field("sha256", title="Hash", description="Of the signature.")
    text: str = Field(
        "{timestamp}{method}{path}{body}", title="Signed text", description="What is signed, in this order."
    )
    encoding: Literal["hex", "base64"] = Field("hex", title="Encoding", description="Of the signature.")
    header: str = Field("X-Signature", title="Header", description="That carries the signature.")
    prefix: str = Field("", title="Prefix", description="Stands before the signature.")
    timestamp_header: str = Field("", title="Time header", description="That carries the time in seconds.")


SignIn = Annotated[
    NoSignIn
    | KeySignIn
    | BearerSignIn
    | BasicSignIn
    | DigestSignIn
    | ClientSignIn
    | RefreshSignIn
    | PasswordSignIn
    | CodeSignIn
    | SessionSignIn
    | JwtSignIn
    | SignedSignIn,
    Field(discriminator="kind"),
]
NEEDED = {
    "bearer": "token",
    "basic": "password",
    "digest": "password",
    "client_credentials": "client_secret",
    "refresh_token": "refresh_token",
    "password": "password",
    "jwt": "signing_key",
    "hmac": "signing_key",
}
"""The secret that a way to sign in cannot do without."""
