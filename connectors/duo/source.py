"""Reads Duo: child accounts, their edition and users (Duo §5, §6, §11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.http import Answer, Http
from connectors._kit.paging import Offset
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import Record, find, number, record, records, text, whole, yes
from connectors._kit.throttle import Throttle
from connectors.duo.signing import DuoAuth
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.duo.manifest import DuoSecrets, DuoSettings

PAGES = Offset(size=300, next_at="metadata.next_offset")
EDITIONS = {
    "ENTERPRISE": "Duo Essentials",
    "PLATFORM": "Duo Advantage",
    "BEYOND": "Duo Premier",
    "PERSONAL": "Duo Free",
}
UNKNOWN = "unknown"
LOOKED_AT = ("status", "is_enrolled")
"""All that is kept of a user: real ones are a hundred times as large."""
BAD_TIME = 40104
TIME_IS_OFF = T("Duo refuses the time of the request: the clock of this machine is wrong.")


class _Account(NamedTuple):
    customer: Customer
    api: Api
    params: Mapping[str, str]


class Duo:
    """A Duo parent account with its children, or one account."""

    def __init__(self, portal: str, settings: DuoSettings, secrets: DuoSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self.secret = secrets.secret_key.get_secret_value()
        self.http = Http("Duo", secrets=[self.secret])
        self.backoff = Backoff(attempts=7, first=1.0, longest=32.0, total=120.0)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def test(self) -> None:
        """Raises what is wrong, in words."""
        if self.settings.application == "accounts":
            self._children()
        else:
            self._get(self._own_account(), "/admin/v1/info/summary")

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        accounts: dict[str, _Account] = {}
        for account in self._children() if self.settings.application == "accounts" else [self._own_account()]:
            host = urlsplit(account.api.base_url).hostname or ""
            if self.settings.application == "accounts" and not host.endswith(tuple(self.settings.allowed_hosts)):
                builder.failed(account.customer, T("Its host {host} is not an allowed one.", host=host))
            else:
                accounts[account.customer.id] = account
        builder.each_customer(
            [account.customer for account in accounts.values()],
            lambda customer: self._lines(accounts[customer.id], builder),
        )
        return builder.reading()

    def _now(self) -> datetime:
        return self.clock()

    def _api(self, url: str) -> Api:
        host = urlsplit(url).netloc
        return Api(
            http=self.http,
            base_url=url,
            auth=DuoAuth(self.settings.integration_key, self.secret, host, self._now),
            throttle=Throttle(at_once=1, requests=50),
            backoff=self.backoff,
            wait=1.0,
            check=_check,
        )

    def _children(self) -> list[_Account]:
        parent = self._api(self.settings.base_url)
        body = self._careful(parent, Call(path="/accounts/v1/account/list", method="POST", json={}))
        scheme = urlsplit(self.settings.base_url).scheme
        return [
            _Account(
                Customer(text(child, "account_id"), text(child, "name", "")),
                self._api(f"{scheme}://{text(child, 'api_hostname')}"),
                {"account_id": text(child, "account_id")},
            )
            for child in records(body, "response", place="Duo")
        ]

    def _own_account(self) -> _Account:
        host = urlsplit(self.settings.base_url).hostname or ""
        return _Account(Customer(host, self.settings.customer or host), self._api(self.settings.base_url), {})

    def _lines(self, account: _Account, builder: ReadingBuilder) -> Iterable[UsageLine]:
        edition = self._edition(account)
        name = f"{EDITIONS.get(edition, f'Duo {edition}')} users" if edition != UNKNOWN else "Duo users"
        if self.settings.quick:
            summary = self._get(account, "/admin/v1/info/summary")
            users = number(record(summary, "response"), "user_count")
            enrolled = None
        else:
            billable = [user for user in self._users(account) if self._is_billable(user, builder)]
            users = Decimal(len(billable))
            enrolled = Decimal(sum(yes(user, "is_enrolled") for user in billable))
        if edition != "PERSONAL" or self.settings.count_free:
            yield _line(account.customer, f"duo:users:{edition.lower()}", name, users, "user")
        if self.settings.count_enrolled and enrolled is not None:
            yield _line(account.customer, "duo:users.enrolled", "Duo enrolled users", enrolled, "user")
        if self.settings.count_phones:
            phones = sum(1 for _ in self._list(account, "/admin/v1/phones", "phone_id"))
            yield _line(account.customer, "duo:phones", "Duo phones", Decimal(phones), "device")

    def _users(self, account: _Account) -> list[Record]:
        return self._list(account, "/admin/v1/users", "user_id")

    def _list(self, account: _Account, path: str, key: str) -> list[Record]:
        """What is looked at of all rows, each once; a list that shifted while it was read is read once more (Duo §5)."""
        found: dict[str, Record] = {}
        for _ in range(2):
            found, total = {}, None
            for page in account.api.pages(Call(path=path, params=account.params), PAGES, "response"):
                found.update({text(row, key): {name: row.get(name) for name in LOOKED_AT} for row in page.records})
                total = whole(page.body, "metadata.total_objects")
            if total is None or total == len(found):
                return list(found.values())
        if total is not None and total > len(found):
            raise ShapeChanged(
                T("The list {name} came with fewer records than it says it has.", name=path), place="Duo"
            )
        return list(found.values())

    def _is_billable(self, user: Record, builder: ReadingBuilder) -> bool:
        status = text(user, "status", "")
        if status not in ("active", "bypass", "disabled", "locked out", "pending deletion"):
            builder.note(
                T("Some users have the status {status}, which is new to ContractBridge.", status=status or "?")
            )
        return status in self.settings.statuses

    def _edition(self, account: _Account) -> str:
        """The account's edition; billing may be closed for this application, and then it is unknown (Duo §6.5)."""
        try:
            return text(
                records([find(self._get(account, "/admin/v1/billing/edition"), "response")])[0], "edition", UNKNOWN
            )
        except RemoteError as error:
            if error.status not in (403, 404):
                raise
            return UNKNOWN

    def _get(self, account: _Account, path: str) -> object:
        return self._careful(account.api, Call(path=path, params=account.params))

    def _careful(self, api: Api, call: Call) -> object:
        """The body; a refused time is tried once more with a new one."""
        try:
            return api.fetch(call).json()
        except Unauthorized as error:
            if str(BAD_TIME) not in error.detail:
                raise
        try:
            return api.fetch(call).json()
        except Unauthorized as error:
            if str(BAD_TIME) not in error.detail:
                raise
            raise Unauthorized(
                TIME_IS_OFF, place=error.place, remedy=T("Set the clock right."), detail=error.detail
            ) from error


def _check(answer: Answer) -> None:
    """A 200 that says FAIL, or says nothing known, is an error too (Duo §8)."""
    if find(answer.json(), "stat") != "OK":
        raise ShapeChanged(
            T("The answer is not what {name} documents.", name="Duo"), place=answer.where, detail=answer.start()
        )


def _line(customer: Customer, key: str, product: str, quantity: Decimal, unit: str) -> UsageLine:
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=key,
        product=product,
        quantity=quantity,
        unit=unit,
        origin=Origin("Duo Admin API", customer.id),
    )
