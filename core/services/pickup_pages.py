"""Pick-ups as people see them: the last files with what became of them, an example to choose columns with, and host keys."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.pickup import HostKey, PickupSource, ShowsHostKey, fingerprint
from core.domain.pickup_settings import without_columns
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.paging import Page, PageQuery
from core.services.pickup_peek import newest_of
from core.services.pickups import as_pickup
from core.services.portals import find, owner_of, update_portal
from core.store import pickups as store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "Folder",
    "HostKey",
    "PickedRow",
    "Sample",
    "choose_columns",
    "folder",
    "host_key",
    "key_print",
    "list_picked",
    "sample",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedRow:
    """One file. `result`: imported, needs_review, already, superseded, rejected, empty, too_large.

    `archived`: no, pending, done, denied.
    """

    id: int
    name: str
    at: datetime
    modified: datetime | None
    size_bytes: int
    result: str
    archived: str
    lines: int
    reason: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A watched folder: whether columns were chosen, when it was last looked into, and what waits in it."""

    mapped: bool
    looked_at: datetime | None
    last_file: datetime | None
    waiting: tuple[str, ...]
    may_not_move: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest file of a folder."""

    name: str
    data: bytes


def list_picked(ctx: Context, actor: Actor, query: PageQuery) -> Page[PickedRow]:
    """Files that were picked up, newest first; `portal`, `status` (the result) and `text` (the name) filter. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = store.page(session, query)
    rows = tuple(
        PickedRow(
            id=one.id,
            name=one.file.name,
            at=one.at,
            modified=one.file.modified,
            size_bytes=one.file.size,
            result=one.result.value,
            archived=one.archived.value,
            lines=one.lines,
            reason=one.reason,
        )
        for one in page.rows
    )
    return Page(rows, page.total)


def folder(ctx: Context, actor: Actor, portal: str) -> Folder:
    """What is known of the portal's folder, without asking it. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = find(session, portal)
        place = store.place(session, found.id)
        have = secret_store.get(session, ctx.secrets, owner_of(found))
    source = as_pickup(ctx.source(found.connector, found.name, found.settings, have), portal)
    return Folder(
        mapped=source.settings.is_ready,
        looked_at=place.polled_at if place else None,
        last_file=place.last_file_at if place else None,
        waiting=tuple(one.file.name for one in place.waiting.values()) if place else (),
        may_not_move=place.move_denied if place else False,
    )


def sample(ctx: Context, actor: Actor, portal: str) -> Sample:
    """The newest file, to choose columns with; it stays where it is. For operators.

    Raises InputError when there is none, and what is wrong with the place.
    """
    require(actor, Role.OPERATOR)
    source = _opened(ctx, portal)
    with closing(source.place()) as place, tempfile.TemporaryDirectory() as draft:
        newest = newest_of(place.listing(), source.settings)
        if newest is None:
            raise InputError(
                T("There is no file that fits the pattern {pattern}.", pattern=source.settings.pattern),
                place=portal,
                remedy=T("Put an export into the folder, or change the pattern."),
                kind="no_file",
            )
        path = Path(draft) / "file"
        place.fetch(newest, path)
        return Sample(newest.name, path.read_bytes())


def choose_columns(ctx: Context, actor: Actor, portal: str, columns: Mapping[str, object]) -> None:
    """Remember how the files of the portal are read; where they are stays as it is. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = find(session, portal)
    update_portal(ctx, actor, portal, settings={**without_columns(found.settings), **columns})


def host_key(
    ctx: Context,
    actor: Actor,
    connector: str,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
) -> HostKey:
    """The key that the server of these settings shows; nothing is sent to it, and nothing is trusted by this. For operators."""
    require(actor, Role.OPERATOR)
    source = ctx.source(connector, connector, settings, secrets)
    if not isinstance(source, ShowsHostKey):
        raise InputError(T("{portal} has no host key.", portal=connector), kind="usage")
    return source.host_key()


def key_print(line: str) -> str:
    """The fingerprint of a trusted key, as it is stored; the line itself where it is no key."""
    blob = next((word for word in line.split() if word.startswith("AAAA")), "")
    try:
        return fingerprint(base64.b64decode(blob, validate=True)) if blob else line
    except (ValueError, binascii.Error):
        return line


def _opened(ctx: Context, portal: str) -> PickupSource:
    with ctx.database.session() as session:
        found = find(session, portal)
        have = secret_store.get(session, ctx.secrets, owner_of(found))
    return as_pickup(ctx.source(found.connector, found.name, found.settings, have), portal)
