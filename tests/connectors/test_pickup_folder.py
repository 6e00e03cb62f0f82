"""A watched folder: nothing outside of it is touched, and a mount that hangs is not waited for."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from connectors._kit.registry import manifest
from connectors.pickup_folder.folder import Folder
from core.domain.connector import Surroundings
from core.domain.errors import RemoteError, SettingsError
from core.domain.pickup import PickupSource, Problem, RemoteFile


def file(name: str, size: int = 1) -> RemoteFile:
    return RemoteFile(id=name, name=name, size=size)


def test_what_is_in_the_folder_is_listed_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_bytes(b"12345")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "usage.csv")
    source = manifest("pickup_folder").open("P", {"folder": str(tmp_path)}, {})
    assert isinstance(source, PickupSource)
    source.test()
    found = {one.name: (one.size if one.regular else None) for one in source.place().listing().files}
    assert found == {"usage.csv": 5, "sub": None, "link": None}


def test_the_products_own_folders_and_the_systems_are_watched_by_nobody(tmp_path: Path) -> None:
    """An operator would read the key, and move the database away; the portal of a pick-up is an operator's to make."""
    home, exports = tmp_path / "home", tmp_path / "exports"
    for folder in (home / "uploads", exports, tmp_path / ".ssh"):
        folder.mkdir(parents=True)
    (home / "secret.key").write_text("hush")
    (tmp_path / "link").symlink_to(home)
    around = Surroundings(own_places=(home,))
    refused = [
        home,
        home / "uploads",
        tmp_path,
        tmp_path / "link",
        tmp_path / "link" / "uploads",
        exports / ".." / "home",
    ]
    for folder in (*refused, tmp_path / ".ssh", Path("/etc"), Path("/proc/self"), Path("/")):
        source = manifest("pickup_folder").open("P", {"folder": str(folder)}, {}, None, around)
        assert isinstance(source, PickupSource)
        place = source.place()
        for act in (
            source.test,
            place.listing,
            partial(place.look, file("secret.key")),
            partial(place.fetch, file("secret.key", 9), tmp_path / "got"),
            partial(place.move, file("secret.key"), ("processed",), "secret.key"),
            partial(place.delete, file("secret.key")),
            partial(place.write, (), "x.txt", b"x"),
        ):
            with pytest.raises(SettingsError, match="no folder for exports"):
                act()
    assert (home / "secret.key").read_text() == "hush"
    manifest("pickup_folder").open("P", {"folder": str(exports)}, {}, None, around).test()


@pytest.mark.parametrize("name", ["../x.csv", "a/b", "..", ".", "", "a\\b", "a\0b"])
def test_case_24_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    place = Folder(str(tmp_path))
    for act in (lambda: place.fetch(file(name), tmp_path / "got"), lambda: place.delete(file(name))):
        with pytest.raises(RemoteError):
            act()
    (tmp_path / "usage.csv").write_bytes(b"1")
    with pytest.raises(RemoteError):
        place.move(file("usage.csv"), ("processed",), name)
    assert (tmp_path / "usage.csv").exists()


def test_case_24_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "usage.csv").symlink_to(tmp_path / "outside")
    with pytest.raises(RemoteError):
        Folder(str(tmp_path / "drop")).fetch(file("usage.csv"), tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_an_archive_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "processed").symlink_to(tmp_path / "elsewhere")
    (drop / "usage.csv").write_bytes(b"1")
    with pytest.raises(RemoteError) as caught:
        Folder(str(drop)).move(file("usage.csv"), ("processed",), "usage.csv")
    assert caught.value.kind == Problem.DENIED
    assert (drop / "usage.csv").exists()


def test_an_archived_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "processed").mkdir()
    (tmp_path / "processed" / "usage.csv").write_bytes(b"old")
    (tmp_path / "usage.csv").write_bytes(b"new")
    with pytest.raises(RemoteError) as caught:
        Folder(str(tmp_path)).move(file("usage.csv"), ("processed",), "usage.csv")
    assert caught.value.kind == Problem.EXISTS
    assert (tmp_path / "processed" / "usage.csv").read_bytes() == b"old"


def test_a_file_that_grew_is_fetched_up_to_one_byte_too_many(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_bytes(b"x" * 5000)
    Folder(str(tmp_path)).fetch(file("usage.csv", 100), tmp_path / "got")
    assert (tmp_path / "got").stat().st_size == 101


def test_a_mount_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(Folder, "_list", lambda self: ended.wait(30))
    with pytest.raises(RemoteError, match="does not answer") as caught:
        Folder(str(tmp_path), limit=0.05).listing()
    assert caught.value.retryable
    ended.set()


def test_a_folder_that_is_not_there_or_no_whole_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(RemoteError, match="There is no folder"):
            Folder(str(path)).listing()
    with pytest.raises(SettingsError, match="not a whole path"):
        Folder("exports").listing()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    place = Folder(str(tmp_path))
    assert place.look(file("usage.csv")) is None
    with pytest.raises(RemoteError) as caught:
        place.fetch(file("usage.csv"), tmp_path / "got")
    assert caught.value.kind == Problem.GONE
