"""Reads ALSO: companies, and the subscriptions of each (ALSO §4, §9, §10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from connectors._kit.api import Api
from connectors._kit.http import Answer, Http, Timeouts
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, records, text
from connectors._kit.throttle import Throttle
from connectors.also.faults import as_error, session_over
from connectors.also.lines import added_up, billed_lines, lines_of, lowered
from connectors.also.session import Session
from core.domain.errors import RemoteError
from core.domain.text import T
from core.domain.usage import Reading, UsageLine

if TYPE_CHECKING:
    from connectors.also.manifest import AlsoSecrets, AlsoSettings

log = structlog.get_logger(__name__)

SERVICE = "/SimpleAPI/SimpleAPIService.svc/rest"
LOGIN = "GetSessionToken"


class Also:
    """One marketplace, seen by a reseller."""

    def __init__(self, portal: str, settings: AlsoSettings, secrets: AlsoSecrets) -> None:
        self.portal = portal
        self.settings = settings
        password = secrets.password.get_secret_value()
        http = Http("ALSO", timeouts=Timeouts(read=180.0), secrets=[password])
        base = _base(settings.base_url or settings.host)
        self.session = Session(http, _login(settings.auth_url or base), settings.user, password)
        self.api = Api(
            http=http,
            base_url=base,
            auth=self.session,
            throttle=Throttle(at_once=1),
            backoff=Backoff(attempts=5, first=8.0, longest=32.0),
            throttled=frozenset({429, 403}) if settings.forbidden_is_busy else frozenset({429}),
            wait=None,
            check=self._check,
            lapsed=session_over,
            fault=lambda answer: as_error(answer, http.mask),
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        try:
            if self.settings.reseller_id is not None:
                self._own_company()
            self._companies()
        finally:
            self._sign_out()

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        try:
            companies = {text(one, "accountid"): one for one in self._companies() if _is_active(one)}
            customers = [Customer(identity, text(one, "companyname", "")) for identity, one in companies.items()]
            today = now.date()
            builder.each_customer(customers, lambda one: self._lines(one, companies, builder, today), at_once=1)
            if self.settings.billed:
                for line in billed_lines(self._list("GetLatestInvoices", self._context())):
                    builder.add(line)
        finally:
            self._sign_out()
        return builder.reading()

    def _companies(self) -> list[Record]:
        """Each company once."""
        own = self.settings.reseller_id
        found = self._list("GetCompanies", {} if own is None else {"parentAccountId": own})
        return list({text(company, "accountid"): company for company in found}.values())

    def _own_company(self) -> Record:
        """The reseller itself: a list of one, or the one (ALSO §4)."""
        body = lowered(self.api.post("GetCompany", {"accountId": self.settings.reseller_id}))
        found = records(body if isinstance(body, list) else [body], place="GetCompany")
        if not found:
            raise RemoteError(
                T("ALSO knows no company with the account ID {id}.", id=str(self.settings.reseller_id)),
                retryable=False,
                remedy=T("Give the AccountId of your own company, not the numeric ID that the portal shows."),
            )
        return found[0]

    def _lines(
        self, customer: Customer, companies: Mapping[str, Record], builder: ReadingBuilder, today: date
    ) -> Iterable[UsageLine]:
        """The lines of one company. Rows of another company that is read itself are left to that one."""
        asked = {"parentAccountId": _number(customer.id), **self._context()}
        if not self.settings.user_level:
            asked["excludeUserLevel"] = True
        rows = self._list("GetSubscriptions", asked)
        found: list[UsageLine] = []
        for row in self._with_addons(rows):
            owner = text(row, "companyaccountid", customer.id)
            if (owner == customer.id or owner not in companies) and self._counts(row, builder):
                options = self.settings
                found.extend(lines_of(row, customer, today, renewal=options.renewal, apart=options.by_subscription))
        told = _match_keys(companies[customer.id])
        return [replace(line, attributes={**line.attributes, **told}) for line in added_up(found)]

    def _with_addons(self, rows: list[Record]) -> list[Record]:
        """All subscriptions, each once: add-ons are rows of their own or stand inside another row (ALSO §9)."""
        found: dict[str, Record] = {}
        waiting = list(reversed(rows))
        while waiting:
            row = waiting.pop()
            identity = text(row, "accountid", place="GetSubscriptions")
            if identity in found:
                continue
            found[identity] = row
            nested = records(row, "addons", or_null=True)
            if self.settings.ask_addons and not nested and text(row, "accountstate", "").lower() == "active":
                nested = self._addons(identity)
            waiting.extend(reversed(nested))
        return list(found.values())

    def _addons(self, identity: str) -> list[Record]:
        body = lowered(self.api.post("GetSubscriptionWithAddons", {"accountId": _number(identity), **self._context()}))
        return records(body, "addons", place="GetSubscriptionWithAddons", or_null=True)

    def _counts(self, row: Record, builder: ReadingBuilder) -> bool:
        state, service = text(row, "accountstate", "Active"), text(row, "servicename")
        if service in self.settings.leave_out:
            return False
        if state.lower() not in ("active", "terminated"):
            builder.note(T("Subscriptions with the unknown status {status} are not counted.", status=state or "?"))
        return state.lower() == "active"

    def _context(self) -> dict[str, object]:
        context = self.settings.reseller_context
        return {} if context is None else {"resellerContext": context}

    def _list(self, operation: str, asked: dict[str, object]) -> list[Record]:
        return records(lowered(self.api.post(operation, asked)), place=operation)

    def _check(self, answer: Answer) -> None:
        """An answer with a good status may be a fault too."""
        error = as_error(answer, self.api.http.mask)
        if error is not None:
            raise error

    def _sign_out(self) -> None:
        """Sessions are few: give this one back. That it cannot be given back spoils nothing."""
        try:
            self.session.end(f"{self.api.base_url}/TerminateSessionToken")
        except RemoteError as error:
            log.info("session.not_ended", portal=self.portal, reason=str(error.message))


def _number(identity: str) -> int | str:
    """Ids are numbers in requests."""
    return int(identity) if identity.isdecimal() else identity


def _match_keys(company: Record) -> dict[str, str]:
    """What else a customer may be recognised by: the reseller's own number, the VAT number, a mail domain."""
    domains = company.get("domain")
    first = next((str(one) for one in domains if one), "") if isinstance(domains, list) else str(domains or "")
    told = {"customer_number": text(company, "customerid", ""), "vat": text(company, "vatid", ""), "domain": first}
    return {name: value for name, value in told.items() if value}


def _is_active(company: Record) -> bool:
    return text(company, "accountstate", "Active").lower() != "terminated"


def _base(address: str) -> str:
    """The service's address, from a host name or an address with or without the service's path."""
    url = (address if "://" in address else f"https://{address}").rstrip("/")
    return f"{url}{SERVICE}" if urlsplit(url).path == "" else url


def _login(address: str) -> str:
    base = _base(address)
    return base if base.endswith(LOGIN) else f"{base}/{LOGIN}"
