"""Partner Center's billing as a server: sign-in, Graph's export jobs, invoices and the store of the parts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.partner_center_billing.manifest import MANIFEST
from connectors.partner_center_billing.source import PartnerCenterBilling
from tests.connectors.fakes import Server, serving

ZON, MAAN = "2f6f4c10-aaaa-4aaa-9aaa-000000000001", "2f6f4c10-bbbb-4bbb-9bbb-000000000002"
AZURE = "9f00aa00-0000-4000-8000-0000000000a1"
SECRET, SAS = "cl1ent-s3cret", "sv=2023&sig=s1gnatureMadeUp"


def usage(**cells: Any) -> dict[str, Any]:
    return {
        "CustomerId": ZON, "CustomerName": "Brouwerij De Zon B.V.", "InvoiceNumber": "G1", "ProductName": "Azure plan",
        "SubscriptionId": "5d1f0000-0000-4000-8000-000000000010", "ChargeStartDate": "2026-01-01T00:00:00Z",
        "ChargeEndDate": "2026-01-31T00:00:00Z", "UsageDate": "2026-01-14T00:00:00Z", "MeterCategory": "Virtual Machines",
        "UnitOfMeasure": "1 Hour", "ResourceGroup": "RG-ERP", "Tags": '{"env":"prod"}', "ChargeType": "new", "Quantity": 24.0,
        "ResourceURI": f"/subscriptions/{AZURE}/resourceGroups/RG-ERP/providers/Microsoft.Compute/virtualMachines/erp01",
        "BillingPreTaxTotal": 2.0719872, "BillingCurrency": "EUR", "EntitlementId": AZURE, "EntitlementDescription": "Zon productie",
    } | cells  # fmt: skip


def billed(**cells: Any) -> dict[str, Any]:
    return {
        "CustomerId": ZON, "CustomerName": "Brouwerij De Zon B.V.", "InvoiceNumber": "G1", "ProductId": "CFQ7TTC0LCHC", "SkuId": "0002",
        "SkuName": "Microsoft 365 Business Premium", "ProductName": "Microsoft 365 Business Premium", "ChargeType": "cycleCharge",
        "UnitPrice": 22, "EffectiveUnitPrice": 18.6, "Quantity": 25, "BillableQuantity": 25, "Subtotal": 465, "Currency": "EUR",
        "PublisherName": "Microsoft Corporation", "SubscriptionId": "c3f0a1b2-0000-4000-8000-000000000101",
        "ChargeStartDate": "2026-01-01T00:00:00Z", "ChargeEndDate": "2026-01-31T00:00:00Z",
        "TermAndBillingCycle": "One-Year commitment for monthly/yearly billing", "BillingFrequency": "Monthly",
        "SubscriptionEndDate": "2026-02-28T00:00:00Z",
    } | cells  # fmt: skip


def invoice(identity: str, dated: str, start: str = "2026-01-01", end: str = "2026-01-31") -> dict[str, Any]:
    return {
        "id": identity, "invoiceDate": f"{dated}T00:00:00Z", "billingPeriodStartDate": f"{start}T00:00:00Z",
        "billingPeriodEndDate": f"{end}T00:00:00Z", "totalCharges": 5, "currencyCode": "EUR", "documentType": "invoice",
    }  # fmt: skip


@dataclass
class Fake:
    """`exports` are the parts of each kind of export, or (`usage-billed-G1`) of one invoice; `failed` is the error of the job
    instead.
    """

    invoices: list[dict[str, Any]] = field(default_factory=lambda: [invoice("G1", "2026-02-06")])
    exports: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] | None = None
    polls: dict[str, int] = field(default_factory=dict)
    damaged: bool = False
    jobs: list[str] = field(default_factory=list)
    url: str = ""

    async def token(self, request: Request) -> Response:
        return JSONResponse({"access_token": "t0ken", "expires_in": 3599, "token_type": "Bearer"})

    async def export(self, request: Request) -> Response:
        asked = await request.body()
        self.jobs.append(f"{request.path_params['what']} {asked.decode()}")
        kind = request.path_params["what"].replace("/", "-")
        of_invoice = f"{kind}-{json.loads(asked).get('invoiceId')}"
        where = (
            f"{self.url}/v1.0/reports/partners/billing/operations/{of_invoice if of_invoice in self.exports else kind}"
        )
        return Response(status_code=202, headers={"Location": where, "Retry-After": "0"})

    async def operation(self, request: Request) -> Response:
        what = request.path_params["what"]
        self.polls[what] = self.polls.get(what, 0) + 1
        if self.polls[what] == 1:
            return JSONResponse({"id": "1", "status": "running"}, headers={"Retry-After": "0"})
        if self.failed:
            return JSONResponse({"id": "1", "status": "failed", "error": self.failed})
        blobs = [{"name": f"part-{number}.json.gz"} for number in range(len(self.exports.get(what, [])))]
        manifest = {
            "rootDirectory": f"{self.url}/blobs/{what}",
            "sasToken": SAS,
            "blobCount": len(blobs),
            "blobs": blobs,
        }
        return JSONResponse({"id": "1", "status": "succeeded", "resourceLocation": manifest})

    async def blob(self, request: Request) -> Response:
        assert "authorization" not in request.headers
        assert request.query_params["sig"] == "s1gnatureMadeUp"
        number = int(request.path_params["name"].split("-")[1].split(".")[0])
        rows = self.exports[request.path_params["what"]][number]
        packed = gzip.compress("\n".join(json.dumps(row) for row in rows).encode())
        return Response(packed[:-6] if self.damaged else packed)

    async def list(self, request: Request) -> Response:
        return JSONResponse({"totalCount": len(self.invoices), "items": self.invoices})

    async def lineitems(self, request: Request) -> Response:
        rows = self.lines.get(request.query_params.get("invoicelineitemtype", ""), [])
        second = request.headers.get("ms-continuationtoken") == "more"
        links = (
            {}
            if second
            else {
                "next": {
                    "uri": str(request.url.path).removeprefix("/v1") + f"?{request.url.query}&seekOperation=Next",
                    "headers": [{"key": "MS-ContinuationToken", "value": "more"}],
                }
            }
        )
        return JSONResponse({"items": rows[1:] if second else rows[:1], "links": links if rows[1:] else {}})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/v1.0/reports/partners/billing/operations/{what}", self.operation),
                Route("/v1.0/reports/partners/billing/{what:path}/export", self.export, methods=["POST"]),
                Route("/blobs/{what}/{name}", self.blob),
                Route("/v1/invoices", self.list),
                Route("/v1/invoices/{id}/lineitems", self.lineitems),
            ]
        )


@contextmanager
def connected(fake: Fake, **options: Any) -> Iterator[tuple[PartnerCenterBilling, Server]]:
    with serving(fake.app()) as server:
        fake.url = server.url
        settings = {"partner_tenant_id": "p", "client_id": "c", "base_url": server.url}
        source = MANIFEST.open("Microsoft", settings | options, {"client_secret": SECRET})
        assert isinstance(source, PartnerCenterBilling)
        source.export.poll_seconds = 0
        yield source, server
