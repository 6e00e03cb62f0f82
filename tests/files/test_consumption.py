"""Billing files: the conformance cases of the Azure reference (§10) by their numbers, and what else may go wrong with a file."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.consumption import ConsumptionKind, ConsumptionReading
from core.domain.consumption_lines import WIDE, dimension_of, totals_by_currency
from core.domain.consumption_settings import AS_USUAL, ConsumptionSettings
from core.domain.errors import InputError
from core.domain.usage import Scope
from core.files.consumption import chunks, read_consumption, read_licences, source_rows
from tests.files.azure_exports import EA, ERP, HOLDING, MPA, SUBSCRIPTION, ZON, Row, row, run, sample, text, write
from tests.looking import tries

NOW = datetime(2026, 2, 10, tzinfo=UTC)
RECON_HEADINGS = (
    "PartnerId,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,InvoiceNumber,MpnId,ResellerMpnId,OrderId,OrderDate,ProductId,"
    "SkuId,AvailabilityId,SkuName,ProductName,ChargeType,UnitPrice,Quantity,Subtotal,TaxTotal,Total,Currency,"
    "PriceAdjustmentDescription,PublisherName,PublisherId,SubscriptionDescription,SubscriptionId,ChargeStartDate,ChargeEndDate,"
    "TermAndBillingCycle,EffectiveUnitPrice,UnitType,AlternateId,BillableQuantity,BillingFrequency,PricingCurrency,"
    "PCToBCExchangeRate,PCToBCExchangeRateDate,MeterDescription,ReservationOrderId,CreditReasonCode,SubscriptionStartDate,"
    "SubscriptionEndDate,ReferenceId,ProductQualifiers,PromotionId"
)
RECON = RECON_HEADINGS.split(",")


def read(*paths: Path, options: ConsumptionSettings = AS_USUAL, now: datetime = NOW) -> ConsumptionReading:
    return read_consumption(paths, portal="Azure", now=now, options=options)


def by_customer(reading: ConsumptionReading) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in reading.lines:
        found[line.customer_id] = found.get(line.customer_id, Decimal(0)) + line.amount
    return found


def notes(reading: ConsumptionReading) -> str:
    return "\n".join(str(note) for note in reading.notes)


def licence(**cells: str) -> Row:
    return {
        "CustomerId": ZON, "CustomerName": "Brouwerij De Zon B.V.", "InvoiceNumber": "G012345678", "ProductId": "CFQ7TTC0LCHC",
        "SkuId": "0002", "SkuName": "Microsoft 365 Business Premium", "ProductName": "Microsoft 365 Business Premium",
        "ChargeType": "cycleCharge", "UnitPrice": "18.6", "Quantity": "25", "Subtotal": "465", "Currency": "EUR",
        "PublisherName": "Microsoft Corporation", "SubscriptionDescription": "M365 BP – kantoor",
        "SubscriptionId": "c3f0a1b2-0000-4000-8000-000000000101", "ChargeStartDate": "1/1/2026", "ChargeEndDate": "1/31/2026",
        "TermAndBillingCycle": "One-Year commitment for monthly/yearly billing", "EffectiveUnitPrice": "18.6",
        "BillableQuantity": "25", "BillingFrequency": "Monthly", "PricingCurrency": "EUR", "SubscriptionEndDate": "2/28/2026",
    } | cells  # fmt: skip


LICENCES = [
    licence(),
    licence(ChargeType="addQuantity", Quantity="28", Subtotal="30.6", ChargeStartDate="1/15/2026", EffectiveUnitPrice="10.2", BillableQuantity="3"),
]  # fmt: skip


def test_case_1_rows_of_all_parts_and_no_heading_among_them(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", [[row()], [row(), row()], [row(costInBillingCurrency="0.5")]])
    reading = read(folder)
    assert reading.complete
    assert reading.total == Decimal("3.5")
    assert sum(line.origin.rows for line in reading.lines) == 4


def test_case_2_only_the_newest_run_counts_and_one_without_manifest_not_yet(tmp_path: Path) -> None:
    run(tmp_path / "1", [[row()]], submitted="2026-01-14T04:00:00Z")
    run(tmp_path / "2", [[row(), row()]], submitted="2026-01-15T04:00:00Z")
    write(tmp_path / "3" / "part_0_0001.csv.gz", [row()] * 9)
    reading = read(tmp_path)
    assert (reading.complete, reading.total) == (True, Decimal(2))
    assert "no manifest yet" in notes(reading)


def test_case_3_a_missing_part_or_another_number_of_rows_is_not_complete(tmp_path: Path) -> None:
    missing = read(run(tmp_path / "1", [[row()]], extra_blob="part_1_0001.csv.gz"))
    assert not missing.complete
    assert "part_1_0001.csv.gz" in notes(missing)
    fewer = read(run(tmp_path / "2", [[row()]], rows_told=5))
    assert not fewer.complete
    assert "promises 5" in notes(fewer)
    counted = read(run(tmp_path / "3", [[row()]], rows_told=2))
    assert counted.complete, "whether the heading counts as a row is not documented"


def test_case_4_and_5_the_sample_comes_to_its_totals_and_one_name_stays_two_customers(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "mpa.csv", sample()))
    assert by_customer(reading) == {ZON: Decimal("525.6113183007296"), HOLDING: Decimal("-0.9384")}
    assert reading.total == Decimal("524.6729183007296")
    usage = sum(line.amount for line in reading.lines if line.kind is ConsumptionKind.USAGE)
    assert usage == Decimal("2.1313183007296")
    refund = next(line for line in reading.lines if line.customer_id == HOLDING)
    assert (refund.kind, refund.amount) == (ConsumptionKind.CREDIT, Decimal("-0.9384"))
    bought = next(line for line in reading.lines if line.kind is ConsumptionKind.PURCHASE)
    assert (bought.dimensions["product_type"], bought.price) == ("reservation", None)


@pytest.mark.parametrize(
    ("told", "tags"),
    [
        ('{"env":"prod","Owner":"Zoë"}', {"tag:env": "prod", "tag:owner": "Zoë"}),
        ('"env": "prod","owner": "Zoë"', {"tag:env": "prod", "tag:owner": "Zoë"}),
        ("", {}),
        ('{"env":', {}),
        ('{"env":null}', {}),
    ],
)
def test_case_6_s1_66_tags(tmp_path: Path, told: str, tags: dict[str, str]) -> None:
    reading = read(write(tmp_path / "a.csv", [row(tags=told)]))
    line = reading.lines[0]
    assert {name: value for name, value in line.dimensions.items() if name.startswith("tag:")} == tags
    assert line.amount == 1
    assert dimension_of(line, "tag:none") == "(untagged)"
    assert ("cannot be read" in notes(reading)) == (told == '{"env":')


def test_s1_66_only_the_tags_that_are_wanted_tell_lines_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(tags=f'{{"env":"prod","run":"{number}"}}') for number in range(50)])
    assert len(read(path).lines) == 50
    assert [line.amount for line in read(path, options=ConsumptionSettings(tags=("Env",))).lines] == [Decimal(50)]


def test_case_7_s1_66_letter_case_makes_no_second_resource_group(tmp_path: Path) -> None:
    rows = [row(), row(resourceGroupName="rg-erp", ResourceId=ERP.lower()), row(resourceGroupName="", ResourceId="")]
    reading = read(write(tmp_path / "a.csv", [*rows, row(resourceGroupName="$system", ResourceId="")]))
    groups: dict[str, Decimal] = {}
    for line in reading.lines:
        name = dimension_of(line, "resource_group")
        groups[name] = groups.get(name, Decimal(0)) + line.amount
    assert groups == {"rg-erp": Decimal(2), "(none)": Decimal(2)}


def test_case_8_headings_in_any_order_case_and_company(tmp_path: Path) -> None:
    expected = by_customer(read(write(tmp_path / "usual.csv", sample())))
    header = [*MPA, "somethingNew"]
    random.Random(4).shuffle(header)
    assert by_customer(read(write(tmp_path / "other.csv", sample(), header))) == expected
    loud = tmp_path / "loud.csv"
    first, _, rest = text(sample()).partition("\r\n")
    spaced = first.upper().replace("RESOURCEGROUPNAME", "Resource Group Name")
    loud.write_bytes(b"\xef\xbb\xbf" + f"Usage of January\r\n{spaced}\r\n{rest}".encode())
    assert by_customer(read(loud)) == expected


def test_case_8_an_enterprise_agreement_has_subscriptions_for_customers(tmp_path: Path) -> None:
    own = {
        "SubscriptionId": "9F00AA00-0000-4000-8000-0000000000B1", "SubscriptionName": "Zon EA", "ResourceGroup": "rg-web",
        "Date": "2026-01-14", "MeterCategory": "Azure App Service", "UnitOfMeasure": "10 Hours", "Quantity": "2.4",
        "CostInBillingCurrency": "3.72", "Tags": '"env": "prod"', "ChargeType": "Usage", "BillingCurrencyCode": "EUR",
        "BillingPeriodStartDate": "01/01/2026", "BillingPeriodEndDate": "01/31/2026", "InvoiceSectionId": "12345",
        "InvoiceSectionName": "Productie",
    }  # fmt: skip
    path = write(tmp_path / "ea.csv", [own], EA)
    line = read(path).lines[0]
    assert (line.customer_id, line.customer, line.amount) == (own["SubscriptionId"].lower(), "Zon EA", Decimal("3.72"))
    assert (line.dimensions["tag:env"], line.dimensions["resource_group"]) == ("prod", "rg-web")
    section = read(path, options=ConsumptionSettings(customer="invoice_section")).lines[0]
    assert (section.customer_id, section.customer) == ("12345", "Productie")


def test_case_9_a_date_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="14/01/2026") as found:
        read(write(tmp_path / "a.csv", [row(date="14/01/2026")]))
    assert found.value.kind == "not_a_date"
    iso = row(date="2026-01-14", billingPeriodStartDate="2026-01-01", billingPeriodEndDate="2026-01-31T00:00:00Z")
    line = read(write(tmp_path / "b.csv", [iso])).lines[0]
    assert (line.period_start, line.period_end) == (date(2026, 1, 1), date(2026, 1, 31))


def test_case_13_currencies_are_never_added_up(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "a.csv", [row(), row(billingCurrency="USD", costInBillingCurrency="7")]))
    assert totals_by_currency(reading.lines) == {"EUR": Decimal(1), "USD": Decimal(7)}
    assert reading.total is None
    assert "EUR, USD" in notes(reading)


def test_case_15_s2_10_s3_18_licences_take_the_largest_quantity_and_their_money_adds_up(tmp_path: Path) -> None:
    path = write(tmp_path / "recon.csv", LICENCES, RECON)
    seats = read_licences(path, portal="Partner Center", now=NOW)
    line = seats.lines[0]
    assert (len(seats.lines), line.quantity, line.unit_cost, line.unit_price) == (
        1,
        Decimal(28),
        Decimal("18.6"),
        Decimal("18.6"),
    )
    assert (line.term, line.billing_frequency, line.origin.rows) == ("P1Y", "monthly", 2)
    assert seats.scope is Scope.LINES, "an invoice names only what it bills"
    billed = read(path, options=ConsumptionSettings(licences=True))
    assert totals_by_currency(billed.lines) == {"EUR": Decimal("495.6")}
    assert read(path).lines == (), "licences are counted as seats, not charged as well"


def test_s2_18_what_is_bought_once_is_told_apart(tmp_path: Path) -> None:
    rows = [
        licence(SkuName="Reserved VM Instance", ReservationOrderId="4e00", Subtotal="523.48"),
        licence(PublisherName="Contoso", Subtotal="9"),
        licence(TermAndBillingCycle="", SubscriptionEndDate="", SkuName="Windows Server - perpetual", Subtotal="700"),
    ]
    lines = read(write(tmp_path / "recon.csv", rows, RECON)).lines
    assert [line.dimensions["product_type"] for line in lines] == ["reservation", "marketplace", "perpetual"]
    assert {line.kind for line in lines} == {ConsumptionKind.PURCHASE}


def test_s1_62_amount_period_and_words_come_from_the_file(tmp_path: Path) -> None:
    line = read(write(tmp_path / "a.csv", [row(), row(quantity="720", costInBillingCurrency="30")])).lines[0]
    assert (line.amount, line.quantity, line.unit, line.price) == (Decimal(31), Decimal(744), "1 Hour", Decimal("2.4"))
    assert (line.period_start, line.period_end, line.resource) == (date(2026, 1, 1), date(2026, 1, 31), "erp01")
    assert line.dimensions["subscription_id"] == SUBSCRIPTION
    assert line.dimensions["subscription"] == "Zon productie"


def test_s1_68_the_rows_behind_a_line_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "PIECE_BYTES", 2_000)
    monkeypatch.setattr(chunks, "HEAD_BYTES", 4_000)
    rows = [row(costInBillingCurrency=str(number), tags=f'{{"n":"{number % 3}"\n}}') for number in range(1, 40)]
    path = write(tmp_path / "a.csv.gz", rows)
    reading = read(path)
    assert len(reading.lines) == 3
    for line in reading.lines:
        behind = source_rows(path, line)
        assert sum(Decimal(one.cells["costInBillingCurrency"]) for one in behind) == line.amount
        assert len(behind) == line.origin.rows
        assert line.origin.place == f"row {behind[0].row}"
    assert len(source_rows(path, reading.lines[0], limit=2)) == 2


def test_mixed_months_are_kept_apart_and_the_running_one_is_provisional(tmp_path: Path) -> None:
    february = {"billingPeriodStartDate": "02/01/2026", "billingPeriodEndDate": "02/28/2026", "date": "02/02/2026"}
    reading = read(write(tmp_path / "a.csv", [row(), row(**february)]))
    assert [(line.period_start, line.provisional) for line in reading.lines] == [
        (date(2026, 1, 1), False),
        (date(2026, 2, 1), True),
    ]
    assert (reading.period_start, reading.period_end, reading.provisional) == (
        date(2026, 1, 1),
        date(2026, 2, 28),
        True,
    )
    early = datetime(2026, 2, 3, tzinfo=UTC)
    assert read(write(tmp_path / "b.csv", [row()]), now=early).provisional
    assert not read(write(tmp_path / "c.csv", [row(invoiceId="G1")]), now=early).provisional


def test_without_billing_period_the_month_of_the_date_counts(tmp_path: Path) -> None:
    header = [name for name in MPA if not name.startswith("billingPeriod")]
    line = read(write(tmp_path / "a.csv", [row()], header)).lines[0]
    assert (line.period_start, line.period_end) == (date(2026, 1, 1), date(2026, 1, 31))


def test_two_files_of_one_month_are_not_added_up(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.csv", [row()]), write(tmp_path / "other.csv", [row(), row()])
    reading = read(one, other)
    assert not reading.complete
    assert "one.csv" in notes(reading)
    again = read(one, write(tmp_path / "copy.csv", [row()]))
    assert (again.complete, again.total) == (True, Decimal(1))


def test_actual_and_amortized_cost_are_never_mixed(tmp_path: Path) -> None:
    run(tmp_path / "actual", [[row()]])
    run(tmp_path / "amortized", [[row(), row()]], metric="AmortizedCost")
    assert read(tmp_path).total == 1
    assert read(tmp_path, options=ConsumptionSettings(metric="amortized")).total == 2


def test_parts_without_manifest_show_by_their_numbers_what_is_missing(tmp_path: Path) -> None:
    first = write(tmp_path / "part_0_0001.csv", [row()])
    third = write(tmp_path / "part_2_0001.csv", [row(quantity="1")])
    reading = read(first, third)
    assert not reading.complete
    assert read(first, write(tmp_path / "part_1_0001.csv", [row(), row()]), third).total == 4


def test_a_zip_with_manifest_and_parts_is_one_run(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", [[row()], [row(), row()]])
    packed = tmp_path / "export.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"run/{path.name}")
    reading = read(packed)
    assert (reading.complete, reading.total) == (True, Decimal(3))
    assert len(source_rows(packed, reading.lines[0])) == 3


def test_parquet_comes_to_the_same(tmp_path: Path) -> None:
    columns = {name: pa.array([one.get(name, "") for one in sample()]) for name in MPA}
    columns["costInBillingCurrency"] = pa.array([float(one["costInBillingCurrency"]) for one in sample()])
    columns["date"] = pa.array([datetime(2026, 1, 14)] * 4, pa.timestamp("ms"))
    columns["quantity"] = columns["quantity"].cast(pa.decimal128(38, 18))
    columns["paygCostInBillingCurrency"] = pa.nulls(4, pa.float64())
    path = tmp_path / "part_0_0001.snappy.parquet"
    arrow_parquet.write_table(pa.table(columns), path)
    reading = read(path)
    assert by_customer(reading) == by_customer(read(write(tmp_path / "a.csv", sample())))
    assert source_rows(path, reading.lines[0])[0].cells["meterName"] == "D2s v5"


def test_very_small_and_very_long_amounts_stay_exact(tmp_path: Path) -> None:
    amounts = ["1.2E-05", "0.1234567890123456789012345678", "-3", "1e3"]
    reading = read(write(tmp_path / "a.csv", [row(costInBillingCurrency=amount) for amount in amounts]))
    assert reading.total == Decimal("997.1234687890123456789012345678")
    assert reading.lines[0].amount == reading.total


@pytest.mark.parametrize(
    ("cells", "kind"),
    [({"costInBillingCurrency": "12,50"}, "not_a_number"), ({"costInBillingCurrency": "NaN"}, "not_a_number")],
)
def test_an_amount_that_is_no_number_is_refused_not_zero(tmp_path: Path, cells: dict[str, str], kind: str) -> None:
    with pytest.raises(InputError) as found:
        read(write(tmp_path / "a.csv", [row(**cells)]))
    assert found.value.kind == kind
    assert "a.csv" in str(found.value)


def test_m2_rows_without_an_amount_leave_the_reading_incomplete(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "a.csv", [row(), row(costInBillingCurrency="")]))
    assert not reading.complete
    assert "1 rows have no amount" in notes(reading)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "file_empty"),
        (b"Customer,Product,Qty\nA,B,1\n", "column_missing"),
        (b"\x1f\x8b\x08broken", "file_corrupt"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as found:
        read(path)
    assert found.value.kind == kind


def test_a_row_with_a_cell_too_few_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row()])
    path.write_bytes(path.read_bytes() + b"one,two\r\n")
    with pytest.raises(InputError) as found:
        read(path)
    assert found.value.kind == "csv_malformed"


def test_a_file_without_rows_says_so(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "a.csv", []))
    assert (reading.lines, reading.complete) == ((), True)
    assert "no rows" in notes(reading)


def test_kinds_of_charges_and_unknown_ones_lose_no_money(tmp_path: Path) -> None:
    kinds = ["Usage", "Purchase", "Refund", "Adjustment", "RoundingAdjustment", "Tax", "Novelty", "UnusedReservation"]
    reading = read(write(tmp_path / "a.csv", [row(chargeType=kind) for kind in kinds]))
    assert reading.total == len(kinds)
    found = {line.kind: line.amount for line in reading.lines}
    assert found == {
        ConsumptionKind.USAGE: Decimal(3), ConsumptionKind.PURCHASE: Decimal(1), ConsumptionKind.CREDIT: Decimal(2),
        ConsumptionKind.ROUNDING: Decimal(1), ConsumptionKind.TAX: Decimal(1),
    }  # fmt: skip
    assert "Novelty" in notes(reading)


def test_marketplace_and_the_partners_own_use_are_told_apart(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "a.csv", [row(publisherType="Marketplace"), row(customerTenantId="")]))
    assert reading.lines[0].dimensions["product_type"] == "marketplace"
    assert reading.lines[0].kind is ConsumptionKind.PURCHASE
    assert reading.lines[1].customer_id == "(partner)"


def test_daily_rated_usage_as_a_file_is_read_too(tmp_path: Path) -> None:
    own = {
        "PartnerId": "p", "CustomerId": ZON, "CustomerName": "Zon", "InvoiceNumber": "G1", "ProductName": "Azure plan",
        "SubscriptionId": "5d1f", "EntitlementId": SUBSCRIPTION, "EntitlementDescription": "Zon productie",
        "ChargeStartDate": "1/1/2026", "ChargeEndDate": "1/31/2026", "UsageDate": "1/14/2026", "ResourceGroup": "RG-ERP",
        "ResourceURI": ERP, "ChargeType": "New", "BillingPreTaxTotal": "2.0719872", "BillingCurrency": "EUR", "Quantity": "24",
    }  # fmt: skip
    line = read(write(tmp_path / "usage.csv", [own], list(own))).lines[0]
    assert (line.amount, line.kind, line.resource) == (Decimal("2.0719872"), ConsumptionKind.USAGE, "erp01")
    assert line.dimensions["subscription_id"] == SUBSCRIPTION


amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=16)
records = st.lists(
    st.tuples(
        amounts, st.sampled_from(["A", "B"]), st.sampled_from(["rg", "RG", ""]), st.sampled_from(["", '{"a":"1"}'])
    ),
    min_size=1,
    max_size=60,
)


@tries(25)
@given(found=records, seed=st.integers(0, 2**16), parts=st.integers(1, 4), size=st.sampled_from([700, 4_000, 1 << 20]))
def test_m12_sums_are_exact_however_the_rows_are_cut_and_ordered(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: Sequence[tuple[Decimal, str, str, str]],
    seed: int,
    parts: int,
    size: int,
) -> None:
    monkeypatch.setattr(chunks, "PIECE_BYTES", size)
    monkeypatch.setattr(chunks, "HEAD_BYTES", 4_000)
    rows = [
        row(costInBillingCurrency=str(amount), customerTenantId=customer, resourceGroupName=group, tags=tags)
        for amount, customer, group, tags in found
    ]
    random.Random(seed).shuffle(rows)
    paths = [write(tmp_path / f"part_{number}_0001.csv", rows[number::parts]) for number in range(parts)]
    reading = read(*paths)
    expected = Decimal(0)
    for amount, *_ in found:
        expected = WIDE.add(expected, amount)
    summed = Decimal(0)
    for line in reading.lines:
        summed = WIDE.add(summed, line.amount)
    assert (reading.complete, reading.total, summed) == (True, expected, expected)
    assert sum(line.origin.rows for line in reading.lines) == len(rows)
    whole = read(write(tmp_path / "whole.csv", rows))
    assert {
        (line.customer_id, line.resource_key, str(dict(line.dimensions))): line.amount for line in reading.lines
    } == {(line.customer_id, line.resource_key, str(dict(line.dimensions))): line.amount for line in whole.lines}
    assert reading.fingerprint == whole.fingerprint
