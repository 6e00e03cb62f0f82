"""Readable names of licences by skuId: a snapshot of the vendor's table, or a newer copy of it from a file (Microsoft 365 §13)."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.domain.errors import SettingsError
from core.domain.text import T

SNAPSHOT = Path(__file__).with_name("sku_names.csv")
COLUMNS = {"Product_Display_Name", "String_Id", "GUID"}


class Sku(NamedTuple):
    name: str
    part_number: str


def sku_names(file: str = "") -> dict[str, Sku]:
    """By skuId in lower case. The vendor's file has one row a service plan, so the first row of a licence is taken.

    Raises SettingsError when `file` cannot be read or is another kind of file.
    """
    known = _snapshot()
    if not file:
        return known
    try:
        return known | _read(Path(file))
    except (OSError, KeyError, csv.Error) as error:
        raise SettingsError(
            T("The file with names of licences cannot be read: {file}.", file=file),
            remedy=T("Give the path of Microsoft's CSV with product names and service plan identifiers."),
            detail=repr(error),
        ) from error


@cache
def _snapshot() -> dict[str, Sku]:
    return _read(SNAPSHOT)


def _read(path: Path) -> dict[str, Sku]:
    raw = path.read_bytes()
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = raw.decode("cp1252", "replace")
    found: dict[str, Sku] = {}
    rows = csv.DictReader(io.StringIO(content))
    if COLUMNS.difference(rows.fieldnames or ()):
        raise KeyError(*sorted(COLUMNS))
    for row in rows:
        name = " ".join(row["Product_Display_Name"].split())
        found.setdefault(row["GUID"].strip().lower(), Sku(name, row["String_Id"].strip()))
    return found
