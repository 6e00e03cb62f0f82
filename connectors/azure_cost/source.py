"""Reads what Azure costs: one query a month and scope, summed by Microsoft (Azure reference §3)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors._kit.api import Api, Call
from connectors._kit.auth import OAuth
from connectors._kit.http import Answer, Http
from connectors._kit.paging import follow
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from connectors.azure_cost.details import DetailedReports, storage
from connectors.azure_cost.scopes import Asked, scope_of
from core.domain.billing_words import PARTNER, group_name, identity, kind_of, last_segment
from core.domain.connector import Surroundings
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ConsumptionReading, ConsumptionReport
from core.domain.consumption_lines import ConsumptionSums, is_provisional, months_between, usage_from_consumption
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.text import T, Text
from core.domain.usage import Origin, Reading, Scope

if TYPE_CHECKING:
    from connectors.azure_cost.manifest import AzureCostSecrets, AzureCostSettings

BASE_URL = "https://management.azure.com"
LOGIN = "https://login.microsoftonline.com"
CLOUDS = {BASE_URL, "https://management.usgovcloudapi.net", "https://management.chinacloudapi.cn"}
QUERY = "providers/Microsoft.CostManagement/query"
VERSION = {"api-version": "2023-11-01"}
WAITS = (
    "retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
    "x-ms-ratelimit-microsoft.consumption-retry-after",
)
"""All may say how long to wait; the longest counts (§3.2)."""
SLOW_DOWN = frozenset({429, 503})
MOST_PAGES = 1_000
METRICS = {"actual": "ActualCost", "amortized": "AmortizedCost"}
DIMENSIONS = {
    "ResourceGroupName": "resource_group",
    "MeterCategory": "meter_category",
    "ServiceName": "service",
    "SubscriptionId": "subscription_id",
}
ACCOUNT_CUSTOMER = "CustomerTenantId"


class AzureCost:
    """Scopes of Azure whose cost an app registration may read. A reading without charges is one of zero lines, not an error."""

    def __init__(
        self, portal: str, settings: AzureCostSettings, secrets: AzureCostSecrets, surroundings: Surroundings
    ) -> None:
        self.portal = portal
        self._read_billing = surroundings.read_billing
        self.settings = settings
        self.scopes = [scope_of(typed, portal) for typed in settings.scopes]
        if not self.scopes:
            raise SettingsError(T("No scope is given."), place=portal)
        if settings.split_by == "tag" and not settings.tag:
            raise SettingsError(T("Splitting by tag needs the name of the tag."), place=portal)
        secret = secrets.client_secret.get_secret_value()
        http = Http("Azure Cost Management", secrets=[secret])
        login = settings.auth_url or settings.base_url or LOGIN
        base = settings.base_url or BASE_URL
        oauth = OAuth(
            url=f"{login.rstrip('/')}/{settings.tenant_id}/oauth2/v2.0/token",
            fields={
                "client_id": settings.client_id,
                "client_secret": secret,
                "grant_type": "client_credentials",
                "scope": f"{base if base in CLOUDS else BASE_URL}/.default",
            },
        )
        self._files = storage()
        self.api = Api(
            http=http,
            base_url=base,
            auth=oauth.auth(http),
            throttle=Throttle(at_once=1, requests=12, seconds=10.0),
            backoff=Backoff(attempts=6, first=2.0, longest=60.0, total=900.0),
            fault=self._fault,
        )

    def test(self) -> None:
        """Raises what is wrong, in words: asks for the cost of the first scope."""
        self.api.fetch(self._call(self.scopes[0], {"timeframe": "MonthToDate"}))

    def read(self, now: datetime) -> Reading:
        """No quantities, because there are only amounts here; where it is wanted, the running month's amounts as products."""
        if not self.settings.as_products:
            return Reading(portal=self.portal, taken_at=now, lines=(), scope=Scope.LINES)
        return _as_products(self.read_consumption(now, now.date(), now.date()), self.settings.currency.upper())

    def read_consumption(self, now: datetime, first: date, last: date) -> ConsumptionReading:
        """See `core.domain.ports.ConsumptionSource`. A scope that fails leaves the reading not complete."""
        sums = ConsumptionSums()
        notes: list[Text] = []
        months = months_between(first, last)
        for asked in self.scopes:
            try:
                for month in months:
                    if self.settings.report == "detailed":
                        notes += self._add_details(sums, asked, month, now)
                        continue
                    for line in self._lines(asked, *month, now.date()):
                        sums.add(line)
            except Unauthorized:
                raise
            except RemoteError as error:
                if len(self.scopes) == 1:
                    raise
                notes.append(T("{customer}: {reason}", customer=asked.customer or asked.path, reason=error.message))
        lines = sums.lines()
        return ConsumptionReading(
            portal=self.portal,
            taken_at=now,
            period_start=months[0][0],
            period_end=months[-1][1],
            lines=lines,
            complete=not notes,
            provisional=any(is_provisional(end, now.date()) for _, end in months),
            notes=tuple(notes),
        )

    def _add_details(self, sums: ConsumptionSums, asked: Asked, month: tuple[date, date], now: datetime) -> list[Text]:
        """Add a month's report; what its files do not hold is told. A scope that is one customer names it as its own."""
        reports = DetailedReports(
            api=self.api, files=self._files, backoff=self.api.backoff, plain=bool(self.settings.base_url)
        )
        with tempfile.TemporaryDirectory(prefix="azure-report-") as folder:
            paths = reports.fetch(asked.path, METRICS[self.settings.metric], month, Path(folder))
            if not paths:
                return []
            found = self._read_billing(paths, ConsumptionSettings(metric=self.settings.metric), self.portal, now)
        for line in found.lines:
            origin = line.origin._replace(source=f"POST {asked.path} {month[0]:%Y-%m} {line.origin.source}")
            who = (asked.customer_id, asked.customer) if asked.customer_id else (line.customer_id, line.customer)
            sums.add(replace(line, origin=origin, customer_id=who[0], customer=who[1]))
        return [] if found.complete else list(found.notes[:1]) or [T("The files hold no rows.")]

    def reports_since(self, watermark: str) -> tuple[ConsumptionReport, ...]:
        """None: there are no reports here, any month can be asked for."""
        return ()

    def _lines(self, asked: Asked, start: date, end: date, today: date) -> Iterator[ConsumptionLine]:
        period = {"from": f"{start}T00:00:00+00:00", "to": f"{end}T23:59:59+00:00"}
        for page, number in self._pages(self._call(asked, {"timeframe": "Custom", "timePeriod": period})):
            for index, row in enumerate(page, start=1):
                yield self._line(
                    asked, row, (start, end), today, Origin(f"POST {asked.path}", f"page {number}, row {index}")
                )

    def _call(self, asked: Asked, when: Mapping[str, object]) -> Call:
        grouping = [self._split(asked), {"type": "Dimension", "name": "ChargeType"}]
        dataset = {
            "granularity": "None",
            "aggregation": {"totalCost": {"name": self.settings.cost_column, "function": "Sum"}},
            "grouping": grouping,
        }
        body = {"type": METRICS[self.settings.metric], **when, "dataset": dataset}
        return Call(path=f"{asked.path}/{QUERY}", method="POST", params=VERSION, json=body)

    def _split(self, asked: Asked) -> dict[str, str]:
        """The first grouping: who the customer is comes before what it was for; there are only two."""
        if not asked.customer_id:
            return {"type": "Dimension", "name": ACCOUNT_CUSTOMER}
        if self.settings.split_by == "tag":
            return {"type": "TagKey", "name": self.settings.tag}
        return {"type": "Dimension", "name": self.settings.split_by}

    def _pages(self, call: Call) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """The rows of each page by column name: the order of columns may change. The next page is asked with the same body."""
        step: Call | None = call
        seen: set[str] = set()
        for number in range(1, MOST_PAGES + 1):
            if step is None:
                return
            answer = self.api.fetch(step)
            rows, link = _table(answer)
            yield rows, number
            if link and link in seen:
                raise ShapeChanged(T("The list does not end: the same page is offered again."), place=answer.where)
            seen.add(link)
            step = follow(call, link) if link else None
        if step is not None:
            raise ShapeChanged(T("The list does not end after {count} pages.", count=MOST_PAGES), place=call.path)

    def _line(
        self, asked: Asked, row: dict[str, Any], period: tuple[date, date], today: date, origin: Origin
    ) -> ConsumptionLine:
        cells = {name.casefold(): value for name, value in row.items()}
        amount = _amount(cells, self.settings.cost_column, origin)
        customer_id = asked.customer_id or identity(_word(cells, ACCOUNT_CUSTOMER)) or PARTNER
        dimensions, resource_key, resource = self._what(asked, cells)
        charge = kind_of(_word(cells, "ChargeType")) or ConsumptionKind.USAGE
        return ConsumptionLine(
            customer_id=customer_id,
            customer=asked.customer if asked.customer_id else customer_id,
            resource_key=resource_key,
            resource=resource,
            amount=amount,
            currency=_word(cells, "Currency").upper() or self.settings.currency.upper(),
            period_start=period[0],
            period_end=period[1],
            kind=charge,
            provisional=is_provisional(period[1], today),
            dimensions=dimensions,
            origin=origin,
        )

    def _what(self, asked: Asked, cells: Mapping[str, Any]) -> tuple[dict[str, str], str, str]:
        """Dimensions, key and words of what an amount is for."""
        split = self._split(asked)
        told = {"subscription_id": asked.subscription_id} if asked.subscription_id else {}
        if split["type"] == "TagKey":
            value = _word(cells, "TagValue") or _word(cells, self.settings.tag)
            name = f"tag:{self.settings.tag.casefold()}"
        else:
            value, name = _word(cells, split["name"]), DIMENSIONS.get(split["name"], "")
        if split["name"] == "ResourceId":
            return told, value.casefold() or asked.customer_id, last_segment(value) or asked.customer
        if split["name"] == ACCOUNT_CUSTOMER:
            return told, "azure", "Azure"
        value = (
            group_name(value) if name == "resource_group" else identity(value) if name == "subscription_id" else value
        )
        dimensions = told | ({name: value} if value else {})
        return dimensions, f"{asked.subscription_id or asked.customer_id}/{value}".rstrip("/"), value or "Azure"

    def _fault(self, answer: Answer) -> RemoteError | None:
        """What a bad status means where headers of the interface say more than it (§3.2)."""
        if answer.status not in SLOW_DOWN:
            return None
        told = [replace(answer, headers={"retry-after": answer.headers.get(name, "")}).retry_after() for name in WAITS]
        wait = max((seconds for seconds in told if seconds is not None), default=None)
        if wait is not None:
            self.api.throttle.pause(wait)
        elif answer.status == 503:
            return None
        return RateLimited(
            T("{name} asks to slow down.", name=self.api.http.name), retry_after=wait, place=answer.where
        )


def _table(answer: Answer) -> tuple[list[dict[str, Any]], str]:
    """The rows of a page by column name, and where the next page is. No content is a page without rows; amounts stay exact."""
    if answer.status == 204:
        return [], ""
    try:
        body = json.loads(answer.content, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ShapeChanged(T("The answer is not the JSON it should be."), place=answer.where) from error
    found = body.get("properties") if isinstance(body, Mapping) else None
    columns, rows = (found.get(name) if isinstance(found, Mapping) else None for name in ("columns", "rows"))
    if not isinstance(found, Mapping) or not isinstance(columns, list) or not isinstance(rows, list):
        raise ShapeChanged(T("The answer has no list at {path}.", path="properties.rows"), place=answer.where)
    names = [str(column.get("name")) for column in columns if isinstance(column, Mapping)]
    if any(not isinstance(row, list) or len(row) != len(names) for row in rows):
        raise ShapeChanged(T("A row has not as many values as there are columns."), place=answer.where)
    return [dict(zip(names, row, strict=True)) for row in rows], str(found.get("nextLink") or "")


def _amount(cells: Mapping[str, Any], column: str, origin: Origin) -> Decimal:
    for name in (column, "totalCost"):
        value = cells.get(name.casefold())
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
    raise ShapeChanged(T("A record has no number at {path}.", path=column), place=origin.source)


def _word(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name.casefold())
    return "" if value is None else str(value).strip()


def _as_products(reading: ConsumptionReading, currency: str) -> Reading:
    lines = usage_from_consumption(
        reading,
        key="azure",
        name="Azure consumption",
        purchases="Azure reservations and savings plans",
        currency=currency,
    )
    return Reading(
        portal=reading.portal,
        taken_at=reading.taken_at,
        lines=lines,
        complete=reading.complete,
        scope=Scope.LINES,
        notes=reading.notes,
    )
