"""How long an import takes, measured against just reading the same file with the fastest library, in the same run."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 7
"""In turn, the fastest of each counts: other work on the machine disturbs both alike."""
MEGABYTE = 1024 * 1024


def bench_import(rows_csv: int = 1_000_000, rows_xlsx: int = 200_000) -> dict[str, Any]:
    """Ratios import / bare read and peak memory, each in a process of its own.

    `csv_ratio` is against pyarrow.csv, `xlsx_ratio` against python-calamine; memory in MiB is that of the whole importing process.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, rows in (("csv", rows_csv), ("xlsx", rows_xlsx)):
            path = Path(folder) / f"bench.{kind}"
            (write_csv if kind == "csv" else write_xlsx)(path, rows)
            times = _child("times", path)
            memory = _child("memory", path)
            found[f"{kind}_rows"] = rows
            found[f"{kind}_read_s"] = round(times["read"], 3)
            found[f"{kind}_import_s"] = round(times["import"], 3)
            found[f"{kind}_ratio"] = round(times["import"] / times["read"], 2)
            found[f"{kind}_peak_mib"] = round(memory["peak_mib"])
            found[f"{kind}_lines"] = memory["lines"]
    return found


def write_csv(path: Path, rows: int) -> None:
    """A usage export: 2,000 customers, 40 products."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Customer,Product,Status,Qty\n")
        for row in range(rows):
            file.write(f"Customer {row % 2000:04d} B.V.,Product {row % 40},Active,{row % 60}\n")


def write_xlsx(path: Path, rows: int) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Usage")
    sheet.append(["Customer", "Product", "Status", "Qty"])
    for row in range(rows):
        sheet.append([f"Customer {row % 2000:04d} B.V.", f"Product {row % 40}", "Active", row % 60])
    book.save(path)


def _child(task: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), task, str(path)],
        cwd=ROOT, check=True, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _bare_read(path: Path) -> object:
    if path.suffix == ".csv":
        import pyarrow.csv

        return pyarrow.csv.read_csv(path)
    import python_calamine

    return python_calamine.load_workbook(path).get_sheet_by_index(0).to_python()


def _import(path: Path) -> Any:
    from core.domain.file_settings import FileSettings
    from core.files.importer import import_file

    result = import_file(path, path.name, FileSettings(customer="Customer", product="Product", quantity="Qty"))
    assert result.outcome == "ok", result.outcome
    return result


def _timed(work: Callable[[Path], object], path: Path) -> float:
    begin = time.perf_counter()
    work(path)
    return time.perf_counter() - begin


def main(task: str, path: Path) -> dict[str, Any]:
    if task == "times":
        _import(path)
        rounds = [(_timed(_bare_read, path), _timed(_import, path)) for _ in range(ROUNDS)]
        return {"read": min(read for read, _ in rounds), "import": min(imported for _, imported in rounds)}
    result = _import(path)
    return {
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE,
        "lines": len(result.lines),
    }


if __name__ == "__main__":
    answer = main(sys.argv[1], Path(sys.argv[2])) if len(sys.argv) > 2 else bench_import()
    sys.stdout.write(json.dumps(answer, indent=None if len(sys.argv) > 2 else 2) + "\n")
