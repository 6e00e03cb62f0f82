"""SharePoint and OneDrive through a fake Graph over real HTTP (S1-60; numbers are those of the case list)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors._kit.registry import manifest
from connectors.sharepoint.manifest import SharePoint
from connectors.sharepoint.quick_xor import quick_xor
from core.domain.errors import RemoteError, SettingsError
from core.domain.pickup import Problem, RemoteFile

from .fakes import Server, serving
from .graph_files import GraphFiles, error

APP = "89ea5c94-0000-0000-0000-3fa95f62b66e"


@pytest.fixture
def graph() -> GraphFiles:
    return GraphFiles()


@pytest.fixture
def server(graph: GraphFiles) -> Iterator[Server]:
    with serving(graph.app()) as running:
        yield running


@pytest.fixture
def downloads(graph: GraphFiles) -> Iterator[Server]:
    """The host that downloads come from."""
    with serving(graph.app()) as running:
        graph.download_url = running.url
        yield running


def source(server: Server, **settings: object) -> SharePoint:
    own = {
        "site": "https://contoso.sharepoint.com/sites/Licences",
        "tenant_id": "t",
        "client_id": APP,
        "folder": "Exports",
    }
    opened = manifest("sharepoint").open(
        "P", {**own, "base_url": server.url, **settings}, {"client_secret": "geheim-1"}
    )
    assert isinstance(opened, SharePoint)
    return opened


def test_s1_65_folders_below_are_refused_with_another_way(server: Server) -> None:
    with pytest.raises(SettingsError, match="Folders below"):
        source(server, subfolders=True).place()


def test_d2_quick_xor_is_microsofts(tmp_path: Path) -> None:
    vectors = {
        b"": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", b"\x4a": "SgAAAAAAAAAAAAAAAQAAAAAAAAA=", b"\xb5\xb4": "taAFAAAAAAAAAAAAAgAAAAAAAAA=",
        b"customer;product;quantity\n": "4qb4lKvtRNaSe6q6lPpM3kCGOow=",
    }  # fmt: skip
    for content, expected in vectors.items():
        (tmp_path / "file").write_bytes(content)
        assert quick_xor(tmp_path / "file") == expected


def test_d2_quick_xor_is_the_same_however_long_the_file_is(tmp_path: Path) -> None:
    content = bytes(range(256)) * 6000
    (tmp_path / "file").write_bytes(content)
    state = [0] * 160
    for index, byte in enumerate(content):
        for bit in range(8):
            state[(index * 11 + bit) % 160] ^= byte >> bit & 1
    value = sum(bit << place for place, bit in enumerate(state)) ^ (len(content) << 96)
    import base64

    assert quick_xor(tmp_path / "file") == base64.b64encode(value.to_bytes(20, "little")).decode()


def test_s1_60_a_file_is_listed_fetched_and_archived(graph: GraphFiles, server: Server, tmp_path: Path) -> None:
    item = graph.put("usage-2026-10.csv", b"customer;product;quantity\n")
    found = source(server)
    found.test()
    place = found.place()
    file = place.listing().files[0]
    assert (file.id, file.name, file.size, file.regular) == (item.id, "usage-2026-10.csv", 26, True)
    place.fetch(file, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == item.content
    place.move(file, ("processed", "2026", "11"), "usage.csv")
    assert graph.where(item.id) == "processed/2026/11/usage.csv"
    place.write(("error",), "usage.csv.error.txt", b"why")
    assert "GET /v1.0/sites/contoso.sharepoint.com:/sites/Licences" in server.paths()
    assert place.look(file) is None


def test_folders_that_are_there_are_used(graph: GraphFiles, server: Server) -> None:
    for name in ("a.csv", "b.csv"):
        item = graph.put(name, b"1")
        place = source(server).place()
        place.move(place.listing().files[-1], ("processed",), name)
        assert graph.where(item.id) == f"processed/{name}"


def test_case_26_files_of_three_pages_are_all_seen_although_the_second_is_empty(
    graph: GraphFiles, server: Server
) -> None:
    for number in range(3):
        graph.put(f"{number}.csv", b"1")
    graph.page, graph.empty_second = 2, True
    assert [one.name for one in source(server).place().listing().files] == ["0.csv", "1.csv", "2.csv"]
    assert sum(one.path.endswith("/children") for one in server.asked) == 3


def test_case_28_an_address_that_expired_is_asked_once_more(
    graph: GraphFiles, server: Server, downloads: Server, tmp_path: Path
) -> None:
    graph.put("usage.csv", b"1")
    graph.expired = 1
    place = source(server).place()
    place.fetch(place.listing().files[0], tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"1"
    assert len(downloads.asked) == 2


def test_case_28_an_address_that_expires_again_is_a_failure(
    graph: GraphFiles, server: Server, downloads: Server, tmp_path: Path
) -> None:
    graph.put("usage.csv", b"1")
    graph.expired = 99
    place = source(server).place()
    with pytest.raises(RemoteError) as caught:
        place.fetch(place.listing().files[0], tmp_path / "got")
    assert len(downloads.asked) == 2
    assert "tempauth" not in str(caught.value) + caught.value.detail


def test_case_29_the_download_host_gets_no_credentials(
    graph: GraphFiles, server: Server, downloads: Server, tmp_path: Path
) -> None:
    graph.put("usage.csv", b"1")
    place = source(server).place()
    place.fetch(place.listing().files[0], tmp_path / "got")
    assert ["authorization" in one.headers for one in downloads.asked] == [False]


def test_case_30_a_site_that_is_not_granted_is_told_with_the_app_and_asked_once(
    graph: GraphFiles, server: Server
) -> None:
    graph.forbidden = True
    with pytest.raises(RemoteError, match=APP) as caught:
        source(server).test()
    assert caught.value.kind == Problem.DENIED
    assert sum(one.path.startswith("/v1.0/") for one in server.asked) == 1


def test_case_31_a_file_of_any_name_is_fetched_by_its_id(graph: GraphFiles, server: Server, tmp_path: Path) -> None:
    item = graph.put("Verbruik #10 (50%).csv", b"1")
    place = source(server).place()
    place.fetch(place.listing().files[0], tmp_path / "got")
    place.move(place.listing().files[0], ("Archief #1 50%",), item.name)
    assert graph.where(item.id) == "Archief #1 50%/Verbruik #10 (50%).csv"


@pytest.mark.parametrize(
    ("status", "kind"), [(423, Problem.LOCKED), (412, Problem.CHANGED), (409, Problem.EXISTS), (404, Problem.GONE)]
)
def test_case_32_what_stands_in_the_way_of_archiving_has_a_name(
    graph: GraphFiles, server: Server, status: int, kind: Problem
) -> None:
    item = graph.put("usage.csv", b"1")
    graph.faults[f"PATCH {item.id}"] = [error(status, "x")]
    place = source(server).place()
    with pytest.raises(RemoteError) as caught:
        place.move(place.listing().files[0], ("processed",), "usage.csv")
    assert caught.value.kind == kind


def test_a_file_that_came_damaged_is_not_used(graph: GraphFiles, server: Server, tmp_path: Path) -> None:
    graph.put("usage.csv", b"12345")
    graph.damaged = True
    place = source(server).place()
    with pytest.raises(RemoteError, match="damaged"):
        place.fetch(place.listing().files[0], tmp_path / "got")


def test_without_a_hash_a_file_is_fetched_all_the_same(graph: GraphFiles, server: Server, tmp_path: Path) -> None:
    graph.put("usage.csv", b"12345", with_hash=False)
    place = source(server).place()
    place.fetch(place.listing().files[0], tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"12345"


def test_delta_tells_what_changed_and_what_went(graph: GraphFiles, server: Server) -> None:
    first, second = graph.put("a.csv", b"1"), graph.put("b.csv", b"2")
    place = source(server, use_delta=True).place()
    whole = place.listing()
    assert (whole.whole, {one.name for one in whole.files if one.regular}) == (True, {"a.csv", "b.csv"})
    graph.changes = [
        {"id": first.id, "name": "a.csv", "deleted": {"state": "deleted"}},
        second.record(),
        graph.put("c.csv", b"3").record(),
    ]
    more = place.listing(whole.cursor)
    assert (more.whole, [one.name for one in more.files], more.gone) == (
        False,
        ["b.csv", "c.csv"],
        frozenset({first.id}),
    )


def test_case_27_a_delta_that_is_too_old_lists_everything_again(graph: GraphFiles, server: Server) -> None:
    graph.put("a.csv", b"1")
    place = source(server, use_delta=True).place()
    cursor = place.listing().cursor
    graph.resync = True
    again = place.listing(cursor)
    assert (again.whole, [one.name for one in again.files if one.regular]) == (True, ["a.csv"])


def test_where_delta_is_not_allowed_the_children_are_listed(graph: GraphFiles, server: Server) -> None:
    graph.put("a.csv", b"1")
    graph.delta_forbidden = True
    found = source(server, use_delta=True).place().listing()
    assert (found.whole, found.cursor, [one.name for one in found.files]) == (True, "", ["a.csv"])


def test_d1_an_app_that_may_read_everything_is_told(graph: GraphFiles, server: Server) -> None:
    assert source(server).place().listing().notes == ()
    graph.roles = ("Sites.Selected", "Files.Read.All")
    assert "Files.Read.All" in str(source(server).place().listing().notes[0])


def test_a_library_and_a_folder_that_are_not_there_are_told(graph: GraphFiles, server: Server) -> None:
    assert source(server, library="documents").place().listing().files == ()
    with pytest.raises(SettingsError, match="There are: Documents, Other"):
        source(server, library="Nothing").test()
    with pytest.raises(RemoteError, match="no folder Nothing"):
        source(server, folder="Nothing").test()


def test_graph_says_slow_down_and_is_waited_for(graph: GraphFiles, server: Server) -> None:
    graph.put("a.csv", b"1")
    graph.faults["GET children"] = [
        error(429, "tooManyRequests", **{"Retry-After": "0"}),
        error(503, "x", **{"Retry-After": "0"}),
    ]
    assert [one.name for one in source(server).place().listing().files] == ["a.csv"]


def test_a_secret_or_a_certificate_is_needed() -> None:
    with pytest.raises(SettingsError, match="needed"):
        manifest("sharepoint").open("P", {"site": "https://c", "tenant_id": "t", "client_id": "c"}, {})


def test_a_file_that_is_moved_away_is_gone(graph: GraphFiles, server: Server) -> None:
    place = source(server).place()
    with pytest.raises(RemoteError) as caught:
        place.move(RemoteFile(id="01NONE", name="x.csv", size=1), ("processed",), "x.csv")
    assert caught.value.kind == Problem.GONE
