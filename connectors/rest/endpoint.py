"""One endpoint: builds requests from the declaration, keeps to its limits, and says what its answers mean."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from connectors._kit.auth import credentials_refused
from connectors._kit.client_certificate import ClientCertificate
from connectors._kit.guard import MEGABYTE, GuardPolicy
from connectors._kit.http import Answer, Http, Request, Timeouts, Tls
from connectors._kit.paging import Call as Position
from connectors._kit.redact import redact_url
from connectors._kit.retry import Backoff, retrying
from connectors._kit.throttle import Throttle
from connectors.rest.asked import Again, Asked, Page, Skip
from connectors.rest.auth import Digest, SignInMaker, not_given
from connectors.rest.decode import decode, parse
from connectors.rest.job import OVER_THERE, Address, JobRun, Waiting
from connectors.rest.oauth import sign_in_page
from connectors.rest.outgoing import with_body, with_parameters
from connectors.rest.paging import Pager
from connectors.rest.settings import Body, Job, Paging, RestSettings, Rule
from connectors.rest.signin import CodeSignIn, SessionSignIn
from connectors.rest.template import Names, in_header, in_path, render
from core.domain.connector import RotatingSecret
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged
from core.domain.selection import compile_path
from core.domain.selection.listing import listing
from core.domain.text import T

__all__ = ["Endpoint"]

TRIED_AGAIN = frozenset({408, 425, 500, 502, 503, 504})
LONGEST_WAIT = 900.0
"""Seconds. Who is told to wait longer tries at the next sync."""
ACCEPT = "application/json, application/xml;q=0.9, text/csv;q=0.8, */*;q=0.5"
EPOCH = 10**9


class Endpoint:
    """Safe for several threads."""

    def __init__(
        self,
        portal: str,
        settings: RestSettings,
        secrets: Mapping[str, str],
        rotating: RotatingSecret,
        allowed_hosts: frozenset[str],
    ) -> None:
        self._settings = settings
        self.waiting = Waiting()
        limits, network = settings.limits, settings.network
        known = [value for value in secrets.values() if value]
        pages = settings.paging.kind != "none" or settings.for_each is not None
        self.http = Http(
            portal,
            timeouts=Timeouts(connect=limits.connect, read=limits.read, write=limits.read, total=limits.total),
            tls=Tls(network.ca_certificate, network.pinned_certificate, _own(settings, secrets)),
            max_bytes=(limits.page_megabytes if pages else 100) * MEGABYTE,
            secrets=known,
            policy=GuardPolicy(
                allowed_hosts=allowed_hosts if network.internal else frozenset(), redirects=network.redirects
            ),
        )
        self._throttle = Throttle(at_once=limits.at_once, requests=limits.requests, seconds=limits.seconds)
        self._backoff = Backoff(attempts=limits.attempts, first=limits.first_wait, longest=120.0, total=LONGEST_WAIT)
        self.names = Names(secrets=secrets, values=settings.values)
        missing = sorted(name for name in settings.secrets_used() if not secrets.get(name))
        if missing:
            raise not_given(missing[0])
        self._maker = SignInMaker(
            http=self.http,
            names=self.names,
            auth_url=settings.auth_url,
            resolve=self.whole,
            rotating=rotating,
            backoff=self._backoff,
            by_certificate=network.client_certificate,
        )
        self._auth = self._maker.make(settings.auth)
        self._expired = set(settings.auth.expired) if isinstance(settings.auth, SessionSignIn) else {401}

    def close(self) -> None:
        """Give all connections back."""
        self.http.close()

    def sign_in_page(self, redirect: str, state: str, challenge: str) -> str:
        """See `core.domain.ports.VendorSignIn`."""
        return sign_in_page(self._by_person(), redirect, state, challenge, plain=self._settings.network.internal)

    def signed_in(self, code: str, redirect: str, verifier: str) -> dict[str, str]:
        """See `core.domain.ports.VendorSignIn`."""
        return self._maker.oauth(self._by_person()).signed_in(code, redirect, verifier)

    def _by_person(self) -> CodeSignIn:
        if not isinstance(self._settings.auth, CodeSignIn):
            raise SettingsError(T("Nobody signs in to {name} at the vendor's page.", name=self.http.name), place="auth")
        return self._settings.auth

    def whole(self, url: str) -> str:
        """An address below the base as a whole one; without a base, on the server of the main address."""
        try:
            if urlsplit(url).scheme:
                return url
            base = self._settings.base_url or self._own_server()
            if urlsplit(base).scheme:
                return urljoin(base.rstrip("/") + "/", url.lstrip("/"))
        except ValueError as error:
            raise self._no_address(url) from error
        raise self._no_address(url)

    def _own_server(self) -> str:
        """Where the main address is, when that is a whole one; empty when it depends on something."""
        parts = urlsplit(self._settings.url)
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme and "{{" not in parts.netloc else ""

    def _no_address(self, url: str) -> SettingsError:
        return SettingsError(
            T("{url} is not a web address.", url=redact_url(url)[:200]),
            remedy=T("Give an address that begins with https://."),
            place="url",
        )

    def pages(self, asked: Asked, names: Names) -> Iterator[Page]:
        """The pages of a list, one at a time. Raises ShapeChanged when it does not end, and Skip or Again where a rule says so."""
        if asked.job is None:
            yield from self._list(asked, names)
            return
        number = 0
        for part, (one, known, answer) in enumerate(self._made_to_order(asked, asked.job, names)):
            for page in self._list(one, known, answer):
                number += 1
                yield replace(page, number=number, part=part)

    def _made_to_order(self, asked: Asked, job: Job, names: Names) -> Iterator[tuple[Asked, Names, Answer | None]]:
        """The lists that a job gives, each with what is known of the job, and with its first answer where that came already."""
        begin = replace(asked, paging=Paging(), job=None)
        start = self._rendered(begin.url, names)
        pager = Pager(begin.paging)
        first = self._fetch(self._request(begin, names, pager, pager.first(start), start), begin)

        def at(address: Address, body: Body | None = None, paging: Paging = begin.paging) -> Asked:
            method = "GET" if body is None else "POST"
            one = Asked(address.template, {}, paging, asked.records, method, body, asked.child)
            return replace(one, told=address.told, bare=address.bare, moves=not job.state_at)

        def ask(address: Address, body: Body | None, known: Names) -> Answer:
            one = at(address, body)
            here = one.told or self._rendered(one.url, known)
            return self._fetch(self._request(one, known, pager, pager.first(here), here), one)

        run = JobRun(
            declared=job,
            name=self.http.name,
            ask=ask,
            whole=self.whole,
            mask=self.http.mask,
            began=start,
            waiting=self.waiting,
        )
        for result in run.results(first, names):
            body = None if result.answer is None else job.status_body
            yield replace(at(result.address, body, asked.paging), moves=False), result.names, result.answer

    def _list(self, asked: Asked, names: Names, already: Answer | None = None) -> Iterator[Page]:
        """The pages of one list; `already` is its first answer where that came before."""
        pager = Pager(asked.paging)
        start = asked.told or self._rendered(asked.url, names)
        here: Position | None = pager.first(start)
        records_at = listing(asked.records)
        seen: set[tuple[object, ...]] = set()
        last = b""
        number = 0
        while here is not None:
            number += 1
            if number > asked.paging.most:
                raise ShapeChanged(
                    T("The list does not end after {count} pages.", count=asked.paging.most), place=redact_url(start)
                )
            mark = (here.path, *sorted(here.params.items()))
            if mark in seen:
                raise ShapeChanged(
                    T("The list does not end: the same page is offered again."),
                    place=redact_url(here.path),
                    detail="cursor repeats",
                )
            seen.add(mark)
            if number > 1 or already is None:
                already = self._fetch(self._request(asked, names, pager, here, start), asked)
            answer = already
            decoded = decode(answer, self._settings.answer)
            records = [item for _, item in records_at(decoded.document).items]
            if records and answer.content == last:
                raise ShapeChanged(T("The list does not end: the same page came twice."), place=answer.where)
            last = answer.content
            yield Page(number, decoded, records, answer.where, len(answer.content))
            here = self._onward(here, pager.next(here, decoded.document, answer.headers, records))

    def _onward(self, here: Position, following: Position | None) -> Position | None:
        """A link to another server is not followed: credentials would go there."""
        if following is not None and following.path != here.path:
            asked, own = urlsplit(following.path), urlsplit(here.path)
            if (asked.scheme, asked.netloc) != (own.scheme, own.netloc):
                raise ShapeChanged(
                    T("{name} refers to another server; it is not followed.", name=self.http.name),
                    detail=redact_url(following.path),
                )
        return following

    def _rendered(self, url: str, names: Names) -> str:
        """A whole address without its paging. Values are encoded for where they stand."""
        head, mark, query = self.whole(url).partition("?")
        return f"{render(head, names, in_path)}{mark}{render(query, names, in_path)}"

    def _request(self, asked: Asked, names: Names, pager: Pager, here: Position, start: str) -> Request:
        declared = asked.paging
        told = pager.values(here)
        names = replace(names, page=dict(here.params))
        url = here.path
        if here.path == start:
            if "{{ page" in asked.url or "{{page" in asked.url:
                url = self._rendered(asked.url, names)
            url = with_parameters(url, asked.query, names, told if declared.place == "query" else {})
        headers = {"Accept": ACCEPT}
        if not asked.bare:
            headers |= {name: in_header(render(value, names)) for name, value in self._settings.headers.items()}
        if declared.place == "header":
            headers |= {name: in_header(value) for name, value in told.items()}
        request = Request(method=asked.method, url=url, headers=headers, bare=asked.bare)
        in_body = told if declared.place == "body" else {}
        return with_body(request, asked.body, names, in_body) if asked.method == "POST" else request

    def _fetch(self, request: Request, asked: Asked) -> Answer:
        return retrying(lambda: self._once(request, asked), self._backoff)

    def _once(self, request: Request, asked: Asked) -> Answer:
        with self._throttle.turn():
            signed = request if asked.bare else self._auth.sign(request)
            answer = self.http.send(signed)
            if self._has_expired(answer) and not asked.bare:
                if isinstance(self._auth, Digest):
                    self._auth.challenged(answer)
                if self._auth.renew(signed):
                    answer = self.http.send(self._auth.sign(request))
        rule = next((rule for rule in self._settings.rules if _applies(rule, answer)), None)
        if rule is not None:
            self._ruled(rule, answer)
        if not answer.ok and not (asked.moves and answer.status in OVER_THERE):
            self._raise(answer, asked)
        return answer

    def _has_expired(self, answer: Answer) -> bool:
        renewing = (rule for rule in self._settings.rules if rule.action == "renew")
        return answer.status in self._expired or any(_applies(rule, answer) for rule in renewing)

    def _ruled(self, rule: Rule, answer: Answer) -> None:
        """What a rule makes of an answer; nothing when it was about signing in again."""
        match rule.action:
            case "ignore":
                raise Skip(True, answer.where)
            case "skip_parent":
                raise Skip(False, answer.where)
            case "restart":
                raise Again(answer.where)
            case "rate_limited":
                self._slow_down(answer)
            case "renew":
                raise credentials_refused(self.http, answer)
            case _:
                raise RemoteError(
                    T(
                        "{name} answers with an error: {text}",
                        name=self.http.name,
                        text=self.http.mask(answer.start())[:120],
                    ),
                    retryable=rule.action == "retry",
                    place=answer.where,
                    status=answer.status,
                )

    def _raise(self, answer: Answer, asked: Asked) -> None:
        name, status = self.http.name, answer.status
        detail = self.http.mask(f"{status} {answer.start()}")
        if status == 404 and asked.child:
            raise Skip(False, answer.where)
        if status == 429 or (status in TRIED_AGAIN and self._wait(answer) is not None):
            self._slow_down(answer)
        if asked.bare and status in (401, 403):
            raise RemoteError(
                T("{name} does not give its result at the address it told.", name=name),
                retryable=False,
                place=answer.where,
                detail=detail,
                kind="forbidden",
                status=status,
            )
        if status in (401, 407):
            raise credentials_refused(self.http, answer)
        if 300 <= status < 400:
            raise RemoteError(
                T("{name} sends on to another address; that is not followed.", name=name),
                retryable=False,
                place=answer.where,
                remedy=T("Give the address where the data is, or allow redirects in the settings."),
                detail=detail,
                kind="redirect",
                status=status,
            )
        words = {
            403: T("{name} does not allow this with these credentials.", name=name),
            404: T("{name} does not know this address or record.", name=name),
        }
        raise RemoteError(
            words.get(status, T("{name} answers with error {status}.", name=name, status=str(status))),
            retryable=status in TRIED_AGAIN,
            place=answer.where,
            detail=detail,
            kind={403: "forbidden", 404: "not_found"}.get(status, ""),
            status=status,
        )

    def _slow_down(self, answer: Answer) -> None:
        wait = self._wait(answer)
        if wait is not None and wait <= LONGEST_WAIT:
            self._throttle.pause(wait)
        raise RateLimited(
            T("{name} asks to slow down.", name=self.http.name),
            retry_after=wait,
            place=answer.where,
            detail=str(answer.status),
        )

    def _wait(self, answer: Answer) -> float | None:
        told = answer.retry_after()
        if told is not None:
            return told
        for name in (self._settings.limits.wait_header, "x-ratelimit-reset"):
            text = answer.headers.get(name.lower(), "").strip() if name else ""
            if text.replace(".", "", 1).isdigit():
                seconds = float(text)
                return max(0.0, seconds - time.time()) if seconds > EPOCH else seconds
        return None


def _own(settings: RestSettings, secrets: Mapping[str, str]) -> ClientCertificate | None:
    """Our certificate for a server that wants one. Raises SettingsError where a part of it is not given."""
    if not settings.network.client_certificate:
        return None
    missing = [name for name in ("client_certificate", "client_key") if not secrets.get(name)]
    if missing:
        raise not_given(missing[0])
    passphrase = secrets.get("client_key_passphrase", "")
    return ClientCertificate(secrets["client_certificate"], secrets["client_key"], passphrase)


def _applies(rule: Rule, answer: Answer) -> bool:
    if rule.status and answer.status not in rule.status:
        return False
    if rule.contains and rule.contains not in answer.content.decode("utf-8", "replace"):
        return False
    if rule.path:
        try:
            return compile_path(rule.path)(parse(answer.content)) is not None
        except ValueError:
            return False
    return True
