"""Portals and files: stored, found, due, put away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from core.domain.paging import PageQuery
from core.domain.policy import Mode, Policy, PolicyOverride, When
from core.store import files, history, portals, workspace
from core.store.db import Database
from core.store.files import ImportedFile
from core.store.portals import Portal
from tests.store.conftest import NOW
from tests.store.test_history import line, reading

FULL = Portal(
    name="Antivirus", connector="file", settings={"customer": "Customer é", "header_rows": [1]}, mode=Mode.AUTOMATIC,
    policy=Policy(increase=When.PORTAL, max_change=5, stale_after_days=None),
    overrides=(PolicyOverride(customer_id="acme", max_change_percent=80),),
    schedule={"every": "day", "at": "02:00"}, next_due_at=NOW, hook_token_hash="hash",
)  # fmt: skip


def save(database: Database, portal: Portal) -> Portal:
    with database.write() as session:
        return portals.save(session, portal, NOW)


def test_a_portal_comes_back_as_it_was_stored(database: Database) -> None:
    stored = save(database, FULL)
    assert replace(stored, id=0) == FULL
    with database.session() as session:
        assert portals.by_id(session, stored.id) == portals.by_name(session, "Antivirus") == stored
        assert portals.by_hook_token(session, "hash") == stored
        assert portals.by_name(session, "antivirus") is None
        assert portals.by_hook_token(session, "other") is None


def test_a_changed_portal_keeps_its_number_and_history(database: Database) -> None:
    stored = save(database, FULL)
    with database.write() as session:
        history.record_reading(session, stored.id, reading(line("acme", "mfa", 1)))
    renamed = save(database, replace(stored, name="New name", mode=Mode.REVIEW, schedule={}, next_due_at=None))
    assert (renamed.id, renamed.name, renamed.read_at) == (stored.id, "New name", NOW)
    with pytest.raises(LookupError):
        save(database, replace(stored, id=999))


def test_two_portals_never_have_one_name_or_webhook(database: Database) -> None:
    save(database, FULL)
    with pytest.raises(IntegrityError):
        save(database, replace(FULL, hook_token_hash=None))
    with pytest.raises(IntegrityError):
        save(database, replace(FULL, name="Other"))


def test_portals_are_listed_by_name_and_by_what_is_due(database: Database) -> None:
    for name, minutes, enabled in [("B", 5, True), ("A", 1, True), ("C", 0, False), ("D", 99, True)]:
        save(database, Portal(name=name, connector="x", next_due_at=NOW + timedelta(minutes=minutes), enabled=enabled))
    with database.write() as session:
        assert [portal.name for portal in portals.all_portals(session)] == ["A", "B", "C", "D"]
        assert [portal.name for portal in portals.all_portals(session, enabled=False)] == ["C"]
        assert [portal.name for portal in portals.all_portals(session, names=["D", "A", "?"])] == ["A", "D"]
        found = portals.due(session, NOW + timedelta(minutes=5))
        assert [portal.name for portal in found] == ["A", "B"]
        portals.set_due(session, found[0].id, None)
        assert [portal.name for portal in portals.due(session, NOW + timedelta(minutes=5))] == ["B"]


def test_an_archived_portal_keeps_its_history_and_frees_its_name(database: Database) -> None:
    stored = save(database, FULL)
    with database.write() as session:
        history.record_reading(session, stored.id, reading(line("acme", "mfa", 1)))
        portals.archive(session, stored.id, NOW)
        assert portals.all_portals(session) == portals.due(session, NOW) == []
        assert portals.by_name(session, "Antivirus") is None
        assert portals.by_hook_token(session, "hash") is None
        assert len(history.as_of(session, NOW)) == 1
    assert save(database, FULL).id != stored.id


def test_settings_of_the_workspace(database: Database) -> None:
    with database.write() as session:
        assert workspace.get(session, "zone", "UTC") == "UTC"
        workspace.put(session, {"zone": "Europe/Amsterdam", "autotask": {"user": None}})
        workspace.put(session, {"zone": "Europe/Brussels"})
        assert workspace.all_settings(session) == {"zone": "Europe/Brussels", "autotask": {"user": None}}
        workspace.remove(session, "zone")
        assert workspace.get(session, "zone") is None


def test_the_same_file_twice_is_recognised(database: Database, portal: Portal) -> None:
    file = ImportedFile(
        portal_id=portal.id, sha256="s1", name="Export 1.csv", size=12, stored_path="uploads/1", outcome="ok_with_notes",
        lines=3, details={"notes": ["x"]}, imported_by="jan", imported_at=NOW,
    )  # fmt: skip
    with database.write() as session:
        number = files.add(session, file)
        assert files.get(session, number) == replace(file, id=number, portal="Duo")
        assert files.get(session, 999) is None
        again = files.add(session, replace(file, state="needs_review"))
        assert [found.id for found in files.same(session, portal.id, "s1")] == [again, number]
        assert files.same(session, portal.id, "s2") == []
        recorded = history.record_reading(session, portal.id, reading(line("acme", "mfa", 1)))
        files.set_state(session, again, "confirmed", reading_id=recorded.reading_id)
        page = files.page(session, PageQuery(text="export", portal="Duo", status="confirmed"))
        assert (page.total, page.rows[0].reading_id) == (1, recorded.reading_id)
        assert files.page(session, PageQuery(limit=1)).total == 2
        assert files.page(session, PageQuery(text="%")).total == 0
