"""Which billing files of a folder belong together: a run of an export with its manifest, its parts, or a file by itself (S1-65)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.pickup import EMPTY_FOR, LONG_AGO, MANIFEST, Known, RemoteFile, Result, Sighting

PART = re.compile(r"part_\d+_\d+\.", re.IGNORECASE)
RANGE = re.compile(r"\d{8}-\d{8}")
"""The folder of one month of an export: `20260101-20260131`."""


@dataclass(frozen=True, slots=True)
class Run:
    """Files that are read together. `fresh`: what is missing may still come."""

    files: tuple[RemoteFile, ...]
    fresh: bool = False

    @property
    def order(self) -> tuple[datetime, str]:
        return max(file.order for file in self.files)

    @property
    def month(self) -> str:
        """The folder of its export and month, where it lies in one: of several runs there only the newest counts."""
        above = self.files[0].folder.rpartition("/")[0]
        here = self.files[0].folder
        return next((one for one in (above, here) if RANGE.fullmatch(one.rpartition("/")[2])), "")


def runs_of(
    ready: Sequence[RemoteFile], waiting: Mapping[str, Sighting], known: Mapping[str, Known], now: datetime
) -> tuple[list[Run], list[Run]]:
    """The runs that are whole, in order of time, and those that a newer one of their month supersedes.

    `ready` are the files that nobody writes any more, `waiting` all that are not dealt with. A run whose manifest has not come
    waits for it for an hour: exports of older kinds have none.
    """
    whole = {file.id for file in ready}
    unfinished = {one.file.folder for key, one in waiting.items() if key not in whole and one.file.size}
    by_folder: dict[str, list[RemoteFile]] = defaultdict(list)
    for file in ready:
        by_folder[file.folder].append(file)
    runs: list[Run] = []
    for folder, files in by_folder.items():
        runs += _of_folder(files, waiting, now, unfinished=folder in unfinished)
    runs.sort(key=lambda run: run.order)
    newest = _newest_known(known)
    for run in runs:
        if run.month:
            newest[run.month] = max(newest.get(run.month, LONG_AGO), run.order[0])
    older = [run for run in runs if run.month and run.order[0] < newest[run.month]]
    return [run for run in runs if run not in older], older


def _of_folder(
    files: Sequence[RemoteFile], waiting: Mapping[str, Sighting], now: datetime, *, unfinished: bool
) -> list[Run]:
    firsts = [waiting[file.id].first for file in files if file.id in waiting]
    fresh = bool(firsts) and now - max(firsts) < EMPTY_FOR
    if any(file.name.casefold() == MANIFEST for file in files):
        return [] if unfinished else [Run(tuple(files), fresh)]
    parts = [file for file in files if PART.match(file.name)]
    found = [Run((file,)) for file in files if file not in parts]
    if parts and not unfinished and not fresh:
        found.append(Run(tuple(parts)))
    return found


def _newest_known(known: Mapping[str, Known]) -> dict[str, datetime]:
    """By folder of export and month: of when the newest file is that was taken over."""
    newest: dict[str, datetime] = {}
    for one in known.values():
        month = Run((one.file,)).month
        if month and one.result in (Result.IMPORTED, Result.ALREADY):
            newest[month] = max(newest.get(month, LONG_AGO), one.file.order[0])
    return newest
