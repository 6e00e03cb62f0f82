"""Files that are picked up from a folder: which, when, once, and where they go afterwards (S1-59; numbers are those of the case list)."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import InputError
from core.domain.finding import FindingKind
from core.domain.pickup import Archived, PickupSource, Result
from core.services import plan_making, portals, uploads
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.pickups import PickedUp, as_pickup, pick_up
from core.services.portals import PortalState
from core.store import history, pickups
from core.store import portals as portal_store

from .conftest import ADMIN, LONG, OPERATOR, StandingClock, csv_of

GOOD = csv_of(("ACME", "X", 9), ("Bakker", "X", 2))
NEXT = csv_of(("ACME", "X", 11), ("Bakker", "X", 2))


class Drop:
    """A watched folder with its portal."""

    def __init__(self, ctx: Context, folder: Path, clock: StandingClock, **settings: object) -> None:
        self.ctx, self.folder, self.clock = ctx, folder, clock
        folder.mkdir(exist_ok=True)
        portals.create_portal(
            ctx, OPERATOR, "P", "pickup_folder", settings={**LONG, "folder": str(folder), **settings}, secrets={}
        )

    def put(self, name: str, data: bytes = GOOD, *, age: float = 3600) -> Path:
        """A file that was written so many seconds ago."""
        path = self.folder / name
        path.write_bytes(data)
        self.touch(path, age)
        return path

    def touch(self, path: Path, age: float) -> None:
        at = self.clock.now().timestamp() - age
        os.utime(path, (at, at))

    def portal(self) -> portal_store.Portal:
        with self.ctx.database.session() as session:
            found = portal_store.by_name(session, "P")
        assert found is not None
        return found

    def poll(self) -> PickedUp:
        portal = self.portal()
        source = as_pickup(self.ctx.source(portal.connector, "P", portal.settings, {}), "P")
        return pick_up(self.ctx, portal, source)

    def results(self) -> list[tuple[str, Result]]:
        return [(one.file.name, one.result) for one in self.poll().files]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file() or path.is_symlink())

    def archive(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob("*/**/*") if path.is_file())

    def quantities(self) -> dict[str, Decimal]:
        with self.ctx.database.session() as session:
            return {one.customer: one.quantity for one in history.as_of(session, self.clock.now()) if one.present}

    def ledger(self) -> list[pickups.PickedFile]:
        with self.ctx.database.session() as session:
            return list(pickups.page(session, PageQuery(portal="P")).rows)


@pytest.fixture
def drop(ctx: Context, tmp_path: Path, clock: StandingClock) -> Drop:
    return Drop(ctx, tmp_path / "drop", clock, pattern="*usage*.csv")


def test_s1_59_a_file_is_picked_up_imported_and_archived_by_month(drop: Drop) -> None:
    drop.put("Usage-2026-11.CSV")
    assert drop.results() == [("Usage-2026-11.CSV", Result.IMPORTED)]
    assert drop.quantities() == {"ACME": 9, "Bakker": 2}
    assert (drop.left(), drop.archive()) == ([], ["processed/2026/11/Usage-2026-11.CSV"])
    uploaded = uploads.list_uploads(drop.ctx, OPERATOR, PageQuery(portal="P")).rows[0]
    assert (uploaded.name, uploaded.by, uploaded.state, uploaded.lines) == ("Usage-2026-11.CSV", "system", "stored", 2)
    assert drop.portal().settings["pattern"] == "*usage*.csv"


def test_a_file_of_another_pattern_stays(drop: Drop) -> None:
    drop.put("invoices.csv")
    assert (drop.results(), drop.left()) == ([], ["invoices.csv"])


def test_case_18_a_file_that_grows_between_two_polls_is_not_imported_until_it_is_stable(drop: Drop) -> None:
    path = drop.put("usage.csv", GOOD[:30], age=1)
    assert drop.results() == []
    drop.clock.forward(seconds=61)
    path.write_bytes(GOOD)
    drop.touch(path, 1)
    assert drop.results() == []
    drop.clock.forward(seconds=59)
    assert drop.results() == []
    drop.clock.forward(seconds=2)
    assert drop.results() == [("usage.csv", Result.IMPORTED)]
    assert drop.quantities() == {"ACME": 9, "Bakker": 2}


def test_case_18_a_file_from_the_future_needs_two_listings(drop: Drop) -> None:
    drop.put("usage.csv", age=-86400)
    assert drop.results() == []
    drop.clock.forward(hours=20)
    assert drop.results() == [("usage.csv", Result.IMPORTED)]


@pytest.mark.parametrize("ending", [".part", ".tmp", ".filepart", ".partial", ".crdownload", ".uploading", ".lock"])
def test_case_19_an_unfinished_file_is_imported_once_after_its_rename(
    ctx: Context, tmp_path: Path, clock: StandingClock, ending: str
) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock)
    path = drop.put(f"usage.csv{ending}")
    assert drop.results() == []
    path.rename(drop.folder / "usage.csv")
    assert drop.results() == [("usage.csv", Result.IMPORTED)]
    assert drop.results() == []


def test_case_20_the_same_bytes_under_another_name_are_archived_and_not_imported(drop: Drop) -> None:
    drop.put("usage-10.csv")
    drop.poll()
    drop.clock.forward(days=1)
    drop.put("usage-11.csv")
    assert drop.results() == [("usage-11.csv", Result.ALREADY)]
    assert drop.archive() == ["processed/2026/11/usage-10.csv", "processed/2026/11/usage-11.csv"]
    assert uploads.list_uploads(drop.ctx, OPERATOR, PageQuery(portal="P")).total == 1


def test_case_20_an_upload_of_the_same_bytes_counts_too(drop: Drop) -> None:
    uploads.import_file(drop.ctx, OPERATOR, "P", GOOD, "by hand.csv")
    drop.put("usage.csv")
    assert drop.results() == [("usage.csv", Result.ALREADY)]


def test_case_21_other_bytes_under_the_same_name_are_a_newer_version(drop: Drop) -> None:
    drop.put("usage.csv")
    drop.poll()
    drop.clock.forward(hours=2)
    drop.put("usage.csv", NEXT)
    assert drop.results() == [("usage.csv", Result.IMPORTED)]
    assert drop.quantities()["ACME"] == 11
    assert drop.archive() == ["processed/2026/11/usage.csv", "processed/2026/11/usage_20261120T110000Z.csv"]


def test_case_22_a_refused_rename_is_told_once_and_nothing_is_imported_twice(drop: Drop) -> None:
    (drop.folder / "processed").symlink_to("/")  # leads out of the folder: moving there is refused
    drop.put("usage.csv")
    first = drop.poll()
    assert [one.result for one in first.files] == [Result.IMPORTED]
    assert [str(note) for note in first.notes] == [
        "Files may not be moved or removed there; they stay where they are and are not read twice."
    ]
    again = drop.poll()
    assert (again.files, again.notes, drop.left()) == ([], [], ["processed", "usage.csv"])
    drop.clock.forward(hours=2)
    drop.put("usage-2.csv", NEXT)
    second = drop.poll()
    assert ([one.result for one in second.files], second.notes) == ([Result.IMPORTED], [])


CRASH = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from connectors.pickup_folder.folder import Folder
    from core.bootstrap import build
    from core.services.pickups import as_pickup, pick_up
    from core.settings import Settings
    from core.store import portals

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    if sys.argv[2] == "before":
        Folder.fetch, kept = (lambda self, file, into: (kept(self, file, into), die())), Folder.fetch
    elif sys.argv[2] == "after":
        Folder.move = die
    elif sys.argv[2] == "moved":
        Folder.move, kept = (lambda self, file, folders, name: (kept(self, file, folders, name), die())), Folder.move
    app = build(Settings(home=Path(sys.argv[1])))
    with app.context.database.session() as session:
        portal = portals.by_name(session, "P")
    source = as_pickup(app.context.source(portal.connector, "P", portal.settings, {}), "P")
    print([one.result.value for one in pick_up(app.context, portal, source).files])
""")


def crashed(home: Path, instant: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(home), instant], capture_output=True, text=True, check=False, timeout=60,
        cwd=Path(__file__).resolve().parents[3], env={**os.environ, "CONTRACTBRIDGE_HOME": str(home)},
    )  # fmt: skip
    if instant != "never":
        assert done.returncode == -9, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("instant", "next_time"), [("before", ["imported"]), ("after", []), ("moved", [])])
def test_case_23_a_process_that_is_killed_leaves_nothing_half_done(
    tmp_path: Path, clock: StandingClock, instant: str, next_time: list[str]
) -> None:
    """A real SIGKILL: after the download, between import and rename, after the rename."""
    from core.bootstrap import build
    from core.settings import Settings

    app = build(Settings(home=tmp_path / "home"))
    clock.instant = app.context.clock.now()
    drop = Drop(app.context, tmp_path / "drop", clock)
    drop.put("usage.csv")
    crashed(tmp_path / "home", instant)
    archived = instant == "moved"
    assert (drop.left() == []) is archived
    assert uploads.list_uploads(app.context, OPERATOR, PageQuery(portal="P")).total == (instant != "before")
    assert [one.result.value for one in drop.poll().files] == next_time
    assert (drop.left(), len(drop.archive())) == ([], 1)
    assert uploads.list_uploads(app.context, OPERATOR, PageQuery(portal="P")).total == 1
    assert [one.archived for one in drop.ledger()] == [Archived.DONE]
    app.close()


def test_case_24_links_hidden_files_and_folders_are_ignored(drop: Drop, tmp_path: Path) -> None:
    outside = tmp_path / "outside-usage.csv"
    outside.write_bytes(GOOD)
    (drop.folder / "usage.csv").symlink_to(outside)
    drop.put(".usage.csv")
    drop.put("..usage.csv")
    drop.put("~$usage.csv")
    (drop.folder / "usage-folder.csv").mkdir()
    os.mkfifo(drop.folder / "usage-pipe.csv")
    drop.clock.forward(hours=1)
    assert drop.results() == []
    assert outside.exists()


def test_case_25_an_empty_file_waits_and_is_an_error_after_an_hour(drop: Drop) -> None:
    drop.put("usage.csv", b"", age=86400)
    assert drop.results() == []
    drop.clock.forward(minutes=59)
    assert drop.results() == []
    drop.clock.forward(minutes=2)
    assert drop.results() == [("usage.csv", Result.EMPTY)]
    assert drop.archive() == ["error/usage.csv", "error/usage.csv.error.txt"]
    assert "empty" in (drop.folder / "error" / "usage.csv.error.txt").read_text()


def test_an_empty_file_that_is_filled_in_time_is_imported(drop: Drop) -> None:
    drop.put("usage.csv", b"")
    drop.poll()
    drop.clock.forward(minutes=30)
    drop.put("usage.csv", age=600)
    assert drop.results() == [("usage.csv", Result.IMPORTED)]


def test_of_several_files_the_newest_is_taken(drop: Drop) -> None:
    drop.put("usage-9.csv", csv_of(("ACME", "X", 1)), age=9000)
    drop.put("usage-10.csv", NEXT, age=5000)
    drop.put("usage-8.csv", csv_of(("ACME", "X", 3)), age=8000)
    assert sorted(drop.results()) == [
        ("usage-10.csv", Result.IMPORTED), ("usage-8.csv", Result.SUPERSEDED), ("usage-9.csv", Result.SUPERSEDED),
    ]  # fmt: skip
    assert drop.quantities()["ACME"] == 11
    drop.put("usage-7.csv", csv_of(("ACME", "X", 4)), age=7000)
    assert drop.results() == [("usage-7.csv", Result.SUPERSEDED)]
    assert drop.quantities()["ACME"] == 11


def test_all_files_are_taken_in_the_order_of_their_time(ctx: Context, tmp_path: Path, clock: StandingClock) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, take="all")
    drop.put("b.csv", GOOD, age=9000)
    drop.put("a.csv", NEXT, age=8000)
    assert drop.results() == [("b.csv", Result.IMPORTED), ("a.csv", Result.IMPORTED)]
    assert drop.quantities()["ACME"] == 11


def test_m2_a_file_that_cannot_be_read_changes_nothing_and_hides_no_older_good_one(drop: Drop) -> None:
    drop.put("usage-good.csv", GOOD, age=9000)
    drop.put("usage-bad.csv", b"<html>sign in</html>", age=8000)
    assert drop.results() == [("usage-bad.csv", Result.REJECTED)]
    assert drop.quantities() == {}
    assert drop.archive() == ["error/usage-bad.csv", "error/usage-bad.csv.error.txt"]
    assert portals.list_portals(drop.ctx, ADMIN)[0].state is PortalState.FAILING
    assert drop.results() == [("usage-good.csv", Result.IMPORTED)]
    assert portals.list_portals(drop.ctx, ADMIN)[0].state is PortalState.OK


def test_what_was_rejected_is_tried_again_once_the_columns_were_chosen_anew(
    ctx: Context, tmp_path: Path, clock: StandingClock
) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, afterwards="keep", quantity="Number")
    drop.put("usage.csv")
    assert drop.results() == [("usage.csv", Result.REJECTED)]
    assert drop.results() == []
    settings = dict(drop.portal().settings) | {"quantity": "Qty"}
    portals.update_portal(ctx, OPERATOR, "P", settings=settings)
    assert drop.results() == [("usage.csv", Result.IMPORTED)]
    assert (drop.results(), drop.left()) == ([], ["usage.csv"])


def test_a_file_that_needs_review_is_kept_and_changes_nothing(drop: Drop) -> None:
    drop.put("usage.csv", csv_of(("ACME", "X", 9), ("Bakker", "X", "many")))
    assert drop.results() == [("usage.csv", Result.NEEDS_REVIEW)]
    assert drop.quantities() == {}
    row = uploads.list_uploads(drop.ctx, OPERATOR, PageQuery(portal="P")).rows[0]
    uploads.confirm_review(drop.ctx, OPERATOR, row.id)
    assert drop.quantities() == {"ACME": 9}


def test_a_file_that_is_too_large_is_not_fetched(
    ctx: Context, tmp_path: Path, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, max_megabytes=1)
    path = drop.put("usage.csv")
    with path.open("r+b") as file:
        file.truncate(1024 * 1024 + 1)
    drop.touch(path, 3600)
    monkeypatch.setattr("connectors.pickup_folder.folder.Folder.fetch", None)
    assert drop.results() == [("usage.csv", Result.TOO_LARGE)]


def test_a_file_is_deleted_only_where_that_was_chosen(ctx: Context, tmp_path: Path, clock: StandingClock) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, afterwards="delete")
    drop.put("usage.csv")
    drop.poll()
    assert (drop.left(), drop.archive()) == ([], [])
    drop.put("bad.csv", b"\x00nothing", age=100)
    drop.clock.forward(hours=1)
    drop.poll()
    assert drop.archive() == ["error/bad.csv", "error/bad.csv.error.txt"]


def test_with_a_marker_a_file_waits_for_it(ctx: Context, tmp_path: Path, clock: StandingClock) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, wait_for_marker=True)
    drop.put("usage.csv")
    assert drop.results() == []
    drop.put("usage.csv.done", b"")
    assert drop.results() == [("usage.csv", Result.IMPORTED)]
    assert drop.archive() == ["processed/2026/11/usage.csv", "processed/2026/11/usage.csv.done"]


def test_a_file_that_changes_while_it_is_fetched_waits_for_the_next_round(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.pickup_folder.folder import Folder

    path, fetch = drop.put("usage.csv"), Folder.fetch

    def grow(self: Folder, file: object, into: Path) -> None:
        fetch(self, file, into)  # type: ignore[arg-type]
        path.write_bytes(GOOD + b"more")

    monkeypatch.setattr(Folder, "fetch", grow)
    assert drop.results() == []
    assert drop.quantities() == {}
    assert list((drop.ctx.home / "pickups").iterdir()) == []


def test_a_folder_that_is_gone_is_a_failure_and_being_back_ends_it(drop: Drop) -> None:
    moved = drop.folder.rename(drop.folder.with_name("away"))
    lost = drop.poll()
    assert lost.error is not None
    assert "There is no folder" in str(lost.error)
    moved.rename(drop.folder)
    assert drop.poll().error is None


def test_nothing_is_picked_up_before_the_columns_are_chosen(ctx: Context, tmp_path: Path, clock: StandingClock) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    portals.create_portal(ctx, OPERATOR, "Q", "pickup_folder", settings={"folder": str(folder)}, secrets={})
    (folder / "usage.csv").write_bytes(GOOD)
    with ctx.database.session() as session:
        portal = portal_store.by_name(session, "Q")
    assert portal is not None
    source = ctx.source(portal.connector, "Q", portal.settings, {})
    assert isinstance(source, PickupSource)
    assert pick_up(ctx, portal, source).unmapped
    assert (folder / "usage.csv").exists()


def test_only_one_looks_into_a_folder_at_a_time(drop: Drop) -> None:
    from core.services.owners import new_owner
    from core.store import leases

    drop.put("usage.csv")
    name, owner = f"pickup:{drop.portal().id}", new_owner()
    drop.ctx.database.run(lambda session: leases.acquire(session, name, owner, drop.clock.now(), 60))
    assert drop.results() == []
    drop.ctx.database.run(lambda session: leases.release(session, name, owner))
    assert drop.results() == [("usage.csv", Result.IMPORTED)]


@pytest.mark.parametrize(("days", "found"), [(0, False), (34, False), (36, True)])
def test_s1_59_a_file_that_does_not_come_is_a_finding(
    ctx: Context, tmp_path: Path, clock: StandingClock, days: int, found: bool
) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, expected_every_days=35)
    drop.put("usage.csv")
    drop.poll()
    clock.forward(days=days)
    findings = plan_making.gather(ctx).findings
    assert [finding.kind for finding in findings] == [FindingKind.MISSING_FILE] * found
    if found:
        assert (findings[0].portal, findings[0].key) == ("P", "missing_file|P")
        drop.put("usage-2.csv", NEXT)
        drop.poll()
        assert plan_making.gather(ctx).findings == ()


def test_a_portal_that_was_never_looked_at_misses_nothing(ctx: Context, tmp_path: Path, clock: StandingClock) -> None:
    drop = Drop(ctx, tmp_path / "drop", clock, expected_every_days=1)
    clock.forward(days=100)
    assert plan_making.gather(ctx).findings == ()
    drop.poll()
    clock.forward(days=2)
    assert len(plan_making.gather(ctx).findings) == 1


def test_a_portal_of_another_kind_picks_nothing_up(ctx: Context) -> None:
    portals.create_portal(ctx, OPERATOR, "F", "file", settings=LONG, secrets={})
    with pytest.raises(InputError, match="picks no files up"):
        as_pickup(ctx.source("file", "F", LONG, {}), "F")
