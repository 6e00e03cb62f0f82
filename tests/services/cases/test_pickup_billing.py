"""Billing files that are picked up: runs of an export with their manifest, each once (S1-59, S1-65)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.pickup import Result
from core.services import consumption_files, portals
from core.services.context import Context
from core.store import consumption
from tests.files import azure_exports
from tests.files.azure_exports import ZON, row
from tests.services.cases.conftest import OPERATOR, StandingClock
from tests.services.cases.test_pickups import Drop

JANUARY, MONTH = date(2026, 1, 1), "msp/20260101-20260131"


@pytest.fixture
def drop(ctx: Context, tmp_path: Path, clock: StandingClock) -> Drop:
    drop = Drop(ctx, tmp_path / "drop", clock)
    settings = {"folder": str(tmp_path / "drop"), "contents": "consumption", "subfolders": True}
    portals.update_portal(ctx, OPERATOR, "P", settings=settings)
    return drop


def run(drop: Drop, folder: str, *amounts: str, age: float = 3600, **more: object) -> Path:
    """A run of an export in a folder, a part for each amount, written so many seconds ago."""
    submitted = f"2026-01-{20 - age / 86400:02.0f}T04:00:00Z"
    path = azure_exports.run(
        drop.folder / folder, [[row(costInBillingCurrency=amount)] for amount in amounts], submitted=submitted, **more
    )  # type: ignore[arg-type]
    aged(drop, path, age)
    return path


def aged(drop: Drop, folder: Path, age: float) -> None:
    for one in folder.rglob("*"):
        if one.is_file():
            drop.touch(one, age)


def amounts(drop: Drop, month: date = JANUARY) -> dict[str, Decimal]:
    with drop.ctx.database.session() as session:
        stored = consumption.current(session, period=month)
    return {one.customer_id: sum((line.amount for line in one.lines), Decimal(0)) for one in stored}


def left_below(drop: Drop) -> list[str]:
    found = (path.relative_to(drop.folder).as_posix() for path in drop.folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith(("processed", "error")))


def test_s1_65_a_run_with_its_parts_is_picked_up_once_and_archived_as_it_lay(drop: Drop) -> None:
    run(drop, f"{MONTH}/run-1", "10.004", "20.004")
    (picked,) = drop.poll().files
    assert (picked.result, picked.lines, drop.poll().files) == (Result.IMPORTED, 1, [])
    assert amounts(drop) == {ZON: Decimal("30.008")}
    assert left_below(drop) == []
    kept = [name for name in drop.archive() if name.startswith("processed")]
    assert kept == [
        f"processed/2026/11/{MONTH}/run-1/{name}"
        for name in ("manifest.json", "part_0_0001.csv.gz", "part_1_0001.csv.gz")
    ]
    with drop.ctx.database.session() as session:
        (reading,) = consumption.readings(session, portals.find(session, "P").id)
    assert (reading.complete, len(reading.files)) == (True, 3)


def test_s1_65_of_several_runs_of_a_month_only_the_newest_counts(drop: Drop) -> None:
    run(drop, f"{MONTH}/run-1", "10", age=2 * 86400)
    run(drop, f"{MONTH}/run-2", "12", age=86400)
    assert [one.result for one in drop.poll().files] == [Result.IMPORTED, Result.SUPERSEDED]
    assert amounts(drop) == {ZON: 12}
    run(drop, f"{MONTH}/run-0", "5", age=3 * 86400)
    assert [one.result for one in drop.poll().files] == [Result.SUPERSEDED]
    run(drop, f"{MONTH}/run-3", "13")
    assert [one.result for one in drop.poll().files] == [Result.IMPORTED]
    assert amounts(drop) == {ZON: 13}


def test_s1_65_runs_of_several_months_all_count(drop: Drop) -> None:
    run(drop, f"{MONTH}/run-1", "10", age=2 * 86400)
    february = row(
        costInBillingCurrency="7",
        billingPeriodStartDate="02/01/2026",
        billingPeriodEndDate="02/28/2026",
        date="02/14/2026",
    )
    azure_exports.run(drop.folder / "msp/20260201-20260228/run-9", [[february]])
    aged(drop, drop.folder / "msp/20260201-20260228", 3600)
    assert [one.result for one in drop.poll().files] == [Result.IMPORTED, Result.IMPORTED]
    assert (amounts(drop), amounts(drop, date(2026, 2, 1))) == ({ZON: 10}, {ZON: 7})


def test_a_run_without_its_manifest_waits_an_hour_for_it(drop: Drop) -> None:
    path = run(drop, f"{MONTH}/run-1", "10")
    manifest = (path / "manifest.json").rename(drop.folder.parent / "manifest.json")
    assert drop.poll().files == []
    drop.clock.forward(seconds=600)
    manifest.rename(path / "manifest.json")
    drop.touch(path / "manifest.json", 400)
    assert [one.result for one in drop.poll().files] == [Result.IMPORTED]
    old = run(drop, "msp/20260201-20260228/run-1", "11")
    (old / "manifest.json").unlink()
    assert drop.poll().files == []
    drop.clock.forward(seconds=3700)
    assert [one.result for one in drop.poll().files] == [Result.IMPORTED]
    assert amounts(drop) == {ZON: 11}


def test_m2_a_part_that_is_missing_is_waited_for_and_then_told(drop: Drop) -> None:
    run(drop, f"{MONTH}/run-1", "10", extra_blob="part_9_0001.csv.gz")
    first = drop.poll()
    assert (first.files, first.waiting, len(first.notes)) == ([], 2, 1)
    assert "part_9_0001.csv.gz" in str(first.notes[0])
    drop.clock.forward(seconds=3700)
    (rejected,) = drop.poll().files
    assert (rejected.result, amounts(drop)) == (Result.REJECTED, {})
    assert "part_9_0001.csv.gz" in str(rejected.reason)
    assert any(name.endswith(".error.txt") for name in drop.archive())


def test_s1_65_loose_files_are_read_each_for_itself(drop: Drop) -> None:
    for name, month, amount in (("jan.csv", "01", "3"), ("feb.csv", "02", "4")):
        cells = {"billingPeriodStartDate": f"{month}/01/2026", "billingPeriodEndDate": f"{month}/28/2026"}
        drop.touch(azure_exports.write(drop.folder / name, [row(costInBillingCurrency=amount, **cells)]), 3600)
    assert sorted(one.result for one in drop.poll().files) == [Result.IMPORTED, Result.IMPORTED]
    assert (amounts(drop), amounts(drop, date(2026, 2, 1))) == ({ZON: 3}, {ZON: 4})


def test_a_run_that_came_before_is_known_when_the_process_died_in_between(drop: Drop) -> None:
    path = run(drop, f"{MONTH}/run-1", "10")
    files = [(one.read_bytes(), one.name) for one in sorted(path.iterdir())]
    consumption_files.bring_files(drop.ctx, OPERATOR, "P", files)
    assert [one.result for one in drop.poll().files] == [Result.ALREADY]
    assert amounts(drop) == {ZON: 10}


def test_links_and_folders_that_lead_elsewhere_are_not_followed(drop: Drop) -> None:
    outside = drop.folder.parent / "outside"
    run(drop, "../outside/run-1", "10")
    (drop.folder / "link").symlink_to(outside, target_is_directory=True)
    assert (drop.poll().files, amounts(drop)) == ([], {})
