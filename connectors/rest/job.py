"""Results that are made to order: a call begins a job, its state is asked for until it is done, then the result is fetched.

A job that failed, or is not done in time, or whose state cannot be found, is an error and never an empty result (M2).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from connectors._kit.http import Answer
from connectors._kit.redact import redact_url
from connectors.rest.decode import parse, xml_document
from connectors.rest.settings import Body, Job
from connectors.rest.template import Names, names_in, only_place
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.selection import compile_path
from core.domain.text import T

__all__ = ["Address", "JobRun", "Result", "Waiting"]

FIRST_LOOK = 1.0
"""Seconds. Small jobs are done at once; nobody should wait for them as long as for others."""
NOT_YET = 202
OVER_THERE = (302, 303)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How time passes; another one in tests."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Address:
    """Where something of a job is: a text to be filled in, or an address that was told. `bare`: without any credentials."""

    template: str = ""
    told: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Where a result is; `answer` where it was told already. `names` knows the job."""

    names: Names
    address: Address
    answer: Answer | None = None


Ask = Callable[[Address, Body | None, Names], Answer]
"""Fetches what stands at an address of the job."""


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One job from its first answer to its results. `began` is the address of the call that began it; `name` the portal's."""

    declared: Job
    name: str
    ask: Ask
    whole: Callable[[str], str]
    mask: Callable[[str], str]
    began: str
    waiting: Waiting = field(default_factory=Waiting)

    def results(self, first: Answer, names: Names) -> Iterator[Result]:
        """Where the results are. Raises RemoteError for a job that failed or takes too long, ShapeChanged for odd ones."""
        answer, known, asked = self._done(first, replace(names, job=self._known(first, {})))
        if not self.declared.result_url and answer.status not in OVER_THERE:
            yield Result(known, asked, answer)
            return
        for address in self._addresses(self.declared.result_url or "{{ job.headers.location }}", known, answer):
            yield Result(known, address=address)

    def _known(self, answer: Answer, before: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of the job after an answer: its fields, its number and the headers. What was told once stays."""
        document = _document(answer)
        headers = {**before.get("headers", {}), **answer.headers}
        known = {**before, **(document if isinstance(document, dict) else {}), "headers": headers}
        number = before.get("id") if before else compile_path(self.declared.id_at)(document)
        return known if number is None else {**known, "id": number}

    def _done(self, first: Answer, names: Names) -> tuple[Answer, Names, Address]:
        """The answer that says that it is done, what is known then, and where that was asked. Waits for it."""
        declared, waiting = self.declared, self.waiting
        until = waiting.clock() + declared.longest
        answer, wait = first, min(FIRST_LOOK, declared.every)
        while True:
            told = answer.retry_after()
            left = until - waiting.clock()
            if left <= 0 or (told or 0) > left:
                raise self._too_late(answer)
            waiting.sleep(min(wait if told is None else max(told, 0.1), left))
            wait = declared.every
            addresses = self._addresses(declared.status_url, names, answer)
            if len(addresses) != 1:
                raise self._nothing_at(only_place(declared.status_url), answer)
            address = addresses[0]
            answer = self.ask(address, declared.status_body, names)
            names = replace(names, job=self._known(answer, names.job))
            if self._is_done(answer):
                return answer, names, address

    def _is_done(self, answer: Answer) -> bool:
        declared = self.declared
        if not declared.state_at:
            return answer.status != NOT_YET
        document = _document(answer)
        state = compile_path(declared.state_at)(document)
        if isinstance(state, dict | list) or state in (None, ""):
            raise ShapeChanged(
                T("The answer of {name} has no state of the job at {path}.", name=self.name, path=declared.state_at),
                place=answer.where,
                detail=self.mask(answer.start()),
            )
        word = str(state).casefold()
        if word in {one.casefold() for one in declared.failed}:
            raise self._failed(answer, document, str(state))
        return word in {one.casefold() for one in declared.done}

    def _failed(self, answer: Answer, document: Any, state: str) -> RemoteError:
        reason = compile_path(self.declared.error_at)(document) if self.declared.error_at else None
        return RemoteError(
            T(
                "The job at {name} ended without a result: {text}.",
                name=self.name,
                text=self.mask(str(reason or state)[:200]).rstrip("."),
            ),
            retryable=False,
            place=answer.where,
            kind="job_failed",
        )

    def _too_late(self, answer: Answer) -> RemoteError:
        seconds = round(self.declared.longest)
        return RemoteError(
            T("{name} did not finish the job within {seconds} seconds.", name=self.name, seconds=seconds),
            retryable=True,
            place=answer.where,
            remedy=T("Try again later, or give the job more time in the settings of the portal."),
            kind="job_timeout",
        )

    def _addresses(self, template: str, names: Names, answer: Answer) -> list[Address]:
        """One address, or all those of a list that the job told."""
        self._must_know(template, names, answer)
        alone = only_place(template)
        if not alone.startswith("job."):
            return [self._checked(Address(template=template))]
        found = compile_path(alone.removeprefix("job."))(names.job)
        told = found if isinstance(found, list) else [found]
        if not all(isinstance(one, str | int) for one in told):
            raise self._nothing_at(alone, answer)
        return [self._checked(Address(told=self._joined(str(one)))) for one in told]

    def _joined(self, told: str) -> str:
        try:
            return urljoin(self.began, told)
        except ValueError as error:
            raise ShapeChanged(T("{url} is not a web address.", url=told[:80]), detail=repr(error)) from error

    def _must_know(self, template: str, names: Names, answer: Answer) -> None:
        for name in sorted(names_in(template)):
            if name.startswith("job.") and compile_path(name.removeprefix("job."))(names.job) in (None, ""):
                raise self._nothing_at(name, answer)

    def _nothing_at(self, name: str, answer: Answer) -> ShapeChanged:
        return ShapeChanged(
            T("What {name} tells of the job has nothing at {path}.", name=self.name, path=name.removeprefix("job.")),
            place=answer.where,
            detail=self.mask(answer.start()),
        )

    def _checked(self, address: Address) -> Address:
        """An address on another server is taken only from a host of the settings, and without credentials.

        What a person wrote into the settings is trusted like every other address there: only what the job told is checked.
        """
        there = self._split(address.told or self.whole(address.template))
        own = self._split(self.began)
        written = bool(address.template) and not ("{{" in there.netloc and "job." in there.netloc)
        same = not address.template and (there.scheme, there.netloc.casefold()) == (own.scheme, own.netloc.casefold())
        if written or same:
            return address
        if address.template or not any(_is_host(there, host) for host in self.declared.hosts):
            raise ShapeChanged(
                T("{name} refers to another server; it is not followed.", name=self.name),
                detail=redact_url(address.told or address.template),
            )
        return replace(address, bare=True)

    def _split(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError as error:
            raise ShapeChanged(T("{url} is not a web address.", url=redact_url(url)[:80])) from error
        return parts


def _is_host(there: SplitResult, host: str) -> bool:
    """Whether an address is on a host of the settings: of any port when none is given there."""
    name, _, port = host.casefold().partition(":")
    if port and str(there.port or {"https": 443}.get(there.scheme, 80)) != port:
        return False
    found = (there.hostname or "").rstrip(".")
    return found.endswith(name[1:]) and len(found) > len(name) - 1 if name.startswith("*.") else found == name


def _document(answer: Answer) -> Any:
    """An answer about a job: JSON, XML, or a text that stands for itself; None for an empty one."""
    content = answer.content.strip()
    try:
        if content.startswith(b"<"):
            return xml_document(content)
        return parse(content) if content else None
    except ValueError:
        return content[:200].decode("utf-8", "replace")
