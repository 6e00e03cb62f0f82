"""Reads Microsoft 365: who the customers are, then each one's licences, users and subscriptions next to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from connectors._kit.api import Api, Call
from connectors._kit.auth import Token, TokenAuth
from connectors._kit.http import Http
from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.retry import Backoff
from connectors._kit.select import text
from connectors._kit.threads import in_parallel
from connectors._kit.throttle import Throttle
from connectors._microsoft.partner import HEADERS, PARTNER_CENTER, PartnerCenterAuth
from connectors._microsoft.sign_in import App, SignIn, SignInRefused
from connectors.microsoft365.graph import PAGES, Tenant
from connectors.microsoft365.hosts import hosts_of
from connectors.microsoft365.names import sku_names
from connectors.microsoft365.partner_center import CUSTOMERS, PartnerCenter
from core.domain.connector import RotatingSecret
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.text import T, Text
from core.domain.usage import Reading, UsageLine

if TYPE_CHECKING:
    from connectors.microsoft365.manifest import Microsoft365Secrets, Microsoft365Settings

LEGACY_RESOURCE = "https://graph.windows.net"
"""What Partner Center's documentation names for tokens of the app itself; whether the newer one is required is not known (§3.3)."""
SLOW_DOWN = frozenset({429, 503})
NO_ACCESS = T(
    "Microsoft Graph allows no reading of this tenant: a permission, consent or the GDAP relationship is missing."
)


class _Customers(NamedTuple):
    """By tenant: whom to ask Graph about, and whom Partner Center; and everybody's domain, where it is told."""

    graph: dict[str, Customer]
    partner_center: dict[str, Customer]
    domains: dict[str, str]

    def all(self) -> list[Customer]:
        return list((self.graph | self.partner_center).values())


class Microsoft365:
    """A Microsoft partner: its customers' tenants and its subscriptions."""

    def __init__(
        self, portal: str, settings: Microsoft365Settings, secrets: Microsoft365Secrets, refresh_token: RotatingSecret
    ) -> None:
        self.portal = portal
        self.settings = settings
        self.hosts = hosts_of(settings)
        self.backoff = Backoff(attempts=5, first=2.0, longest=16.0)
        secret, certificate = secrets.client_secret.get_secret_value(), secrets.certificate.get_secret_value()
        token = secrets.refresh_token.get_secret_value()
        self._check(secret, certificate, token)
        hidden = [secret, token]
        self._credentials = "|".join([settings.graph_access, secret, certificate, token])
        self._graph_http = Http("Microsoft Graph", secrets=hidden)
        self._partner_http = Http("Partner Center", secrets=hidden)
        self._v2 = settings.partner_center_sign_in == "v2" or bool(certificate)
        self._delegated_graph = _delegated(settings.graph_access, token)
        self._delegated_partner = _delegated(settings.partner_center_access, token)
        app = App(settings.client_id, secret, certificate)
        self.sign_in = SignIn(Http("Microsoft", secrets=hidden), self.hosts.login, app, refresh_token)

    def test(self) -> None:
        """Raises what is wrong, in words: signs in to the partner's tenant and asks for the list of customers."""
        if self._reads_graph:
            self.sign_in.v2(self.settings.partner_tenant_id, self.hosts.graph_scope, delegated=self._delegated_graph)
        if self._needs_partner_center:
            self._partner_center([]).api.get(CUSTOMERS.path, size="1")
        if self._reads_graph and self.settings.customers_from in ("contracts", "delegated_admin"):
            next(self._graph_customers(), None)

    def read(self, now: datetime) -> Reading:
        notes: list[Text] = []
        builder = ReadingBuilder(self.portal, now)
        partner_center = self._partner_center(notes)
        names = sku_names(self.settings.names_file)
        customers = self._customers(partner_center)

        def read(customer: Customer) -> Iterable[UsageLine]:
            domain = {"domain": customers.domains[customer.id]} if customers.domains.get(customer.id) else {}
            for line in lines(customer):
                yield replace(line, attributes={**line.attributes, **domain})

        def lines(customer: Customer) -> Iterator[UsageLine]:
            if customer.id in customers.graph:
                yield from self._graph_lines(customer, Tenant(self._graph(customer.id), self.settings, names, notes))
            if customer.id in customers.partner_center:
                yield from partner_center.lines(customer)

        builder.each_customer(customers.all(), read, at_once=8)
        for note in sorted(notes, key=str):
            builder.note(note)
        return builder.reading()

    @property
    def _reads_graph(self) -> bool:
        return self.settings.read_licences or self.settings.read_users

    @property
    def _needs_partner_center(self) -> bool:
        return self.settings.read_subscriptions or self.settings.customers_from == "partner_center"

    def _customers(self, partner_center: PartnerCenter) -> _Customers:
        """Whom there is. A list that cannot be read ends the reading: nobody is left out by an error (M2)."""
        own, sold = in_parallel(
            [
                lambda: list(self._graph_customers()) if self._reads_graph else [],
                lambda: list(partner_center.customers()) if self._needs_partner_center else [],
            ]
        )
        sold_to = {customer.id: customer for customer, _ in sold}
        graph = {customer.id: sold_to.get(customer.id, customer) for customer, _ in own}
        if self.settings.customers_from == "partner_center":
            graph = sold_to | {tenant: customer for tenant, customer in graph.items() if tenant not in sold_to}
        domains = {customer.id: domain for customer, domain in (*sold, *own) if domain}
        return _Customers(
            graph if self._reads_graph else {}, sold_to if self.settings.read_subscriptions else {}, domains
        )

    def _graph_customers(self) -> Iterator[tuple[Customer, str]]:
        """Customers as Graph knows them, with their domains, and the tenants that were typed in."""
        for typed in self.settings.tenants:
            tenant, _, name = typed.partition("=")
            yield Customer(tenant.strip().lower(), name.strip() or tenant.strip().lower()), ""
        sources = {
            "contracts": ("contracts", "customerId"),
            "delegated_admin": ("tenantRelationships/delegatedAdminCustomers", "tenantId || id"),
        }
        if self.settings.customers_from in sources:
            path, key = sources[self.settings.customers_from]
            call = Call(path=path, params={"$top": "300"})
            for row in self._graph(self.settings.partner_tenant_id).all(call, PAGES, "value", key=key):
                tenant = text(row, key).lower()
                yield Customer(tenant, text(row, "displayName", "") or tenant), text(row, "defaultDomainName", "")

    def _graph_lines(self, customer: Customer, tenant: Tenant) -> Iterator[UsageLine]:
        """What is refused for one tenant alone must not end the reading of the others."""
        try:
            yield from tenant.lines(customer)
        except SignInRefused:
            raise
        except Unauthorized as error:
            raise RemoteError(error.message, retryable=False, place=error.place, detail=error.detail) from error
        except RemoteError as error:
            if error.status != 403:
                raise
            raise RemoteError(
                NO_ACCESS, retryable=False, place=error.place, detail=error.detail, kind="forbidden"
            ) from error

    def _graph(self, tenant: str) -> Api:
        """Graph as one tenant sees it: its token is good for that tenant alone, and for as long as it lasts (§3.1). Limits are
        per app and tenant (§8).
        """

        def token() -> Token:
            return self.sign_in.v2(tenant, self.hosts.graph_scope, delegated=self._delegated_graph)

        shared = "|".join([self.hosts.login, tenant, self.settings.client_id, self._credentials])
        return Api(
            http=self._graph_http,
            base_url=self.hosts.graph,
            auth=TokenAuth(token, shared=shared),
            throttle=Throttle(at_once=2, requests=1000, seconds=10.0),
            backoff=self.backoff,
            throttled=SLOW_DOWN,
            wait=None,
        )

    def _partner_center(self, notes: list[Text]) -> PartnerCenter:
        """Partner Center for one reading; 500 requests a minute are allowed (§8)."""
        api = Api(
            http=self._partner_http,
            base_url=self.hosts.partner_center,
            auth=PartnerCenterAuth(self._partner_token),
            throttle=Throttle(at_once=8, requests=480),
            backoff=self.backoff,
            headers=HEADERS,
            throttled=SLOW_DOWN,
            wait=None,
        )
        return PartnerCenter(api, self.settings, notes)

    def _partner_token(self) -> Token:
        tenant, delegated = self.settings.partner_tenant_id, self._delegated_partner
        if self._v2:
            scope = "user_impersonation" if delegated else ".default"
            return self.sign_in.v2(tenant, f"{PARTNER_CENTER}/{scope}", delegated=delegated)
        resource = self.settings.partner_center_resource
        if delegated:
            fields = {"resource": resource or PARTNER_CENTER, "scope": "openid"}
        else:
            fields = {"resource": resource or LEGACY_RESOURCE}
        return self.sign_in.v1(tenant, fields, delegated=delegated)

    def _check(self, secret: str, certificate: str, token: str) -> None:
        """Settings that fit each by itself but not together."""
        wanted = (self.settings.graph_access, self.settings.partner_center_access)
        if not (secret or certificate):
            raise SettingsError(T("A client secret or a certificate is needed."), place=self.portal)
        if "delegated" in wanted and not token:
            raise SettingsError(T("Delegated access needs a refresh token."), place=self.portal)
        if not (self._reads_graph or self.settings.read_subscriptions):
            raise SettingsError(T("Nothing is chosen to be read: licences, users or subscriptions."), place=self.portal)


def _delegated(access: str, token: str) -> bool:
    return access == "delegated" or (access == "automatic" and bool(token))
