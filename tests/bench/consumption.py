"""How long the reading of a billing export takes, measured against a bare Arrow read of the same columns, in the same run."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
MEGABYTE = 1024 * 1024
HEADER = (
    "invoiceId,previousInvoiceId,billingAccountId,billingAccountName,billingProfileId,billingProfileName,invoiceSectionId,"
    "invoiceSectionName,partnerTenantId,partnerName,resellerName,resellerMpnId,customerTenantId,customerName,costCenter,"
    "billingPeriodEndDate,billingPeriodStartDate,servicePeriodEndDate,servicePeriodStartDate,date,serviceFamily,productOrderId,"
    "productOrderName,consumedService,meterId,meterName,meterCategory,meterSubCategory,meterRegion,ProductId,ProductName,"
    "SubscriptionId,subscriptionName,publisherType,publisherId,publisherName,resourceGroupName,ResourceId,resourceLocation,location,"
    "effectivePrice,quantity,unitOfMeasure,chargeType,billingCurrency,pricingCurrency,costInBillingCurrency,costInPricingCurrency,"
    "costInUsd,paygCostInBillingCurrency,paygCostInUsd,exchangeRatePricingToBilling,exchangeRateDate,isAzureCreditEligible,"
    "serviceInfo1,serviceInfo2,additionalInfo,tags,partnerEarnedCreditRate,partnerEarnedCreditApplied,PayGPrice,frequency,term,"
    "reservationId,reservationName,PricingModel,unitPrice,benefitId,benefitName,provider"
)
CATEGORIES = ("Virtual Machines", "Storage", "Virtual Network", "SQL Database", "Backup")


def bench_consumption(rows: int = 1_000_000) -> dict[str, Any]:
    """Ratio reading / bare Arrow read of the same columns; peak memory in MiB of a process that reads `rows` and one of a tenth.

    `lines` is how many consumption lines the records come to: the same in both, so that memory shows what records cost.
    """
    found: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.csv", Path(folder) / "small.csv"
        write_export(large, rows)
        write_export(small, rows // 10)
        times = _child("times", large)
        memory, less = _child("memory", large), _child("memory", small)
        found["megabytes"] = round(large.stat().st_size / MEGABYTE)
    found["arrow_s"], found["reading_s"] = round(times["arrow"], 2), round(times["reading"], 2)
    found["ratio"] = round(times["reading"] / times["arrow"], 2)
    found["processor ratio"] = round(times["reading, processor"] / times["arrow, processor"], 2)
    found["ratio_limit"] = 2
    found["peak_mib"], found["peak_mib_of_a_tenth"] = round(memory["peak_mib"]), round(less["peak_mib"])
    found["lines"], found["lines_of_a_tenth"] = memory["lines"], less["lines"]
    return found


def write_export(path: Path, rows: int, resources: int = 5_000) -> None:
    """A partner's export in the layout of 70 columns: 100 customers, each resource on each day of a month, tags on most."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER + "\n")
        for row in range(rows):
            one = row % resources
            file.write(_row(row, one, one % 100, 1 + row // resources % 28))


def _row(row: int, one: int, customer: int, day: int) -> str:
    subscription, group = f"9f00aa00-0000-4000-8000-{customer:012d}", f"{'RG' if row % 2 else 'rg'}-{one % 7}"
    identity = (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/vm{one:05d}"
    )
    tags = f'"{{""env"":""{("prod", "test")[one % 2]}"",""owner"":""team {one % 11}""}}"' if one % 3 else ""
    cost = f"{row % 977}.{row * 7919 % 10**13:013d}"
    return (
        f",,7a1c:7a1c_2019-05-31,Partner B.V.,ABCD-EFGH-BG7-PGB,Partner EUR,,,aaaa1111-0000-4000-8000-000000000001,Partner B.V.,,,"
        f"2f6f4c10-aaaa-4aaa-9aaa-{customer:012d},Customer {customer} B.V.,,01/31/2026,01/01/2026,01/31/2026,01/01/2026,01/{day:02d}/2026,"
        f"Compute,5d1f0000-0000-4000-8000-000000000010,Azure plan,Microsoft.Compute,6d000000-0000-4000-8000-0000000000d1,D2s v5,"
        f"{CATEGORIES[one % 5]},Dsv5 Series,EU West,DZH318Z0MADE00AB,Virtual Machines Dsv5 Series - D2s v5 - EU West,{subscription},"
        f"Production {customer},Microsoft,,Microsoft,{group},{identity},westeurope,EU West,0.09384,{row % 24 + 1},1 Hour,Usage,EUR,USD,"
        f"{cost},2.25216,2.25216,{row % 1009}.{row % 997:03d},2.6496,0.92,01/01/2026,True,,,"
        f'"{{""UsageType"":""ComputeHR"",""VMName"":""vm{one:05d}""}}",{tags},0.15,1,0.1104,UsageBased,,,,OnDemand,0.1104,,,Azure\n'
    )


def _child(task: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), task, str(path)],
        cwd=ROOT, check=True, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _bare(path: Path) -> object:
    import pyarrow.csv as arrow_csv

    from core.files.consumption.chunks import layout_of_part
    from core.files.consumption.sources import parts_of

    layout = layout_of_part(parts_of([path])[0])
    return arrow_csv.read_csv(
        path, convert_options=arrow_csv.ConvertOptions(include_columns=list(layout.roles.values()))
    )


def _reading(path: Path) -> Any:
    from core.files.consumption import read_consumption

    reading = read_consumption(path, portal="bench", now=datetime(2026, 2, 1, tzinfo=UTC))
    assert reading.complete, reading.notes
    return reading


def _timed(work: Callable[[Path], object], path: Path) -> tuple[float, float]:
    """Seconds by the clock, and of the processor: other work on the machine changes the second one little."""
    begin, used = time.perf_counter(), time.process_time()
    work(path)
    return time.perf_counter() - begin, time.process_time() - used


def main(task: str, path: Path) -> dict[str, Any]:
    if task == "times":
        rounds = [(_timed(_bare, path), _timed(_reading, path)) for _ in range(ROUNDS)]
        bare, reading = ([one[at] for one in rounds] for at in (0, 1))
        return {
            "arrow": min(seconds for seconds, _ in bare), "arrow, processor": min(used for _, used in bare),
            "reading": min(seconds for seconds, _ in reading), "reading, processor": min(used for _, used in reading),
        }  # fmt: skip
    kept = _reading(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    return {"peak_mib": peak, "lines": len(kept.lines)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]))) + "\n")
