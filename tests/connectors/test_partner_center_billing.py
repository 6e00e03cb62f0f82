"""Partner Center's billing over real HTTP against a fake of sign-in, Graph's export jobs, invoices and the store of the parts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from connectors.partner_center_billing.export import LONGEST_LINE
from core.domain.consumption import ConsumptionKind
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.usage import Scope
from tests.connectors.partner_center_fake import AZURE, MAAN, ZON, Fake, billed, connected, invoice, usage

NOW = datetime(2026, 2, 10, 2, 0, tzinfo=UTC)
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def test_case_14_an_export_is_asked_for_waited_for_and_fetched_in_parts() -> None:
    second = usage(BillingPreTaxTotal=1.5, ResourceGroup="rg-erp")
    fake = Fake(
        exports={
            "usage-billed": [
                [usage(), second],
                [usage(CustomerId=MAAN, CustomerName="Maan", BillingPreTaxTotal=-0.9384)],
            ]
        }
    )
    with capture_logs() as logs, connected(fake) as (source, _):
        reading = source.read_consumption(NOW, *JANUARY)
    zon, maan = reading.lines
    assert (zon.amount, zon.origin.rows, zon.customer) == (Decimal("3.5719872"), 2, "Brouwerij De Zon B.V.")
    assert (zon.dimensions["subscription_id"], zon.dimensions["tag:env"]) == (AZURE, "prod")
    assert (maan.customer_id, maan.kind, maan.amount) == (MAAN, ConsumptionKind.CREDIT, Decimal("-0.9384"))
    assert (reading.complete, reading.provisional) == (True, False)
    assert fake.polls["usage-billed"] == 2
    assert "s1gnature" not in str(logs)
    assert '"invoiceId":"G1"' in fake.jobs[0].replace(" ", "")


def test_case_14_a_failed_job_says_why() -> None:
    fake = Fake(failed={"code": "2001", "message": "Invoice not found"})
    with connected(fake) as (source, _), pytest.raises(RemoteError, match="2001 Invoice not found"):
        source.read_consumption(NOW, *JANUARY)


def test_m2_a_part_that_is_cut_off_is_never_read_as_less() -> None:
    fake = Fake(exports={"usage-billed": [[usage()]]}, damaged=True)
    with connected(fake) as (source, _), pytest.raises(ShapeChanged):
        source.read_consumption(NOW, *JANUARY)


def test_a_part_that_unpacks_to_an_endless_line_is_refused() -> None:
    fake = Fake(exports={"usage-billed": [[usage(Tags="0" * LONGEST_LINE)]]})
    with connected(fake) as (source, _), pytest.raises(ShapeChanged, match="damaged"):
        source.read_consumption(NOW, *JANUARY)


def test_m2_a_record_without_an_amount_is_no_zero() -> None:
    fake = Fake(exports={"usage-billed": [[usage(BillingPreTaxTotal=None)]]})
    with connected(fake) as (source, _), pytest.raises(ShapeChanged, match="record 1"):
        source.read_consumption(NOW, *JANUARY)


def test_the_running_month_comes_from_what_is_not_billed_yet() -> None:
    fake = Fake(exports={"usage-unbilled": [[usage(InvoiceNumber=None, ChargeStartDate="2026-02-01T00:00:00Z")]]})
    with connected(fake) as (source, _):
        reading = source.read_consumption(NOW, date(2026, 2, 1), date(2026, 2, 10))
    assert (reading.lines[0].provisional, reading.provisional, reading.complete) == (True, True, True)
    assert '"billingPeriod":"current"' in fake.jobs[0].replace(" ", "")


def test_m2_an_old_month_without_invoice_is_not_complete() -> None:
    with connected(Fake()) as (source, _):
        reading = source.read_consumption(NOW, date(2025, 10, 1), date(2025, 10, 31))
    assert (reading.lines, reading.complete) == ((), False)
    assert "2025-10" in str(reading.notes[0])


def test_s2_18_purchases_of_the_invoice_are_amounts_and_licences_are_not() -> None:
    bought = billed(SkuName="Reserved VM Instance", ReservationOrderId="4e00", Subtotal=523.48)
    plan = billed(SkuName="Azure plan", ProductName="Azure plan", Subtotal=99)
    fake = Fake(exports={"usage-billed": [[usage()]], "reconciliation-billed": [[billed(), bought, plan]]})
    with connected(fake) as (source, _):
        lines = source.read_consumption(NOW, *JANUARY).lines
    assert [(line.kind, line.amount) for line in lines] == [
        (ConsumptionKind.USAGE, Decimal("2.0719872")),
        (ConsumptionKind.PURCHASE, Decimal("523.48")),
    ]


def test_s2_10_s3_18_billed_seats_are_the_largest_quantity_of_a_subscription() -> None:
    fake = Fake(
        invoices=[invoice("G1", "2026-02-06"), invoice("G0", "2026-01-06", "2025-12-01", "2025-12-31")],
        exports={"reconciliation-billed": [[billed(), billed(Quantity=28, BillableQuantity=3, ChargeStartDate="2026-01-15T00:00:00Z")]],
                 "usage-unbilled": [[usage(InvoiceNumber=None, ChargeStartDate="2026-02-01T00:00:00Z")]]},
    )  # fmt: skip
    with connected(fake, as_products=True) as (source, _):
        source.test()
        reading = source.read(NOW)
    seats, azure = reading.lines
    assert (seats.product_key, seats.quantity, seats.unit_cost, seats.unit_price) == (
        "pc:CFQ7TTC0LCHC:0002", Decimal(28), Decimal("18.6"), Decimal(22),
    )  # fmt: skip
    assert (azure.product_key, azure.quantity) == ("azure:total", Decimal("2.07"))
    assert reading.scope is Scope.LINES
    assert any('"G1"' in job for job in fake.jobs)


def test_s2_09_no_invoice_is_skipped_however_long_nobody_looked() -> None:
    months = [("G3", "2026-02-06"), ("G1", "2025-12-06"), ("G2", "2026-01-06")]
    with connected(Fake(invoices=[invoice(*one) for one in months])) as (source, _):
        (newest,) = source.reports_since("")
        assert newest.id == "G3", "what was billed before the portal was connected is not charged anew"
        assert [one.id for one in source.reports_since("2025-12-06T00:00:00Z|G1")] == ["G2", "G3"]
        assert source.reports_since(newest.watermark) == ()


def test_the_older_list_of_line_items_goes_on_with_a_token_in_a_header() -> None:
    camel = {name[0].lower() + name[1:]: value for name, value in usage(CustomerId=f"org:{ZON}").items()}
    camel["resourceUri"] = camel.pop("resourceURI")
    rows = [camel, camel | {"billingPreTaxTotal": 1}]
    with connected(Fake(lines={"usagelineitems": rows}), usage_from="line_items") as (source, server):
        reading = source.read_consumption(NOW, *JANUARY)
    assert [(line.customer_id, line.amount) for line in reading.lines] == [(ZON, Decimal("3.0719872"))]
    asked = [one for one in server.asked if "lineitems" in one.path and "usagelineitems" in one.query]
    assert len(asked) == 2
    assert all(one.headers["ms-partnercenter-application"] == "ContractBridge" for one in asked)
