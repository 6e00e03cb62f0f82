"""Putting files away after they were picked up: into a folder for each month, into one for errors, or out of the way for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from core.domain.errors import ContractBridgeError, RemoteError
from core.domain.pickup import (
    Archived,
    FilePlace,
    Listing,
    Problem,
    RemoteFile,
    archive_folders,
    other_name,
)
from core.domain.pickup_settings import Afterwards, PickupSettings
from core.domain.text import T, Text
from core.i18n import translate
from core.store import pickups as store
from core.store.pickups import PickedFile

if TYPE_CHECKING:
    from core.services.context import Context
    from core.store.portals import Portal

log = structlog.get_logger()

LATER = (Problem.LOCKED, Problem.CHANGED)


class Archive:
    """Where files of one portal go. `denied`: moving was refused, which is told once."""

    def __init__(
        self, ctx: Context, portal: Portal, rules: PickupSettings, place: FilePlace, notes: list[Text]
    ) -> None:
        self.ctx, self.portal, self.rules, self.place, self.notes = ctx, portal, rules, place, notes
        self.denied = False

    def finish(
        self,
        pending: Sequence[PickedFile],
        listing: Listing,
        markers: Mapping[str, tuple[RemoteFile, ...]],
    ) -> None:
        """What was dealt with earlier but not put away: the process died, or the file was open somewhere."""
        there = {file.id: file for file in listing.files}
        for one in pending:
            now = there.get(one.file.id)
            if now is None and not listing.whole:
                now = self.place.look(one.file)
            if now is None or (now.size, now.modified) != (one.file.size, one.file.modified):
                # It is gone, or another file by now, which is dealt with for itself.
                self._set(one, Archived.DONE)
            else:
                self.put_away(one, markers.get(now.id, ()), now)

    def put_away(self, one: PickedFile, markers: Sequence[RemoteFile] = (), now: RemoteFile | None = None) -> None:
        """Move or remove a file as the rules say. What does not work is told, and changes nothing of what was read."""
        if self.rules.afterwards is Afterwards.KEEP or one.archived is Archived.NO:
            return
        file = now or one.file
        try:
            if self.rules.afterwards is Afterwards.DELETE and not one.result.is_error:
                self._delete([file, *markers])
            else:
                self._move(one, file, markers)
        except RemoteError as error:
            self._failed(one, error)
            return
        self.denied = False
        self._set(one, Archived.DONE)

    def _delete(self, files: Sequence[RemoteFile]) -> None:
        for file in files:
            self.place.delete(file)

    def _move(self, one: PickedFile, file: RemoteFile, markers: Sequence[RemoteFile]) -> None:
        below = tuple(part for part in file.folder.split("/") if part)
        folders = (*archive_folders(self.rules, one.result, self.ctx.clock.today()), *below)
        name = self._moved(file, folders)
        for marker in markers:
            self._moved(marker, folders)
        if one.result.is_error and one.reason is not None:
            self._explain(folders, f"{name}.error.txt", one.reason)

    def _moved(self, file: RemoteFile, folders: Sequence[str]) -> str:
        try:
            self.place.move(file, folders, file.name)
        except RemoteError as error:
            if error.kind != Problem.EXISTS:
                raise
            name = other_name(file.name, self.ctx.clock.now())
            self.place.move(file, folders, name)
            return name
        return file.name

    def _explain(self, folders: Sequence[str], name: str, reason: Text) -> None:
        try:
            self.place.write(folders, name, (translate(reason, "en") + "\n").encode())
        except ContractBridgeError as error:
            log.info("pickup.no_note", portal=self.portal.name, detail=error.detail or str(error))

    def _failed(self, one: PickedFile, error: RemoteError) -> None:
        log.info("pickup.not_moved", portal=self.portal.name, kind=error.kind, detail=error.detail or str(error))
        if error.kind == Problem.GONE:
            self._set(one, Archived.DONE)
        elif error.kind == Problem.DENIED:
            if not self.denied:
                self.notes.append(
                    T("Files may not be moved or removed there; they stay where they are and are not read twice.")
                )
            self.denied = True
            self._set(one, Archived.DENIED)
        elif error.kind in LATER:
            self.notes.append(
                T("{file} cannot be moved now (it may be open somewhere); it is tried next time.", file=one.file.name)
            )
        else:
            self.notes.append(T("{file} could not be moved: {reason}", file=one.file.name, reason=error.message))

    def _set(self, one: PickedFile, archived: Archived) -> None:
        self.ctx.database.run(lambda session: store.set_archived(session, one.id, archived))
