"""Billing files that are picked up: the files of one run together, each run once (S1-59, S1-65)."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.pickup import Known, Poll, RemoteFile, Result, Sighting
from core.domain.pickup_runs import Run, runs_of
from core.domain.text import T, Text
from core.services.access import SYSTEM
from core.services.consumption_files import bring_files
from core.store import history
from core.store.pickups import PickedFile

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from core.services.pickups import Pickup

__all__ = ["take_runs"]


def take_runs(pickup: Pickup, poll: Poll, waiting: dict[str, Sighting], known: Mapping[str, Known]) -> None:
    """Take over the runs that are whole, in order of time; what a newer run of the same month supersedes is put away unread."""
    runs, older = runs_of(poll.ready, waiting, known, pickup.now)
    for run in runs:
        _take(pickup, run, waiting)
    for run in older:
        _settle(pickup, run, Result.SUPERSEDED, waiting, {})


def _take(pickup: Pickup, run: Run, waiting: dict[str, Sighting]) -> None:
    folder = pickup.ctx.home / "pickups" / f"{pickup.portal.id}-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        drafts = {file.id: folder / str(number) for number, file in enumerate(run.files)}
        if not all(pickup.fetch(file, drafts[file.id], waiting) for file in run.files):
            return
        digests = {file.id: pickup.digest(drafts[file.id]) for file in run.files}
        _bring(pickup, run, drafts, digests, waiting)
    finally:
        shutil.rmtree(folder)


def _bring(
    pickup: Pickup,
    run: Run,
    drafts: Mapping[str, Path],
    digests: Mapping[str, str],
    waiting: dict[str, Sighting],
) -> None:
    """What is brought a second time, because the process died before it was noted, counts once: its content is known."""
    try:
        brought = bring_files(
            pickup.ctx, SYSTEM, pickup.portal.name, [(drafts[file.id], file.name) for file in run.files]
        )
    except InputError as error:
        if error.kind == "incomplete" and run.fresh:
            pickup.done.notes.append(
                T(
                    "The files in {folder} are not complete yet: {reason}",
                    folder=run.files[0].folder or "/",
                    reason=error.message,
                )
            )
            return
        place = T("{place}: {reason}", place=error.place, reason=error.message) if error.place else error.message
        _settle(pickup, run, Result.REJECTED, waiting, digests, reason=place)
        return
    result = Result.ALREADY if brought.known else Result.IMPORTED
    _settle(pickup, run, result, waiting, digests, lines=len(brought.reading.lines))


def _settle(
    pickup: Pickup,
    run: Run,
    result: Result,
    waiting: dict[str, Sighting],
    digests: Mapping[str, str],
    *,
    lines: int = 0,
    reason: Text | None = None,
) -> None:
    """Note what became of a run, on every file of it, and put them away. People are told of its first file alone."""
    first = run.files[0]

    def work(session: Session) -> list[PickedFile]:
        if reason is not None:
            history.record_failure(
                session, pickup.portal.id, pickup.now, T("{file} cannot be used: {reason}", file=first.name, reason=reason),
                run_id=pickup.run_id, source=(first.name, digests.get(first.id, "")),
            )  # fmt: skip
        return [
            pickup.noted(
                session, file, result, digests.get(file.id, ""), lines=lines if file is first else 0, reason=reason
            )
            for file in run.files
        ]

    noted = pickup.ctx.database.run(work)
    pickup.done.files.append(noted[0])
    for one in noted:
        waiting.pop(one.file.id, None)
        pickup.archive.put_away(one, _no_markers(one.file))


def _no_markers(_file: RemoteFile) -> tuple[RemoteFile, ...]:
    """A manifest is what says that a run is whole."""
    return ()
