"""Reads SpamExperts: domains by product, mailboxes and outgoing users per customer (SpamExperts §5, §10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from connectors._kit.reading import Customer, ReadingBuilder
from connectors.spamexperts.accounts import Account, accounts, all_domains, by_owner, entries, shown, sub_admins
from connectors.spamexperts.panel import GONE, Panel
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

if TYPE_CHECKING:
    from connectors.spamexperts.manifest import SpamExpertsSecrets, SpamExpertsSettings

PRODUCTS = ("incoming", "outgoing", "archiving")


class _What(NamedTuple):
    name: str
    unit: str


WHAT = {
    "domains": _What("Domains", "domain"),
    "domains_incoming": _What("Domains with incoming filtering", "domain"),
    "domains_outgoing": _What("Domains with outgoing filtering", "domain"),
    "domains_archiving": _What("Domains with archiving", "domain"),
    "mailboxes_incoming": _What("Filtered mailboxes (7 days)", "mailbox"),
    "outgoing_users": _What("Outgoing users", "user"),
    "alias_domains": _What("Alias domains", "domain"),
    "domains_no_product": _What("Domains without product", "domain"),
}
Counts = dict[str, int]


class SpamExperts:
    """A main admin's view of its domains."""

    def __init__(self, portal: str, settings: SpamExpertsSettings, secrets: SpamExpertsSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self.panel = Panel(settings, secrets)

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.panel.ask("version/get")
        if self.settings.customer_level == "sub_admin":
            sub_admins(self.panel)
        else:
            all_domains(self.panel)

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        found = {account.customer.id: account for account in self._accounts(builder)}
        builder.each_customer(
            [account.customer for account in found.values()],
            lambda customer: self._lines(found[customer.id], builder),
            at_once=2,
        )
        return builder.reading()

    def _accounts(self, builder: ReadingBuilder) -> list[Account]:
        match self.settings.customer_level:
            case "domain":
                return [Account(Customer(one, shown(one)), domains=[one]) for one in all_domains(self.panel)]
            case "owner":
                return by_owner(self.panel, self.settings.user, builder, [], all_domains(self.panel))
            case _:
                return accounts(self.panel, self.settings.user, builder)

    def _lines(self, account: Account, builder: ReadingBuilder) -> Iterable[UsageLine]:
        counts = None if account.shared or not account.user else self._ready_made(account, builder)
        if counts is None:
            counts = self._each_domain(account, builder)
        if account.user:
            counts["outgoing_users"] = self._outgoing_users(account)
        if self.settings.alias_domains:
            counts["alias_domains"] = self._aliases(account, builder)
        return list(_as_lines(account, counts))

    def _ready_made(self, account: Account, builder: ReadingBuilder) -> Counts | None:
        """The panel's own counts of a sub-admin; None when they count more than its domains (SpamExperts §5.5)."""
        with_product = {
            product: _count(
                self.panel.ask("reseller/domainswithproduct", username=account.user, product=product),
                "domainswithproduct",
            )
            for product in PRODUCTS
        }
        if max(with_product.values()) > len(account.domains):
            return None
        counts = {f"domains_{product}": count for product, count in with_product.items()}
        counts["mailboxes_incoming"] = _count(
            self.panel.ask("reseller/getvalidrecipientcount", username=account.user), "getvalidrecipientcount"
        )
        if max(with_product.values()) == len(account.domains):
            return {**counts, "domains": len(account.domains), "domains_no_product": 0}
        if sum(with_product.values()) == 0:
            return {**counts, "domains": 0, "domains_no_product": len(account.domains)}
        products = self._products(account, builder)
        used = sum(1 for one in products.values() if one)
        return {**counts, "domains": used, "domains_no_product": len(products) - used}

    def _each_domain(self, account: Account, builder: ReadingBuilder) -> Counts:
        """Counted domain by domain, where the panel has no counts or they hold domains of accounts below."""
        products = self._products(account, builder)
        if account.domains and not products:
            return {}
        counts = {f"domains_{name}": sum(name in one for one in products.values()) for name in PRODUCTS}
        used = sum(1 for one in products.values() if one)
        mailboxes = 0
        for domain, on in products.items():
            if "incoming" in on:
                mailboxes += _count(self.panel.ask("domain/getvalidrecipientcount", domain=domain), shown(domain))
        return {**counts, "domains": used, "domains_no_product": len(products) - used, "mailboxes_incoming": mailboxes}

    def _products(self, account: Account, builder: ReadingBuilder) -> dict[str, set[str]]:
        """The products that are on, by domain. Domains that are gone are left out, and said."""
        found: dict[str, set[str]] = {}
        for domain in account.domains:
            try:
                found[domain] = _switched_on(self.panel.ask("domain/getproducts", domain=domain), domain)
            except RemoteError as error:
                if error.kind != GONE:
                    raise
                builder.note(T("{domain} is listed, but does not exist any more.", domain=shown(domain)))
        return found

    def _outgoing_users(self, account: Account) -> int:
        def of(user: str) -> int:
            return _count(self.panel.ask("reseller/getoutgoingusercount", username=user), "getoutgoingusercount")

        own = of(account.user)
        if not self.settings.parents_include_children:
            return own
        rest = own - sum(of(user) for user in account.below)
        if rest < 0:
            raise ShapeChanged(
                T("{customer} has fewer outgoing users than the sub-admins below it.", customer=account.customer.name)
            )
        return rest

    def _aliases(self, account: Account, builder: ReadingBuilder) -> int:
        total = 0
        for domain in account.domains:
            try:
                total += len(entries(self.panel.ask("domainalias/list", domain=domain), "domainalias/list"))
            except RemoteError as error:
                if error.kind != GONE:
                    raise
                builder.note(T("{domain} is listed, but does not exist any more.", domain=shown(domain)))
        return total


def _count(result: object, place: str) -> int:
    """A whole number. Nothing, a sentence or a fraction is a failure, never zero (SpamExperts §9)."""
    told = "" if isinstance(result, bool) or not isinstance(result, int | str) else str(result).strip()
    if not told.isdecimal():
        raise ShapeChanged(T("The answer has no number."), place=place, detail=f"found {result!r}"[:120])
    return int(told)


def _switched_on(result: object, domain: str) -> set[str]:
    """Products of a domain: 0 or 1 for each, as number or text."""
    told = (
        {name: str(result[name]).lower() for name in PRODUCTS if name in result} if isinstance(result, Mapping) else {}
    )
    if not told or not set(told.values()) <= {"0", "1", "true", "false"}:
        raise ShapeChanged(
            T("The products of {domain} are not told.", domain=shown(domain)), detail=f"{result!r}"[:120]
        )
    return {name for name, value in told.items() if value in ("1", "true")}


def _as_lines(account: Account, counts: Mapping[str, int]) -> Iterator[UsageLine]:
    told = {"sub_admin_id": account.id, "domain": account.domains[0] if account.domains and account.user else ""}
    for key, what in WHAT.items():
        if key in counts:
            yield UsageLine(
                customer_id=account.customer.id,
                customer=account.customer.name,
                product_key=key,
                product=what.name,
                quantity=Decimal(counts[key]),
                unit=what.unit,
                attributes={name: value for name, value in told.items() if value},
                origin=Origin("SpamExperts Control Panel API", account.user or account.customer.id),
            )
