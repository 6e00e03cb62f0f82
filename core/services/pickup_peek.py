"""Looking into a folder that files are picked up from, without taking anything."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.file_settings import FileSettings
from core.domain.pickup import MEGABYTE, FilePlace, Listing, PickupSource, Poll, RemoteFile, is_ignored, judge
from core.domain.pickup_settings import PickupSettings, columns_of
from core.domain.text import T, Text
from core.domain.usage import Reading
from core.files import importer
from core.store import codec, pickups

if TYPE_CHECKING:
    from core.services.context import Context
    from core.store.portals import Portal


def peek(ctx: Context, portal: Portal, source: PickupSource) -> Reading:
    """What the newest file holds; the notes say which files would be picked up. Nothing is stored or moved.

    Raises SettingsError, RemoteError, and InputError for a file that cannot be read.
    """
    now = ctx.clock.now()
    with closing(source.place()) as place, tempfile.TemporaryDirectory() as folder:
        listing, poll = look_at(ctx, portal, source, place)
        notes = tuple(_told(poll))
        newest = poll.ready[-1] if poll.ready else newest_of(listing, source.settings)
        if newest is None:
            nothing = T("There is no file that fits the pattern {pattern}.", pattern=source.settings.pattern)
            return Reading(portal=portal.name, taken_at=now, lines=(), complete=False, notes=(*notes, nothing))
        if source.settings.brings_billing:
            told = T(
                "Billing files tell no quantities; what they cost is on the page Consumption once they are picked up."
            )
            return Reading(portal=portal.name, taken_at=now, lines=(), complete=False, notes=(*notes, told))
        path = Path(folder) / "file"
        place.fetch(newest, path)
        settings = FileSettings.model_validate(columns_of(source.settings.model_dump()))
        result = importer.import_file(path, newest.name, settings)
    if not result.is_usable:
        first = result.errors[0]
        raise InputError(result.sentence(first), place=newest.name, kind=str(first.kind))
    reading = result.reading(portal.name, now)
    told = T("These lines are of {file}.", file=newest.name)
    return replace(reading, notes=(*notes, told, *reading.notes))


def look_at(ctx: Context, portal: Portal, source: PickupSource, place: FilePlace) -> tuple[Listing, Poll]:
    """The folder as it is, and what the next look would take of it."""
    with ctx.database.session() as session:
        memory = pickups.place(session, portal.id)
        known = pickups.known(session, portal.id)
        newest = pickups.newest_read(session, portal.id)
    listing = place.listing()
    poll = judge(
        listing, memory.waiting if memory else {}, known, source.settings, stamp=settings_stamp(source), now=ctx.clock.now(),
        settles_after=place.settles_after, newest_read=newest,
    )  # fmt: skip
    return listing, poll


def newest_of(listing: Listing, rules: PickupSettings) -> RemoteFile | None:
    """The newest file that fits, whether it was taken before or not."""
    fitting = [
        one for one in listing.files if not is_ignored(one, rules) and 0 < one.size <= rules.max_megabytes * MEGABYTE
    ]
    return max(fitting, key=lambda one: one.order, default=None)


def settings_stamp(source: PickupSource) -> str:
    """Stands for the settings a file is read with."""
    return codec.digest(codec.canonical(source.settings.model_dump(mode="json")))[:16]


def _told(poll: Poll) -> list[Text]:
    waiting = dict(poll.waiting or {})
    told = []
    for file in poll.ready:
        waiting.pop(file.id, None)
        told.append(T("{file} would be picked up.", file=file.name))
    for file in poll.older:
        waiting.pop(file.id, None)
        told.append(T("{file} would be put away: a newer one is there.", file=file.name))
    told += [T("{file} waits until it is whole.", file=one.file.name) for one in waiting.values()]
    return told
