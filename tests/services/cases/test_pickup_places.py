"""The same rules with a server in between: SFTP and SharePoint picked up for real (numbers are those of the case list)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.connector import Feed
from core.domain.pickup import Archived, PickupSource, Result
from core.services import pickup_pages, portals, sync, uploads
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.pickups import PickedUp, as_pickup, pick_up
from core.services.portals import PortalState
from core.store import history, pickups
from core.store import portals as portal_store
from tests.connectors.fakes import serving
from tests.connectors.graph_files import GraphFiles, error
from tests.connectors.sshd import InProcess, misbehaving

from .conftest import ADMIN, LONG, OPERATOR, StandingClock, csv_of

GOOD = csv_of(("ACME", "X", 9), ("Bakker", "X", 2))
NEXT = csv_of(("ACME", "X", 11), ("Bakker", "X", 2))


def connect(ctx: Context, connector: str, settings: Mapping[str, object], secrets: Mapping[str, str]) -> None:
    portals.create_portal(ctx, OPERATOR, "P", connector, settings={**LONG, **settings}, secrets=secrets)


def poll(ctx: Context, secrets: Mapping[str, str]) -> PickedUp:
    with ctx.database.session() as session:
        portal = portal_store.by_name(session, "P")
    assert portal is not None
    return pick_up(ctx, portal, as_pickup(ctx.source(portal.connector, "P", portal.settings, secrets), "P"))


def imported(ctx: Context) -> int:
    return uploads.list_uploads(ctx, OPERATOR, PageQuery(portal="P")).total


def lines(ctx: Context) -> int:
    with ctx.database.session() as session:
        return len(list(history.as_of(session, ctx.clock.now())))


SECRET = {"client_secret": "geheim-1"}


@pytest.fixture
def graph(clock: StandingClock) -> GraphFiles:
    return GraphFiles()


@pytest.fixture
def library(ctx: Context, graph: GraphFiles) -> Iterator[Callable[..., PickedUp]]:
    with serving(graph.app()) as server:

        def look(**settings: object) -> PickedUp:
            return poll(ctx, SECRET)

        own = {"site": "https://c.sharepoint.com/sites/L", "tenant_id": "t", "client_id": "c", "folder": "Exports"}
        connect(ctx, "sharepoint", {**own, "base_url": server.url}, SECRET)
        yield look


def results(done: PickedUp) -> list[tuple[str, Result]]:
    assert done.error is None, done.error
    return [(one.file.name, one.result) for one in done.files]


def test_s1_60_a_file_of_a_library_is_imported_and_archived(
    ctx: Context, graph: GraphFiles, library: Callable[..., PickedUp]
) -> None:
    item = graph.put("Verbruik #10 (50%).csv", GOOD)
    assert results(library()) == [(item.name, Result.IMPORTED)]
    assert graph.where(item.id) == f"processed/2026/11/{item.name}"
    assert lines(ctx) == 2
    assert results(library()) == []


def test_case_32_a_file_that_is_open_is_imported_once_and_moved_the_next_time(
    ctx: Context, graph: GraphFiles, library: Callable[..., PickedUp]
) -> None:
    item = graph.put("usage.csv", GOOD)
    graph.faults[f"PATCH {item.id}"] = [error(423, "resourceLocked")]
    first = library()
    assert results(first) == [("usage.csv", Result.IMPORTED)]
    assert "open somewhere" in str(first.notes[0])
    assert graph.where(item.id) == "usage.csv"
    assert results(library()) == []
    assert (graph.where(item.id), imported(ctx)) == ("processed/2026/11/usage.csv", 1)


def test_case_27_after_a_delta_that_is_too_old_nothing_is_imported_twice(
    ctx: Context, graph: GraphFiles, library: Callable[..., PickedUp]
) -> None:
    with ctx.database.session() as session:
        known = portal_store.by_name(session, "P")
    assert known is not None
    portals.update_portal(ctx, OPERATOR, "P", settings={**known.settings, "use_delta": True, "afterwards": "keep"})
    item = graph.put("usage.csv", GOOD)
    assert results(library()) == [("usage.csv", Result.IMPORTED)]
    assert results(library()) == []
    graph.resync = True
    assert results(library()) == []
    graph.put("usage.csv", NEXT)
    graph.changes = [item.record()]
    assert results(library()) == [("usage.csv", Result.IMPORTED)]
    assert imported(ctx) == 2


def test_a_file_that_office_rewrote_is_another_version_that_changes_nothing(
    ctx: Context, graph: GraphFiles, library: Callable[..., PickedUp], clock: StandingClock
) -> None:
    """A changed cTag alone is not a new month: the lines are the same, so history is."""
    graph.put("usage.csv", GOOD)
    library()
    before = lines(ctx)
    clock.forward(hours=1)
    graph.put("usage.csv", GOOD + b"\n")
    assert results(library()) == [("usage.csv", Result.IMPORTED)]
    with ctx.database.session() as session:
        last = history.latest_readings(session)
    assert [(one.changed, one.new) for one in last.values()] == [(0, 0)]
    assert lines(ctx) == before


PASSWORD = {"password": "geheim"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[InProcess]:
    (tmp_path / "srv").mkdir()
    with misbehaving(tmp_path / "srv") as running:
        yield running


@pytest.fixture
def sftp(ctx: Context, server: InProcess, tmp_path: Path, clock: StandingClock) -> Callable[[str, bytes], Path]:
    own = {"host": "127.0.0.1", "port": server.port, "user": "jan", "folder": ".", "host_keys": [server.host_key]}
    connect(ctx, "sftp", own, PASSWORD)

    def put(name: str, data: bytes) -> Path:
        path = tmp_path / "srv" / name
        path.write_bytes(data)
        at = clock.now().timestamp() - 3600
        os.utime(path, (at, at))
        return path

    return put


def test_s1_59_a_file_of_a_server_is_imported_and_archived(
    ctx: Context, sftp: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    sftp("usage.csv", GOOD)
    assert results(poll(ctx, PASSWORD)) == [("usage.csv", Result.IMPORTED)]
    assert (tmp_path / "srv/processed/2026/11/usage.csv").read_bytes() == GOOD
    sftp("again.csv", GOOD)
    assert results(poll(ctx, PASSWORD)) == [("again.csv", Result.ALREADY)]


def test_case_22_a_server_that_refuses_to_rename_is_told_once(
    ctx: Context, server: InProcess, sftp: Callable[[str, bytes], Path]
) -> None:
    server.faults.refuse_rename = True
    path = sftp("usage.csv", GOOD)
    first, second = poll(ctx, PASSWORD), poll(ctx, PASSWORD)
    assert (first.error, second.error) == (None, None)
    assert (len(first.files), len(first.notes), first.files[0].result) == (1, 1, Result.IMPORTED)
    assert (second.files, second.notes, path.exists(), imported(ctx)) == ([], [], True, 1)


def test_a_server_that_goes_away_in_the_middle_leaves_nothing_half_imported(
    ctx: Context, server: InProcess, sftp: Callable[[str, bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    big = b"Customer,Product,Qty\n" + b"".join(b"C%05d,%s,1\n" % (number, b"X" * 300) for number in range(2_000))
    sftp("usage.csv", big)
    server.faults.cut_after = 300_000
    with monkeypatch.context() as patched:
        patched.setattr("connectors.sftp.place.retrying", lambda action, *_: action())
        cut = poll(ctx, PASSWORD)
    assert "was lost" in str(cut.error)
    assert (cut.files, imported(ctx), lines(ctx)) == ([], 0, 0)
    assert list((ctx.home / "pickups").iterdir()) == []
    assert results(poll(ctx, PASSWORD)) == [("usage.csv", Result.IMPORTED)]
    assert lines(ctx) == 2_000


def test_a_rename_that_fails_is_tried_under_another_name_or_the_next_time(
    ctx: Context, server: InProcess, sftp: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    server.faults.failing_renames = 2
    sftp("usage.csv", GOOD)
    first = poll(ctx, PASSWORD)
    assert [one.result for one in first.files] == [Result.IMPORTED]
    assert results(poll(ctx, PASSWORD)) == []
    assert (tmp_path / "srv/processed/2026/11/usage.csv").exists()
    with ctx.database.session() as session:
        assert [one.archived for one in pickups.page(session, PageQuery()).rows] == [Archived.DONE]


def test_the_key_of_a_server_is_shown_before_anything_is_sent(
    ctx: Context, server: InProcess, sftp: Callable[[str, bytes], Path]
) -> None:
    settings = {"host": "127.0.0.1", "port": server.port, "user": "jan"}
    shown = pickup_pages.host_key(ctx, OPERATOR, "sftp", settings, {})
    assert shown.line == server.host_key
    assert pickup_pages.key_print(shown.line) == shown.fingerprint == pickup_pages.key_print(shown.fingerprint)
    assert server.faults.tried == []
    tested = portals.test_settings(ctx, OPERATOR, "sftp", settings, PASSWORD)
    assert (tested.ok, shown.fingerprint in str(tested.message)) == (False, True)
    assert portals.test_settings(ctx, OPERATOR, "sftp", {**settings, "host_keys": [shown.line]}, PASSWORD).ok


def folder_portal(ctx: Context, folder: Path, **settings: object) -> None:
    folder.mkdir()
    portals.create_portal(
        ctx,
        OPERATOR,
        "F",
        "pickup_folder",
        settings={"folder": str(folder), "afterwards": "keep", **settings},
        secrets={},
    )


def old(path: Path, data: bytes, clock: StandingClock) -> None:
    path.write_bytes(data)
    at = clock.now().timestamp() - 3600
    os.utime(path, (at, at))


def test_a_run_picks_up_and_plans(connected: Context, tmp_path: Path, clock: StandingClock) -> None:
    """A pick-up is a portal like any other: it is read in a run, its outcome is told, and its lines are planned."""
    folder_portal(connected, tmp_path / "drop", **LONG)
    old(tmp_path / "drop" / "usage.csv", GOOD, clock)
    done = sync.run_sync(connected, ADMIN, ["F"], apply=False)
    assert [(one.name, one.status, one.lines) for one in done.portals] == [("F", "ok", 2)]
    assert done.findings["unmapped"] >= 1
    assert portals.list_portals(connected, ADMIN)[0].state is PortalState.OK
    again = sync.run_sync(connected, ADMIN, ["F"], apply=False)
    assert [(one.status, one.lines) for one in again.portals] == [("ok", 2)]
    clock.forward(hours=1)
    old(tmp_path / "drop" / "usage-2.csv", b"nothing that could be read", clock)
    bad = sync.run_sync(connected, ADMIN, ["F"], apply=False)
    assert [one.status for one in bad.portals] == ["failed"]
    assert str(bad.portals[0].error).startswith("usage-2.csv: ")
    assert lines(connected) == 2


def test_a_run_tells_a_folder_that_is_gone(connected: Context, tmp_path: Path) -> None:
    folder_portal(connected, tmp_path / "drop", **LONG)
    (tmp_path / "drop").rmdir()
    done = sync.run_sync(connected, ADMIN, ["F"], apply=False)
    assert (done.portals[0].status, "There is no folder" in str(done.portals[0].error)) == ("failed", True)
    (tmp_path / "drop").mkdir()
    assert sync.run_sync(connected, ADMIN, ["F"], apply=False).portals[0].status == "empty"
    assert portals.list_portals(connected, ADMIN)[0].state is not PortalState.FAILING


def test_columns_are_chosen_with_the_newest_file(connected: Context, tmp_path: Path, clock: StandingClock) -> None:
    folder_portal(connected, tmp_path / "drop")
    old(tmp_path / "drop" / "usage.csv", GOOD, clock)
    assert sync.run_sync(connected, ADMIN, ["F"], apply=False).portals[0].status == "empty"
    assert not pickup_pages.folder(connected, ADMIN, "F").mapped
    sample = pickup_pages.sample(connected, OPERATOR, "F")
    assert (sample.name, sample.data) == ("usage.csv", GOOD)
    seen = uploads.inspect_upload(connected, OPERATOR, "F", sample.data, sample.name)
    assert [heading.name for heading in seen.headings] == ["Customer", "Product", "Qty"]
    assert len(uploads.preview_upload(connected, OPERATOR, "F", sample.data, sample.name, LONG).rows) == 2
    pickup_pages.choose_columns(connected, OPERATOR, "F", LONG)
    detail = portals.portal_detail(connected, ADMIN, "F")
    assert (dict(detail.columns), detail.settings["afterwards"]) == (LONG, "keep")
    assert sync.run_sync(connected, ADMIN, ["F"], apply=False).portals[0].lines == 2
    rows = pickup_pages.list_picked(connected, ADMIN, PageQuery(portal="F")).rows
    assert [(one.name, one.result, one.archived, one.lines) for one in rows] == [("usage.csv", "imported", "no", 2)]


def test_portal_pull_looks_and_takes_nothing(connected: Context, tmp_path: Path, clock: StandingClock) -> None:
    folder_portal(connected, tmp_path / "drop", **LONG)
    empty = portals.pull(connected, OPERATOR, "F")
    assert (empty.complete, empty.lines) == (False, ())
    old(tmp_path / "drop" / "usage.csv", GOOD, clock)
    old(tmp_path / "drop" / "new.csv.part", GOOD, clock)
    reading = portals.pull(connected, OPERATOR, "F")
    assert [(line.customer, line.quantity) for line in reading.lines] == [("ACME", 9), ("Bakker", 2)]
    assert [str(note) for note in reading.notes] == ["usage.csv would be picked up.", "These lines are of usage.csv."]
    assert (imported(connected), lines(connected), (tmp_path / "drop" / "usage.csv").exists()) == (0, 0, True)


def test_every_place_follows_the_same_port(ctx: Context) -> None:
    for connector in ctx.connectors.all():
        if connector.feed is Feed.PICKUP:
            assert connector.slug in ("pickup_folder", "sftp", "sharepoint")
    source = ctx.source("pickup_folder", "F", {"folder": "/nowhere"}, {})
    assert isinstance(source, PickupSource)
    assert source.place().settles_after == timedelta(minutes=5)
