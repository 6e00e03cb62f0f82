"""Reads what Microsoft bills a partner: usage by the month, purchases, and billed seats (Azure reference §4, §5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connectors._kit.api import Api
from connectors._kit.auth import Token, TokenAuth
from connectors._kit.http import Http
from connectors._kit.retry import Backoff
from connectors._kit.threads import in_parallel
from connectors._kit.throttle import Throttle
from connectors._microsoft.partner import HEADERS, PARTNER_CENTER, PartnerCenterAuth
from connectors._microsoft.sign_in import App, SignIn
from connectors.partner_center_billing.export import Export
from connectors.partner_center_billing.invoices import Invoice, Invoices
from core.domain.billed_seats import Reported
from core.domain.connector import RotatingSecret
from core.domain.consumption import ConsumptionLine, ConsumptionReading, ConsumptionReport, ProductType
from core.domain.consumption_lines import (
    ConsumptionSums,
    is_provisional,
    month_of,
    months_between,
    usage_from_consumption,
)
from core.domain.errors import InputError, ShapeChanged
from core.domain.period import add_months
from core.domain.rated_usage import rated_usage_line
from core.domain.reconciliation import LicenceRow, licence_amounts, licence_seats
from core.domain.text import T, Text
from core.domain.usage import LineKey, Origin, Reading, Scope, UsageLine

if TYPE_CHECKING:
    from connectors.partner_center_billing.manifest import PartnerCenterBillingSecrets, PartnerCenterBillingSettings

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
SLOW_DOWN = frozenset({429, 503})
AT_ONCE = 4
"""Invoices that are exported side by side: a job takes a minute or longer."""
YEAR = 12
"""Months that are read at the first time: a subscription that is billed by the year stands on one invoice of them."""
EXPORT_BYTES = 1024 * 1024 * 1024


class PartnerCenterBilling:
    """The invoices of one partner, and what is not invoiced yet."""

    def __init__(
        self,
        portal: str,
        settings: PartnerCenterBillingSettings,
        secrets: PartnerCenterBillingSecrets,
        refresh_token: RotatingSecret,
    ) -> None:
        self.portal = portal
        self.settings = settings
        secret, token = secrets.client_secret.get_secret_value(), secrets.refresh_token.get_secret_value()
        hidden = [secret, token]
        graph, login, center = _hosts(settings)
        self._delegated = bool(token)
        self._sign_in = SignIn(Http("Microsoft", secrets=hidden), login, App(settings.client_id, secret), refresh_token)
        backoff = Backoff(attempts=5, first=2.0, longest=30.0)
        self._center = Api(
            http=Http("Partner Center", secrets=hidden),
            base_url=center,
            auth=PartnerCenterAuth(self._partner_token),
            throttle=Throttle(at_once=4, requests=480),
            backoff=backoff,
            headers=HEADERS,
            throttled=SLOW_DOWN,
            wait=None,
        )
        self._graph = Api(
            http=Http("Microsoft Graph", secrets=hidden),
            base_url=graph,
            auth=TokenAuth(self._graph_token),
            throttle=Throttle(at_once=2),
            backoff=backoff,
            throttled=SLOW_DOWN,
            wait=None,
        )
        self.invoices = Invoices(self._center)
        self.export = Export(self._graph, Http("Microsoft (export)", secrets=hidden, max_bytes=EXPORT_BYTES), backoff)

    def test(self) -> None:
        """Raises what is wrong, in words: signs in to both services and asks for the list of invoices."""
        self._center.get("invoices", size="1")
        if self.settings.usage_from == "graph":
            self._graph_token()

    def read(self, now: datetime) -> Reading:
        """The seats of the newest invoice alone. What it does not name may still be there: yearly subscriptions are billed once a
        year. Where it is wanted, the running month's amounts as products too.
        """
        newest = self._invoices()[-1:]
        return self._seats(now, newest)

    def read_reports(self, now: datetime, watermark: str) -> Reported:
        """See `core.domain.ports.ReportSource`. Credit notes correct amounts: they tell no seats."""
        invoices = self._invoices()
        if not invoices:
            return Reported(reading=self._seats(now, []), watermark=watermark, since=None)
        newest = invoices[-1]
        first = add_months(newest.start, -YEAR)
        new = [one for one in invoices if one.end >= first and one.report().watermark > watermark] or [newest]
        reading = self._seats(now, new)
        named = frozenset(line.customer_id for line in reading.lines if line.origin.source == newest.id)
        return Reported(reading=reading, watermark=newest.report().watermark, since=newest.start, named=named)

    def _invoices(self) -> list[Invoice]:
        """Those that tell seats, the oldest first; none where seats are not wanted."""
        return [one for one in self.invoices.all() if one.bills] if self.settings.read_licences else []

    def _seats(self, now: datetime, invoices: Iterable[Invoice]) -> Reading:
        """The seats of these invoices, each subscription as the newest of them names it."""
        asked = [lambda one=one: licence_seats(self._reconciliation(one.id)) for one in invoices]
        seats: dict[LineKey, UsageLine] = {}
        for found in in_parallel(asked, AT_ONCE) if asked else []:
            seats |= {line.key: line for line in found}
        lines = tuple(seats.values())
        if self.settings.as_products:
            lines += usage_from_consumption(
                self._consumption(now, (month_of(now.date()),), []),
                key="azure",
                name="Azure consumption",
                purchases="Azure reservations and savings plans",
                currency=self.settings.currency.upper(),
            )
        return Reading(portal=self.portal, taken_at=now, lines=lines, scope=Scope.LINES)

    def read_consumption(self, now: datetime, first: date, last: date) -> ConsumptionReading:
        """See `core.domain.ports.ConsumptionSource`. Invoiced months from their invoices, the running and the last one from what
        is not billed yet; an older month without an invoice has no amounts, and it is said.
        """
        return self._consumption(now, months_between(first, last), self.invoices.all())

    def reports_since(self, watermark: str) -> tuple[ConsumptionReport, ...]:
        """Invoices after the one with this watermark, the oldest first (S2-09); at the first time only the newest: what was billed
        before the portal was connected is not charged anew.
        """
        reports = [one.report() for one in self.invoices.all()]
        return tuple(report for report in reports if report.watermark > watermark) if watermark else tuple(reports[-1:])

    def _consumption(
        self, now: datetime, months: tuple[tuple[date, date], ...], invoices: list[Invoice]
    ) -> ConsumptionReading:
        sums, today = ConsumptionSums(), now.date()
        notes: list[Text] = []
        open_month = False
        for start, end in months:
            billed = [one for one in invoices if start <= one.end <= end]
            open_month = open_month or (not billed and is_provisional(end, today))
            for line in self._month((start, end), billed, today, notes):
                sums.add(line)
        lines = sums.lines()
        return ConsumptionReading(
            portal=self.portal,
            taken_at=now,
            period_start=months[0][0],
            period_end=months[-1][1],
            lines=lines,
            complete=not notes,
            provisional=open_month or any(line.provisional for line in lines),
            notes=tuple(notes),
        )

    def _month(
        self, month: tuple[date, date], billed: list[Invoice], today: date, notes: list[Text]
    ) -> Iterator[ConsumptionLine]:
        for invoice in billed:
            yield from self._usage_lines(self._billed(invoice.id), invoice.id, month, today)
            if self.settings.read_purchases:
                yield from self._purchases(invoice.id, month, today)
        if billed:
            return
        period = _unbilled_period(month[0], today)
        if not period:
            notes.append(T("There is no invoice for {month}.", month=f"{month[0]:%Y-%m}"))
            return
        yield from self._usage_lines(self._unbilled(period), "unbilled", month, today)

    def _billed(self, invoice: str) -> Iterator[dict[str, str]]:
        if self.settings.usage_from == "line_items":
            return self.invoices.lines(invoice, "usagelineitems", self.settings.currency, "previous")
        return self.export.records("usage/billed", {"invoiceId": invoice, "attributeSet": "full"})

    def _unbilled(self, period: str) -> Iterator[dict[str, str]]:
        if self.settings.usage_from == "line_items":
            which = "current" if period == "current" else "previous"
            return self.invoices.lines("unbilled", "usagelineitems", self.settings.currency, which)
        body = {"currencyCode": self.settings.currency.upper(), "billingPeriod": period, "attributeSet": "full"}
        return self.export.records("usage/unbilled", body)

    def _usage_lines(
        self, found: Iterable[Mapping[str, str]], source: str, month: tuple[date, date], today: date
    ) -> Iterator[ConsumptionLine]:
        """Records as lines. What is of a neighbouring month but billed with this one counts in this one."""
        for number, cells in enumerate(found, start=1):
            try:
                line = rated_usage_line(cells, Origin(source, f"record {number}"), today)
            except InputError as error:
                raise ShapeChanged(error.message, place=f"{source}, record {number}") from error
            yield replace(line, period_start=month[0], period_end=month[1])

    def _purchases(self, invoice: str, month: tuple[date, date], today: date) -> Iterator[ConsumptionLine]:
        """What is bought once. Usage is in the usage export already, licences are counted as seats."""
        for line in licence_amounts(self._reconciliation(invoice), today, licences=False):
            if line.dimensions.get("product_type") != ProductType.USAGE:
                yield replace(line, period_start=month[0], period_end=month[1])

    def _reconciliation(self, invoice: str) -> Iterator[LicenceRow]:
        """The billing lines of an invoice."""
        if self.settings.usage_from == "line_items":
            found = self.invoices.lines(invoice, "billinglineitems", self.settings.currency, "previous")
        else:
            found = self.export.records("reconciliation/billed", {"invoiceId": invoice, "attributeSet": "full"})
        for number, cells in enumerate(found, start=1):
            yield LicenceRow(cells, invoice, f"record {number}")

    def _graph_token(self) -> Token:
        return self._sign_in.v2(self.settings.partner_tenant_id, f"{GRAPH}/.default", delegated=False)

    def _partner_token(self) -> Token:
        tenant = self.settings.partner_tenant_id
        if self._delegated:
            return self._sign_in.v2(tenant, f"{PARTNER_CENTER}/user_impersonation", delegated=True)
        return self._sign_in.v2(tenant, f"{PARTNER_CENTER}/.default", delegated=False)


def _hosts(settings: PartnerCenterBillingSettings) -> tuple[str, str, str]:
    """Graph, sign-in and Partner Center. An own `base_url` stands for all three unless the others are given: a secret for a test
    server never goes to Microsoft by mistake.
    """
    own = settings.base_url.rstrip("/")
    root = f"{urlsplit(own).scheme}://{urlsplit(own).netloc}" if own else ""
    graph = own if urlsplit(own).path.strip("/") else f"{own or GRAPH}/v1.0"
    center = settings.partner_center_url.rstrip("/") or root or PARTNER_CENTER
    return graph, settings.auth_url.rstrip("/") or root or LOGIN, center if center.endswith("/v1") else f"{center}/v1"


def _unbilled_period(start: date, today: date) -> str:
    """How the interface calls a month that is not billed yet; empty for one that is too old for that."""
    running = month_of(today)[0]
    if start >= running:
        return "current"
    return "last" if start == month_of(running - timedelta(days=1))[0] else ""
