"""An endpoint as it is declared: what to ask, how to sign in, how pages follow, and where the numbers stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from connectors._kit.contract import ConnectorSecrets, ConnectorSettings
from connectors.rest import template
from connectors.rest.signin import NoSignIn, Part, SignIn
from core.domain.file_settings import FileSettings
from core.domain.selection import RecordMapping, compile_path
from core.domain.text import T

__all__ = [
    "Answer",
    "Body",
    "Job",
    "Join",
    "Limits",
    "Network",
    "Paging",
    "Parents",
    "RestSecrets",
    "RestSettings",
    "Rule",
    "Window",
]


DONE = ("done", "complete", "completed", "succeeded", "success", "finished", "ready")
FAILED = ("failed", "failure", "error", "cancelled", "canceled", "expired", "aborted")
_HOST = re.compile(r"(?:\*\.[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*)(?::\d{1,5})?", re.ASCII)
"""A name or an IPv4 address, with a port or not; with a star instead of the first label, where two more follow."""


def _path(text: str) -> str:
    compile_path(text)
    return text


class Body(Part):
    """What a POST sends. `content` is a structure for JSON and forms, a text for the others."""

    kind: Literal["json", "form", "text", "graphql", "xml"] = Field("json", title="Kind", description="Of the body.")
    content: Any = Field("", title="Content", description="With places such as month_start between double braces.")
    variables: dict[str, Any] = Field(default_factory=dict, title="Variables", description="GraphQL alone.")

    @model_validator(mode="after")
    def _fits(self) -> Body:
        if self.kind == "json" and isinstance(self.content, str) and self.content:
            try:
                json.loads(self.content)
            except ValueError as error:
                raise ValueError(T("The body is not JSON.")) from error
        if self.kind == "form" and not isinstance(self.content, dict):
            raise ValueError(T("A form is a list of names with values."))
        if self.kind in ("text", "graphql", "xml") and not isinstance(self.content, str):
            raise ValueError(T("A text is needed."))
        return self


class Paging(Part):
    """How the next page is asked for, and when the last one was there. Paths are looked up in the whole answer."""

    kind: Literal["none", "page", "offset", "cursor", "header_cursor", "next_url", "link_header", "last_id"] = Field(
        "none", title="Kind", description="How pages follow each other."
    )
    param: str = Field("", title="Parameter", description="That carries the page, offset or cursor.")
    size_param: str = Field("", title="Size parameter", description="That carries how many records a page has.")
    size: int = Field(0, ge=0, le=100_000, title="Page size", description="Records asked for at once.")
    start: int = Field(1, ge=0, title="First page", description="Its number, 0 or 1.")
    place: Literal["query", "body", "header", "template"] = Field(
        "query",
        title="Place",
        description="Where the parameters go; template: only where the text has a place for them.",
    )
    cursor_at: str = Field("", title="Cursor at", description="Path or header of the cursor or of the next address.")
    id_at: str = Field("id", title="Key at", description="Last key: its path in a record.")
    total_at: str = Field("", title="Total at", description="Path of the number of records.")
    pages_at: str = Field("", title="Pages at", description="Path of the number of pages.")
    more_at: str = Field("", title="More at", description="Path that says whether there is more.")
    stop_when_short: bool = Field(False, title="Short page ends", description="A page with fewer records is the last.")
    most: int = Field(10_000, ge=1, le=10_000, title="Most pages", description="More than this is an error.")

    @model_validator(mode="after")
    def _fits(self) -> Paging:
        for path in (self.total_at, self.pages_at, self.more_at, self.id_at):
            compile_path(path)
        if self.kind in ("cursor", "next_url"):
            compile_path(self.cursor_at)
        needs_cursor = self.kind in ("cursor", "header_cursor", "next_url")
        if needs_cursor and not self.cursor_at:
            raise ValueError(T("Say where the next page is named in the answer."))
        needs_param = self.kind in ("page", "offset", "cursor", "header_cursor", "last_id") and self.place != "template"
        if needs_param and not self.param:
            raise ValueError(T("Say which parameter carries the page."))
        if self.kind == "offset" and not self.size:
            raise ValueError(T("Say how many records a page has."))
        return self


class Window(Part):
    """One series of pages for each window of dates; `{{ window.start }}` and `{{ window.end }}` are its first and last day."""

    start: str = Field("{{ previous_month_start }}", title="From", description="A date or a place.")
    end: str = Field("{{ today }}", title="To", description="A date or a place.")
    days: int = Field(31, ge=1, le=366, title="Days", description="Length of one window.")


class Call(Part):
    """A further call: an address with its query, its pages, and where its records are."""

    url: str = Field(min_length=1, title="Address", description="Whole, or below the address.")
    query: dict[str, str | tuple[str, ...]] = Field(default_factory=dict, title="Query", description="Parameters.")
    paging: Paging = Field(default_factory=Paging, title="Pages", description="How pages follow.")
    records: str = Field("", title="Records", description="The list in its answer.")

    @field_validator("records")
    @classmethod
    def _records(cls, text: str) -> str:
        return _path(text.removesuffix("*").removesuffix(".") if text.endswith((".*", "*")) else text)


class Job(Part):
    """The first call begins a job; its state is asked for until it is done; then its result is fetched, page by page.

    Addresses look things up in what was told of the job, the newest first: `{{ job.id }}`, `{{ job.links.result }}`, and among
    the headers `{{ job.headers.location }}`. An address that is one place alone is taken as it was told.
    """

    id_at: str = Field("id", title="Job at", description="Path of its number in the first answer: job.id in addresses.")
    status_url: str = Field(
        min_length=1, title="State address", description="Asked until the job is done: /jobs/{{ job.id }}"
    )
    status_body: Body | None = Field(None, title="State body", description="Where the state is asked for by POST.")
    state_at: str = Field(
        "status", title="State at", description="Path of the state. Empty: a status of 202 means not yet."
    )
    done: tuple[str, ...] = Field(DONE, title="Done", description="States that mean that the result is there.")
    failed: tuple[str, ...] = Field(FAILED, title="Failed", description="States that mean that there is none.")
    error_at: str = Field("", title="Reason at", description="Path of the reason where it failed.")
    every: float = Field(5.0, ge=1, le=120, title="Look every (seconds)", description="Between two looks at the state.")
    longest: float = Field(
        300.0, ge=1, le=570, title="Wait at most (seconds)", description="Then the job counts as failed."
    )
    result_url: str = Field(
        "", title="Result address", description="Empty: the last answer about the state is the result."
    )
    hosts: tuple[str, ...] = Field(
        (),
        max_length=10,
        title="Hosts of results",
        description="Other hosts that results may come from, such as files.example.com or *.example.com. "
        "Credentials are never sent there.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Job:
        for path in (self.id_at, self.state_at, self.error_at):
            compile_path(path)
        states = {state.casefold() for state in self.done}
        both = next((state for state in self.failed if state.casefold() in states), "")
        if both:
            raise ValueError(T("{state} cannot mean done and failed.", state=both))
        odd = next((host for host in self.hosts if not _HOST.fullmatch(host)), "")
        if odd:
            raise ValueError(T("{host} is not the name of a host.", host=odd))
        return self


class Parents(Call):
    """A first call; then one call for each of its records, which is `parent` in addresses and in the mapping."""


class Join(Call):
    """A second call whose records are found by a value of each row: `joined.name`."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", title="Name", description="Small letters: joined.name in the mapping."
    )
    key: Annotated[str, Field(min_length=1)] = Field(title="Key", description="Path of the key in its records.")
    on: str = Field(min_length=1, title="On", description="Path of the same value in a row.")

    @model_validator(mode="after")
    def _paths(self) -> Join:
        compile_path(self.key)
        compile_path(self.on)
        return self


class Answer(Part):
    """How answers are read. The header that names their type is a hint only."""

    format: Literal["auto", "json", "ndjson", "csv", "xml", "file"] = Field(
        "auto", title="Format", description="Of answers."
    )
    encoding: str = Field("", title="Encoding", description="CSV and XML: where it is not UTF-8 and not told.")
    delimiter: str = Field("", max_length=1, title="Delimiter", description="CSV: found out where this is empty.")
    file: FileSettings | None = Field(None, title="File", description="Mapping of an Excel, ZIP or other file.")


class Rule(Part):
    """What an answer means, where that differs from the usual."""

    status: tuple[int, ...] = Field((), title="Statuses", description="Of answers this is about; empty: all.")
    contains: str = Field("", title="Contains", description="Text in the answer.")
    path: str = Field("", title="Path", description="There is a value at this path.")
    action: Literal["fail", "retry", "ignore", "skip_parent", "renew", "rate_limited", "restart"] = Field(
        title="Action", description="What is done then."
    )

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        compile_path(self.path)
        if not (self.status or self.contains or self.path):
            raise ValueError(T("A rule needs a status, a text or a path."))
        return self


class Limits(Part):
    """How hard the endpoint may be asked, and how long an answer may take. Times in seconds."""

    at_once: int = Field(2, ge=1, le=16, title="At once", description="Requests in flight.")
    requests: int = Field(0, ge=0, title="Requests", description="At most so many in the window; 0: no limit.")
    seconds: float = Field(60.0, gt=0, title="Window", description="Length of the window.")
    connect: float = Field(10.0, gt=0, le=60, title="Connect", description="Longest wait for a connection.")
    read: float = Field(60.0, gt=0, le=300, title="Read", description="Longest wait for data.")
    total: float = Field(300.0, gt=0, le=900, title="Total", description="Longest time for one answer.")
    attempts: int = Field(6, ge=1, le=10, title="Attempts", description="Of a call that may work later.")
    first_wait: float = Field(
        2.0, ge=0.0, le=60, title="First wait", description="Before the second attempt; then it doubles."
    )
    page_megabytes: int = Field(20, ge=1, le=100, title="Page size", description="Largest page in MB.")
    wait_header: str = Field(
        "", title="Wait header", description="Header that tells how long to wait, seconds or epoch."
    )


class Network(Part):
    """Where the endpoint is. What leads inside needs an administrator's consent for the host as well."""

    internal: bool = Field(False, title="Own network", description="The endpoint is inside our own network.")
    redirects: int = Field(0, ge=0, le=3, title="Redirects", description="How many are followed; off as a rule.")
    ca_certificate: str = Field("", title="Certificate authority", description="PEM text of an authority of one's own.")
    pinned_certificate: str = Field(
        "", title="Pinned certificate", description="PEM text of the server's own certificate."
    )
    client_certificate: bool = Field(
        False, title="Client certificate", description="The endpoint wants a certificate of ours (mutual TLS)."
    )


class RestSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    url: str = Field(
        title="Address",
        description="What is called, whole or below the base address: https://api.example.com/v1/customers.",
    )
    method: Literal["GET", "POST"] = Field(
        "GET", title="Method", description="GET, or POST for an endpoint that asks by body."
    )
    query: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict, title="Query", description="Parameters; a list for a parameter that comes several times."
    )
    headers: dict[str, str] = Field(default_factory=dict, title="Headers", description="Sent with each request.")
    body: Body | None = Field(None, title="Body", description="What a POST sends.")
    values: dict[str, str] = Field(
        default_factory=dict, title="Values", description="Names of your own, to be put in as setting.name."
    )
    auth: SignIn = Field(default_factory=NoSignIn, title="Sign-in", description="How the endpoint knows who asks.")
    paging: Paging = Field(default_factory=Paging, title="Pages", description="How the next page is asked for.")
    window: Window | None = Field(
        None, title="Date windows", description="One series of pages for each window of dates."
    )
    for_each: Parents | None = Field(
        None, title="One call per record", description="A first call; each of its records is asked."
    )
    job: Job | None = Field(
        None,
        title="Result made to order",
        description="The address begins a job; its state is asked for until the result is there.",
    )
    joins: tuple[Join, ...] = Field(
        (), max_length=5, title="Look-ups", description="Second calls, such as names by id."
    )
    answer: Answer = Field(default_factory=Answer, title="Answer", description="How answers are read.")
    mapping: RecordMapping | None = Field(
        None, title="Mapping", description="Where the numbers stand; chosen on an example."
    )
    rules: tuple[Rule, ...] = Field((), max_length=20, title="Rules", description="What unusual answers mean.")
    limits: Limits = Field(default_factory=Limits, title="Limits", description="How hard the endpoint may be asked.")
    allow_empty: bool = Field(
        False,
        title="May be empty",
        description="An empty list is taken for an answer; otherwise it is an error, for a customer as soon as "
        "there was data.",
    )
    network: Network = Field(default_factory=Network, title="Network", description="Where the endpoint is.")

    @model_validator(mode="after")
    def _templates(self) -> RestSettings:
        for text, records in self._texts():
            template.check(text, self.values, records=records)
        if self.body is not None and self.method != "POST":
            raise ValueError(T("Only a POST has a body."))
        return self

    def _texts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """All texts with places, and the records that are known there."""
        parent = ("parent",) if self.for_each is not None else ()
        yield from ((text, parent) for text in _inside([self.url, self.query, self.headers, self.body]))
        yield from ((text, ()) for text in _inside([self.auth, self.window, self.for_each, list(self.joins)]))
        if self.job is not None:
            told = [self.job.status_url, self.job.status_body, self.job.result_url]
            yield from ((text, (*parent, "job")) for text in _inside(told))

    def secrets_used(self) -> set[str]:
        """Names of the secrets that the declaration looks up."""
        found = {name for text, _ in self._texts() for name in template.names_in(text)}
        return {name.removeprefix("secret.") for name in found if name.startswith("secret.")}


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _inside(getattr(value, name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _inside(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _inside(inner)


NONE = SecretStr("")


class RestSecrets(ConnectorSecrets):
    """Only those that the way to sign in needs."""

    key: SecretStr = Field(NONE, title="API key", description="For an API key; in texts it is secret.key.")
    token: SecretStr = Field(NONE, title="Token", description="For a bearer token; in texts it is secret.token.")
    password: SecretStr = Field(
        NONE, title="Password", description="For basic, digest and log-in; in texts it is secret.password."
    )
    client_secret: SecretStr = Field(NONE, title="Client secret", description="For OAuth 2.0.")
    refresh_token: SecretStr = Field(
        NONE, title="Refresh token", description="For OAuth 2.0; a new one is kept by itself."
    )
    signing_key: SecretStr = Field(NONE, title="Signing key", description="For signed requests and self-signed tokens.")
    client_certificate: SecretStr = Field(
        NONE, title="Client certificate", description="PEM text, those of its chain after it. For mutual TLS."
    )
    client_key: SecretStr = Field(NONE, title="Key of the client certificate", description="PEM text. For mutual TLS.")
    client_key_passphrase: SecretStr = Field(
        NONE, title="Passphrase of the key", description="Only where the key of the client certificate has one."
    )
    extra: SecretStr = Field(
        NONE, title="Another secret", description="Such as a subscription key; in texts it is secret.extra."
    )
