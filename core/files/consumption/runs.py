"""Which files of an export count: the newest whole run of each period, by its manifest (Azure reference §2.2, §2.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import InputError
from core.domain.text import T, Text
from core.files.consumption.sources import Part
from core.files.issues import Kind

__all__ = ["Choice", "Chosen", "Run", "chosen_parts"]

METRICS = {"actual": {"actualcost", "usage", "focuscost", ""}, "amortized": {"amortizedcost", "focuscost", ""}}
MANIFEST_BYTES = 16 * 1024 * 1024
_NUMBERED = re.compile(r"part_(\d+)_\d+\.", re.IGNORECASE)


@dataclass(slots=True)
class Run:
    """One run of an export: what its manifest promises. `part` is the manifest."""

    part: Part
    key: tuple[str, str, str]
    """Scope, type and period: of those with the same key only the newest counts."""
    submitted: str
    rows: int | None
    blobs: dict[str, tuple[int | None, int | None]]
    """Rows and bytes by name; None where the manifest does not say."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file to be read. `run` tells which files belong together; `rows` is how many it should hold."""

    part: Part
    run: str
    rows: int | None = None
    size: int | None = None


@dataclass(slots=True)
class Choice:
    """The files to be read, and what is to be said about the others. Not `complete`: something is missing; why comes first."""

    parts: list[Chosen] = field(default_factory=list)
    complete: bool = True
    notes: list[Text] = field(default_factory=list)

    def broken(self, note: Text) -> None:
        self.complete = False
        self.notes.insert(0, note)


def chosen_parts(parts: Sequence[Part], settings: ConsumptionSettings) -> Choice:
    """Of all given files those that count."""
    choice = Choice()
    data = [part for part in parts if not part.base.casefold().endswith(".json")]
    runs = [run for part in parts if part.is_manifest and (run := read_manifest(part)) is not None]
    claimed = {match.name for run in runs for name in run.blobs if (match := _match(run, name, data)) is not None}
    for run in _newest(runs, settings, choice):
        _take(run, data, choice)
    _take_loose([part for part in data if part.name not in claimed], bool(runs), choice)
    return choice


def read_manifest(part: Part) -> Run | None:
    """The run a manifest tells of; None for a JSON file of another kind. Raises InputError for a damaged one."""
    with part.open() as stream:
        text = stream.read(MANIFEST_BYTES)
    try:
        body = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise InputError(
            T("The manifest cannot be read."),
            place=part.name,
            remedy=T("Download it again; if that does not help, export it in another format."),
            kind=Kind.FILE_CORRUPT,
        ) from error
    if not isinstance(body, dict) or not isinstance(body.get("blobs"), list):
        return None
    config, info = _record(body, "exportConfig"), _record(body, "runInfo")
    scope = str(config.get("resourceId") or "").casefold().partition("/providers/microsoft.costmanagement/")[0]
    blobs = {
        str(blob.get("blobName") or ""): (_whole(blob.get("dataRowCount")), _whole(blob.get("byteCount")))
        for blob in body["blobs"]
        if isinstance(blob, dict)
    }
    start, end = (str(info.get(name) or "")[:10] for name in ("startDate", "endDate"))
    key = (scope or str(config.get("exportName") or ""), str(config.get("type") or ""), start or end)
    submitted = str(info.get("submittedTime") or "")
    return Run(part, key, submitted, _whole(body.get("dataRowCount")), blobs)


def _newest(runs: Sequence[Run], settings: ConsumptionSettings, choice: Choice) -> list[Run]:
    """The last run of each scope and period of the wanted kind of cost."""
    newest: dict[tuple[str, str, str], Run] = {}
    for run in runs:
        _, metric, period = run.key
        if metric.casefold() not in METRICS[settings.metric]:
            choice.notes.append(T("The run of {type} was left out: the other kind of cost is read.", type=metric))
            continue
        known = newest.get(run.key)
        if known is not None:
            choice.notes.append(T("Of several runs for the month from {start} only the newest counts.", start=period))
        if known is None or run.submitted > known.submitted:
            newest[run.key] = run
    return list(newest.values())


def _take(run: Run, data: Sequence[Part], choice: Choice) -> None:
    rows = sum(told[0] or 0 for told in run.blobs.values())
    if run.rows is not None and all(told[0] is not None for told in run.blobs.values()) and rows != run.rows:
        choice.broken(T("The manifest {file} contradicts itself about the number of rows.", file=run.part.name))
    for name, (expected, size) in run.blobs.items():
        found = _match(run, name, data)
        if found is None:
            choice.broken(T("The part {part} named in the manifest is missing.", part=name.rpartition("/")[2] or name))
            continue
        only = run.rows if len(run.blobs) == 1 else None
        choice.parts.append(Chosen(found, run.part.name, only if expected is None else expected, size))


def _match(run: Run, name: str, data: Sequence[Part]) -> Part | None:
    """The file of a blob: beside the manifest, else the one whose path ends alike."""
    base = name.rpartition("/")[2]
    same = [part for part in data if part.base == base]
    beside = [part for part in same if part.folder == run.part.folder and part.path.parent == run.part.path.parent]
    if beside:
        return beside[0]
    return next((part for part in same if name.endswith(part.name) or part.name.endswith(name)), None)


def _take_loose(data: Sequence[Part], has_runs: bool, choice: Choice) -> None:
    """Files without a manifest. Beside runs they belong to one that is still being written, or was left out."""
    copies = _copies(data)
    numbers: dict[str, set[int]] = {}
    for part in data:
        number = _number(part)
        if has_runs and number is not None:
            choice.notes.append(T("{file} was left out: its run has no manifest yet.", file=part.name))
        elif part.name in copies:
            choice.notes.append(
                T("{file} is the same file as {other} and counts once.", file=part.name, other=copies[part.name])
            )
        else:
            if number is not None:
                numbers.setdefault(part.folder, set()).add(number)
            choice.parts.append(Chosen(part, part.name if number is None else part.folder))
    for found in numbers.values():
        missing = sorted(set(range(max(found) + 1)) - found)
        if missing:
            choice.broken(T("Part {number} of the export is missing.", number=missing[0]))


def _copies(data: Sequence[Part]) -> dict[str, str]:
    """Files that hold the same as one before them, by name. Two parts of one run are different parts, whatever they hold."""
    sizes = [part.size for part in data]
    first: dict[str, Part] = {}
    copies: dict[str, str] = {}
    for part in data:
        if sizes.count(part.size) > 1:
            other = first.setdefault(part.digest(), part)
            parts = _number(part) is not None and _number(other) is not None and part.folder == other.folder
            if other is not part and not parts:
                copies[part.name] = other.name
    return copies


def _number(part: Part) -> int | None:
    """Which part of a run it is, by its name."""
    found = _NUMBERED.match(part.base)
    return int(found[1]) if found else None


def _record(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None
