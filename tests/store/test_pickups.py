"""The ledger of picked-up files, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.domain.paging import PageQuery
from core.domain.pickup import Archived, RemoteFile, Result, Sighting
from core.domain.text import T
from core.store import pickups, portals
from core.store.db import Database
from core.store.pickups import PickedFile, Place
from core.store.portals import Portal

from .conftest import NOW

FILE = RemoteFile(
    id="01A", name="usage.csv", size=3_000_000_000, modified=NOW - timedelta(hours=1, microseconds=7), tag="c:1"
)


def portal(database: Database, name: str = "P") -> int:
    return database.run(lambda session: portals.save(session, Portal(name=name, connector="sftp"), NOW)).id


def test_what_is_remembered_of_a_folder_comes_back_as_it_was(database: Database) -> None:
    number = portal(database)
    place = Place(
        portal_id=number, first_polled_at=NOW, polled_at=NOW, cursor="https://graph/delta?token=1",
        waiting={"01A": Sighting(FILE, NOW, NOW + timedelta(seconds=5))},
    )  # fmt: skip
    database.run(lambda session: pickups.save_place(session, place))
    later = replace(
        place, first_polled_at=NOW + timedelta(days=9), polled_at=NOW + timedelta(days=1), move_denied=True, waiting={}
    )
    with database.session() as session:
        assert pickups.place(session, number) == place
    database.run(lambda session: pickups.save_place(session, later))
    with database.session() as session:
        assert pickups.places(session, [number, 99]) == {number: replace(later, first_polled_at=NOW)}


def test_the_last_that_was_made_of_a_file_counts(database: Database) -> None:
    number, other = portal(database), portal(database, "Q")
    rejected = PickedFile(
        portal_id=number, at=NOW, file=FILE, sha256="a" * 64, result=Result.REJECTED, stamp="s1",
        archived=Archived.PENDING, reason=T("Row {row} is wrong.", row=3),
    )  # fmt: skip
    good = replace(rejected, result=Result.IMPORTED, lines=7, reason=None, archived=Archived.NO)

    def work(session: object) -> list[int]:
        return [pickups.add(session, one) for one in (rejected, good, replace(good, portal_id=other))]  # type: ignore[arg-type]

    numbers = database.run(work)
    with database.session() as session:
        assert {key: one.result for key, one in pickups.known(session, number).items()} == {"01A": Result.IMPORTED}
        assert pickups.known(session, number)["01A"].settles(FILE, "other settings")
        assert not pickups.known(session, number)["01A"].settles(replace(FILE, size=1), "s1")
        assert pickups.newest_read(session, number) == FILE.modified
        assert [one.id for one in pickups.pending(session, number)] == numbers[:1]
        assert pickups.pending(session, number)[0].reason == T("Row {row} is wrong.", row=3)
        page = pickups.page(session, PageQuery(portal="P", status="imported", text="USAGE"))
        assert (page.total, page.rows[0].file, page.rows[0].lines) == (1, FILE, 7)
    database.run(lambda session: pickups.set_archived(session, numbers[0], Archived.DONE))
    with database.session() as session:
        assert pickups.pending(session, number) == []
