"""Cost exports as Microsoft writes them, made up for tests."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.consumption import HEADER

MPA = HEADER.split(",")
EA_HEADINGS = (
    "InvoiceSectionName,AccountName,AccountOwnerId,SubscriptionId,SubscriptionName,ResourceGroup,ResourceLocation,Date,ProductName,"
    "MeterCategory,MeterSubCategory,MeterId,MeterName,MeterRegion,UnitOfMeasure,Quantity,EffectivePrice,CostInBillingCurrency,"
    "CostCenter,ConsumedService,ResourceId,Tags,OfferId,AdditionalInfo,ServiceInfo1,ServiceInfo2,ResourceName,ReservationId,"
    "ReservationName,UnitPrice,ProductOrderId,ProductOrderName,Term,PublisherType,PublisherName,ChargeType,Frequency,PricingModel,"
    "AvailabilityZone,BillingAccountId,BillingAccountName,BillingCurrencyCode,BillingPeriodStartDate,BillingPeriodEndDate,"
    "BillingProfileId,BillingProfileName,InvoiceSectionId,IsAzureCreditEligible,PartNumber,PayGPrice,PlanName,ServiceFamily,"
    "CostAllocationRuleName,benefitId,benefitName,AccountId,ResourceLocationNormalized"
)
EA = EA_HEADINGS.split(",")
ZON, HOLDING = "2f6f4c10-aaaa-4aaa-9aaa-000000000001", "2f6f4c10-bbbb-4bbb-9bbb-000000000002"
SUBSCRIPTION = "9f00aa00-0000-4000-8000-0000000000a1"
ERP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/RG-ERP/providers/Microsoft.Compute/virtualMachines/erp01"
BACKUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-erp/providers/Microsoft.Storage/storageAccounts/zonback"

Row = dict[str, str]


def row(**cells: str) -> Row:
    """One record of a partner's export; the usual one is an hour of a virtual machine."""
    return {
        "billingAccountId": "7a1c:7a1c_2019-05-31", "billingProfileName": "Partner EUR", "partnerName": "Partner B.V.",
        "customerTenantId": ZON, "customerName": "Brouwerij De Zon B.V.",
        "billingPeriodStartDate": "01/01/2026", "billingPeriodEndDate": "01/31/2026", "date": "01/14/2026",
        "serviceFamily": "Compute", "meterCategory": "Virtual Machines", "meterName": "D2s v5", "ProductName": "Dsv5 Series",
        "SubscriptionId": SUBSCRIPTION, "subscriptionName": "Zon productie", "publisherType": "Microsoft",
        "resourceGroupName": "RG-ERP", "ResourceId": ERP, "resourceLocation": "westeurope", "quantity": "24",
        "unitOfMeasure": "1 Hour", "chargeType": "Usage", "billingCurrency": "EUR", "costInBillingCurrency": "1",
        "paygCostInBillingCurrency": "1.2", "PricingModel": "OnDemand", "provider": "Azure",
    } | cells  # fmt: skip


def sample() -> list[Row]:
    """Usage with tags, usage in other letter case without tags, a reservation without a resource, and a refund for another tenant
    whose name is the same (Azure reference §2.7).
    """
    bare = {"resourceGroupName": "", "ResourceId": "", "paygCostInBillingCurrency": ""}
    return [
        row(costInBillingCurrency="2.0719872", tags='{"env":"prod","kostenplaats":"Zürich"}'),
        row(
            costInBillingCurrency="0.0593311007296", resourceGroupName="rg-erp", ResourceId=BACKUP, meterCategory="Storage",
            serviceFamily="Storage", quantity="3.870968", unitOfMeasure="1 GB/Month",
        ),
        row(
            **bare, costInBillingCurrency="523.48", chargeType="Purchase", PricingModel="Reservation", quantity="1",
            ProductName="Reserved VM Instance, Standard_D2s_v5, EU West, 1 Year", unitOfMeasure="1",
        ),
        row(
            **bare, customerTenantId=HOLDING, SubscriptionId="9f00aa00-0000-4000-8000-0000000000a2",
            subscriptionName="Zon holding", costInBillingCurrency="-0.9384", quantity="-240", chargeType="Refund",
            meterCategory="Virtual Network",
        ),
    ]  # fmt: skip


def text(rows: Sequence[Mapping[str, str]], header: Sequence[str] = MPA) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(header), restval="", extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write(path: Path, rows: Sequence[Mapping[str, str]], header: Sequence[str] = MPA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text(rows, header).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def run(
    folder: Path,
    parts: Sequence[Sequence[Row]],
    *,
    submitted: str = "2026-01-15T04:12:30Z",
    metric: str = "ActualCost",
    rows_told: int | None = None,
    extra_blob: str = "",
) -> Path:
    """One run of an export with its manifest, in its own folder, as it lies in a blob container."""
    blobs = []
    for number, rows in enumerate(parts):
        path = write(folder / f"part_{number}_0001.csv.gz", rows)
        blobs.append({"blobName": f"costs/{path.parent.name}/{path.name}", "byteCount": 1, "dataRowCount": len(rows)})
    if extra_blob:
        blobs.append({"blobName": f"costs/{folder.name}/{extra_blob}", "byteCount": 1, "dataRowCount": 1})
    if rows_told is not None:
        blobs[0]["dataRowCount"] = rows_told
    manifest = {
        "manifestVersion": "2024-04-01", "blobCount": len(blobs),
        "dataRowCount": sum(int(blob["dataRowCount"]) for blob in blobs),
        "exportConfig": {
            "exportName": "msp", "type": metric,
            "resourceId": "/providers/Microsoft.Billing/billingAccounts/7a1c/providers/Microsoft.CostManagement/exports/msp",
        },
        "runInfo": {"submittedTime": submitted, "runId": folder.name, "startDate": "2026-01-01T00:00:00", "endDate": "2026-01-31T00:00:00"},
        "blobs": blobs,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
