"""Which files are picked up: rules that hold for any folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.pickup import Known, Listing, RemoteFile, Result, is_ignored, judge, other_name
from core.domain.pickup_settings import PickupSettings
from tests.looking import tries

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SETTLES = timedelta(minutes=5)
NAMES = st.sampled_from(
    [
        "usage.csv",
        "Usage 2.CSV",
        ".hidden.csv",
        "usage.csv.part",
        "a/b.csv",
        "..csv",
        "~$usage.csv",
        "other.txt",
        "usage-3.csv",
    ]
)
FILES = st.builds(
    lambda name, size, age, regular: RemoteFile(
        id=name, name=name, size=size, modified=NOW - timedelta(seconds=age), regular=regular
    ),
    NAMES, st.integers(0, 3), st.integers(-600, 1200), st.booleans(),
)  # fmt: skip
FOLDERS = st.lists(st.lists(FILES, max_size=6, unique_by=lambda one: one.id), min_size=1, max_size=6)


@tries(60)
@given(FOLDERS, st.sampled_from(["newest", "all"]), st.lists(st.integers(1, 4000), min_size=6, max_size=6))
def test_whatever_happens_in_a_folder_each_version_is_taken_at_most_once(
    folders: list[list[RemoteFile]], take: str, pauses: list[int]
) -> None:
    """And never one that is ignored, empty, or seen for the first time while somebody may still write it."""
    rules = PickupSettings.model_validate({"pattern": "*usage*.csv", "take": take})
    now, before, known, taken = NOW, {}, {}, set()
    for files, pause in zip(folders, pauses, strict=False):
        poll = judge(Listing(files=tuple(files)), before, known, rules, stamp="s", now=now, settles_after=SETTLES)
        assert len(poll.ready) <= 1 or take == "all"
        waiting = dict(poll.waiting or {})
        for file in (*poll.ready, *poll.older):
            assert not is_ignored(file, rules)
            assert file.size > 0
            assert waiting[file.id].file == file
            assert file.version not in taken
            seen_before = file.id in before and before[file.id].file.version == file.version
            assert seen_before or (file.modified is not None and now - file.modified >= SETTLES)
            taken.add(file.version)
            known[file.id] = Known(file, Result.IMPORTED, "s")
            del waiting[file.id]
        before, now = waiting, now + timedelta(seconds=pause)
        # A version that comes back after another one is a newer version again: only what stands is remembered.
        taken = {version for version in taken if known[version[0]].file.version == version}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*usage*.csv", "Cloud-USAGE-10.Csv", True), ("*usage*.csv", "usage.xlsx", False), ("usage [1].csv", "usage [1].csv", True),
        ("usage ?.csv", "usage 12.csv", False), ("*", "anything", True),
    ],
)  # fmt: skip
def test_a_pattern_is_for_whole_names_without_case(pattern: str, name: str, fits: bool) -> None:
    rules = PickupSettings.model_validate({"pattern": pattern})
    assert is_ignored(RemoteFile(id=name, name=name, size=1), rules) is not fits


@pytest.mark.parametrize(
    "wrong", [{"pattern": "a/b"}, {"processed_folder": "../up"}, {"error_folder": "/"}, {"take": "some"}]
)
def test_settings_that_lead_elsewhere_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PickupSettings.model_validate(wrong)


def test_the_other_name_keeps_its_ending() -> None:
    assert other_name("usage.csv", datetime(2026, 11, 3, 2, tzinfo=UTC)) == "usage_20261103T020000Z.csv"
