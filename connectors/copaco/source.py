"""Reads Copaco through the one door that the partner has: the marketplace's interface, or invoices by API key."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from connectors._cloudblue.sign_in import Marketplace
from connectors._cloudblue.simple_api import SimpleApi
from connectors._kit.api import Api, Call
from connectors._kit.http import Answer, Http
from connectors._kit.reading import ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from connectors.copaco.counting import SEAT, Key, Rule, Total, name_of, newest_per_vendor, totals
from connectors.copaco.keys import Style, signed, style_of
from connectors.copaco.tree import Invoice, invoices_of
from core.domain.errors import RemoteError, SettingsError
from core.domain.text import T
from core.domain.usage import Origin, Reading, Scope, UsageLine

if TYPE_CHECKING:
    from connectors.copaco.manifest import CopacoSecrets, CopacoSettings

KEY_URL = "https://api.copaco.cloud/api/v1"
MONTHS = 3
"""Copaco's own window; an invoice of a month is made around the 23rd of the next one (Copaco §3)."""
STALE = timedelta(days=45)
MOVED = T(
    "The marketplace does not answer at this address. Copaco moves partners to its new cloud platform: if that has happened, use "
    "an API key from the partner portal instead (the setting Door)."
)


class Door(Protocol):
    """One way in."""

    def test(self) -> None: ...

    def read(self, now: datetime) -> Reading: ...


class Copaco:
    """A Copaco partner. Never both doors: quantities would be counted twice."""

    def __init__(self, portal: str, settings: CopacoSettings, secrets: CopacoSecrets) -> None:
        self.backoff = Backoff(attempts=4, first=5.0, longest=45.0, factor=3.0)
        self.market_backoff = Backoff(attempts=6, first=2.0, longest=32.0)
        self._portal = portal
        self._settings = settings
        self._password = secrets.password.get_secret_value()
        self._subscription_key = secrets.subscription_key.get_secret_value()
        self._key = secrets.api_key.get_secret_value()
        self._check()

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self._door().test()

    def read(self, now: datetime) -> Reading:
        return self._door().read(now)

    def _door(self) -> Door:
        settings = self._settings
        if settings.door == "key":
            return _ByKey(self._portal, settings, self._key, self.backoff)
        of = Marketplace(
            name="Copaco",
            base_url=settings.base_url,
            marketplace=settings.marketplace,
            user=settings.user,
            password=self._password,
            subscription_key=self._subscription_key,
            count_hold=settings.count_hold,
            moved=MOVED,
        )
        return _ByMarketplace(self._portal, SimpleApi(of, self.market_backoff))

    def _check(self) -> None:
        """What the chosen door needs."""
        settings = self._settings
        if settings.door == "key":
            needed = {"api_key": self._key}
        else:
            needed = {
                "base_url": settings.base_url, "user": settings.user, "password": self._password,
                "subscription_key": self._subscription_key,
            }  # fmt: skip
        missing = tuple(name for name, value in needed.items() if not value)
        if missing:
            raise SettingsError(T("For this door are still needed: {names}.", names=missing), place=self._portal)


class _ByMarketplace:
    """Live quantities per subscription (Copaco §2)."""

    def __init__(self, portal: str, market: SimpleApi) -> None:
        self._portal = portal
        self._market = market

    def test(self) -> None:
        self._market.test()

    def read(self, now: datetime) -> Reading:
        return self._market.read(self._portal, now)


class _ByKey:
    """Billed quantities, from invoices (Copaco §3)."""

    def __init__(self, portal: str, settings: CopacoSettings, key: str, backoff: Backoff) -> None:
        self._portal = portal
        self._settings = settings
        self._key = key
        self._base = settings.base_url or KEY_URL
        self._http = Http("Copaco", secrets=[key])
        self._backoff = backoff
        self._throttle = Throttle(at_once=1)
        self._rule = Rule(
            tuple(word.strip().lower() for word in settings.credit_types if word.strip()),
            tuple(word.strip().lower() for word in settings.seat_charges if word.strip()),
        )

    def test(self) -> None:
        api = self._api()
        today = datetime.now(UTC).date()
        try:
            self._fetch(api, "invoices", today.replace(day=1))
        except RemoteError as error:
            raise self._explained(error) from error

    def read(self, now: datetime) -> Reading:
        api = self._api()
        months = list(_months_back(now.date(), MONTHS))
        try:
            invoices = [one for month in months for one in invoices_of(self._fetch(api, "invoices", month))]
        except RemoteError as error:
            raise self._explained(error) from error
        builder = ReadingBuilder(self._portal, now)
        chosen = newest_per_vendor(invoices, self._rule)
        if not chosen:
            builder.incomplete(
                T("Copaco has made no invoice in the last three months; the last known quantities stay.")
            )
        self._tell_age(chosen, now.date(), builder)
        prices = self._prices(api, chosen, builder)
        found = totals(chosen, self._rule)
        for key, total in found.items():
            builder.add(self._line(key, total, found, prices, builder))
        return builder.reading(Scope.PORTAL if self._settings.absent_is_gone else Scope.LINES)

    def _api(self) -> Api:
        """With the key sent as the settings say, or as was found out."""
        if self._settings.key_style != "automatic":
            return self._sending(self._settings.key_style)

        def attempt(style: Style) -> None:
            self._fetch(self._sending(style), "example-invoices", datetime.now(UTC).date().replace(day=1))

        return self._sending(style_of(self._http, self._base, self._key, attempt))

    def _sending(self, style: Style) -> Api:
        return Api(
            http=self._http,
            base_url=self._base,
            auth=signed(style, self._key, self._settings.key_name),
            throttle=self._throttle,
            backoff=self._backoff,
            wait=None,
            headers={"Accept": "application/json"},
        )

    def _fetch(self, api: Api, path: str, month: date) -> Answer:
        """One month's documents by the day on which they were made."""
        last = month.replace(day=monthrange(month.year, month.month)[1])
        return api.fetch(Call(path=path, params={"startDate": f"{month:%Y%m%d}", "endDate": f"{last:%Y%m%d}"}))

    def _explained(self, error: RemoteError) -> RemoteError:
        """What a refusal means at this door (Copaco §5)."""
        message = {
            400: T("Copaco does not understand the dates that were asked for; its interface may have changed."),
            403: T("The API key has no right to read invoices: give it the permission Get Invoices."),
            404: T("Copaco does not offer invoices at this address (any more)."),
        }.get(error.status or 0)
        if message is None:
            return error
        return RemoteError(
            message, retryable=False, place=error.place, detail=error.detail, kind=error.kind, status=error.status
        )

    def _tell_age(self, chosen: list[Invoice], today: date, builder: ReadingBuilder) -> None:
        made = max((invoice.made for invoice in chosen), default=today)
        if today - made > STALE:
            builder.note(T("Stale: the newest invoice of Copaco is of {date}, more than 45 days ago.", date=made))

    def _prices(self, api: Api, chosen: list[Invoice], builder: ReadingBuilder) -> dict[str, Decimal]:
        """Sales prices by row hash, from the specifications made with the newest invoices; the fourth request of a run."""
        if not (self._settings.read_prices and chosen):
            return {}
        try:
            answer = self._fetch(api, "customer-specifications", max(one.made for one in chosen).replace(day=1))
        except RemoteError as error:
            if error.status not in (403, 404):
                raise
            builder.note(T("Sales prices are left out: the API key has no right to customer specifications."))
            return {}
        return {
            line.row_hash: line.unit_price
            for one in invoices_of(answer)
            for line in one.lines
            if line.row_hash and line.unit_price is not None
        }

    def _line(
        self, key: Key, total: Total, found: dict[Key, Total], prices: dict[str, Decimal], builder: ReadingBuilder
    ) -> UsageLine:
        line, month = total.first, total.month
        quantity = total.quantity
        if quantity < 0:
            builder.note(
                T("{customer}: the invoice comes to {quantity} of {product}; 0 is counted.",
                  customer=line.customer, quantity=quantity, product=name_of(line))
            )  # fmt: skip
            quantity = Decimal(0)
        clashes = key.unit != SEAT and key._replace(unit=SEAT) in found
        more = {"customer_number": line.customer_number, "plan": line.plan, "invoiced": total.invoice.made.isoformat()}
        return UsageLine(
            customer_id=line.customer_id,
            customer=line.customer,
            product_key=f"{line.sku}:{key.unit}" if clashes else line.sku,
            product=name_of(line),
            quantity=quantity,
            unit=key.unit,
            period_start=month,
            period_end=month.replace(day=monthrange(month.year, month.month)[1]),
            unit_cost=line.unit_price,
            unit_price=next((prices[one] for one in total.hashes if one in prices), None),
            currency=total.invoice.currency,
            attributes={name: value for name, value in more.items() if value},
            origin=Origin("GET /invoices", f"invoice {total.invoice.number}", total.rows),
        )


def _months_back(today: date, count: int) -> Iterator[date]:
    """First days of this month and the ones before it."""
    month = today.replace(day=1)
    for _ in range(count):
        yield month
        month = (month - timedelta(days=1)).replace(day=1)
