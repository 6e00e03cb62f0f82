"""What the fuzzers feed: text, JSON and files with the shapes that readers look for, and damage done to whole files."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from hypothesis import strategies as st

from tests.files.test_formats import every_format

AWKWARD = (
    "", " ", "0", "-0", "1e9", "1E+400", "1e99999999999999999999", "9" * 60, "1.250", "1,250", "1'250", "NaN", "Infinity", "٣", "½", "²", "\u00a07", "null",
    "true", "=1+1", "@x", "\ufeff", "\x00", "\ud800", "😀", "a" * 300, " " * 200, "\n", "\r\n", '"', "'", "{{", "}}", "{", "}", "[", "]", "(", ")", "<", ">",
    "&#0;", "<!--", "-->", "![CDATA[", "${X}", "{month}", "{{secret.key}}", "{{item.x|upper}}", "../x", "\\", "%00", "2026-02-30", "31/12/2026", "45000", "1970-01-01T00:00:00Z",
)  # fmt: skip
TEXT = st.sampled_from(AWKWARD) | st.text(max_size=12)
LONG = st.lists(TEXT, max_size=6).map("".join)
NUMBER = st.integers() | st.floats() | st.sampled_from([10**400, -(10**30), 0])
KEYS = (
    st.sampled_from(
        [
            "c",
            "p",
            "q",
            "data",
            "customers",
            "products",
            "sku",
            "quantity",
            "id",
            "name",
            "type",
            "timestamp",
            "complete",
            "items",
        ]
    )
    | TEXT
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)
ROWS = [["Customer", "Product", "Qty"], ["Acme", "BP", 3], ["Zon B.V.", "EDR", 4], ["Café", "BP", 5]]
FILES = every_format(ROWS)
"""The same table as every kind of file."""


def json_bytes(document: Any) -> bytes:
    return json.dumps(document).encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with a few bytes changed, doubled, left out or put in; a ZIP also inside its parts, its sums made right again."""
    if whole[:2] == b"PK" and draw(st.booleans()):
        return _damaged_inside(draw, whole)
    return _damaged(draw, whole)


def _damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(("set", "cut", "in", "double", "end"))):
            case "set":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "in":
                data[at:at] = draw(TEXT).encode("utf-8", "surrogatepass")
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
            case _:
                del data[at:]
    return bytes(data)


def _damaged_inside(draw: st.DrawFn, whole: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(parts)))
    parts[name] = _damaged(draw, parts[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return out.getvalue()
