"""A back-up every night: the newest ones stay, and one that fails is seen by whoever looks, and told to who does not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.domain.errors import InputError
from core.services import activity, alerts, backup
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.examining import working
from core.services.paging import PageQuery

from .conftest import ADMIN, StandingClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "back-ups"
    made.mkdir()
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in a back-up is tried elsewhere: here it is a file."""

    def write(_: Context, draft: Path, __: Path, now: object) -> backup.BackUp:
        draft.write_bytes(b"whole")
        return backup.BackUp(now, "0013", {}, 0)  # type: ignore[arg-type]

    monkeypatch.setattr(backup, "_write", write)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def codes(ctx: Context) -> list[str]:
    return [check.code for check in working.look_for_backups(ctx)]


def raised(ctx: Context) -> list[str]:
    alerts.evaluate(ctx, SYSTEM)
    return [row.kind for row in alerts.alerts(ctx, ADMIN, PageQuery()).rows if row.state == "open"]


def test_the_newest_stay_and_other_files_are_left_alone(ctx: Context, folder: Path, clock: StandingClock) -> None:
    (folder / "contractbridge-before.zip").touch()
    (folder / "contractbridge-2020-01-01T000000Z.zip.txt").touch()
    for _ in range(5):
        file, _made, gone = backup.make_into(ctx, ADMIN, folder, 3)
        clock.forward(days=1)
    assert gone == 1
    assert file.name == "contractbridge-2026-11-24T090000Z.zip"
    assert names(folder) == [
        "contractbridge-2020-01-01T000000Z.zip.txt",
        *(f"contractbridge-2026-11-{day}T090000Z.zip" for day in (22, 23, 24)),
        "contractbridge-before.zip",
    ]
    assert codes(ctx) == ["backup.made"]


def test_one_that_fails_removes_nothing_and_is_seen_until_the_next_is_whole(
    ctx: Context, folder: Path, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.make_into(ctx, ADMIN, folder, 1)
    clock.forward(days=1)
    with monkeypatch.context() as broken:

        def full(*_: object) -> backup.BackUp:
            raise OSError(28, "No space left on device")

        broken.setattr(backup, "_write", full)
        with pytest.raises(InputError, match="No space left"):
            backup.make_into(ctx, ADMIN, folder, 1)
    assert names(folder) == ["contractbridge-2026-11-20T090000Z.zip"]
    assert codes(ctx) == ["backup.failed", "backup.made"]
    (entry,) = [row for row in activity.audit(ctx, ADMIN, PageQuery()).rows if row.action == "backup.failed"]
    assert "No space left on device" in entry.after
    assert raised(ctx) == ["backup"]
    clock.forward(days=1)
    backup.make_into(ctx, ADMIN, folder, 1)
    assert (codes(ctx), raised(ctx)) == (["backup.made"], [])
    clock.forward(days=7)
    assert (codes(ctx), raised(ctx)) == (["backup.old"], ["backup"])


def test_a_folder_that_is_not_there_is_no_place_for_one(ctx: Context, folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        backup.make_into(ctx, ADMIN, folder / "not mounted", 3)
    assert codes(ctx) == ["backup.failed", "backup.none"]
    assert not (folder / "not mounted").exists()


def test_what_killed_ones_left_is_cleared_away_after_a_day(ctx: Context, folder: Path) -> None:
    old, fresh = folder / "contractbridge-making-a1", folder / "contractbridge-making-b2"
    for one in (old, fresh):
        one.mkdir()
        (one / "contractbridge.db").touch()
    draft = folder / "x.zip.123.part"
    draft.touch()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    os.utime(draft, (long_ago, long_ago))
    backup.make(ctx, ADMIN, folder / "mine.zip")
    assert names(folder) == ["contractbridge-making-b2", "mine.zip"]
