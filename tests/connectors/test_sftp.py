"""SFTP against a real OpenSSH server, and against one that misbehaves (numbers are those of the case list)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from connectors._kit.registry import manifest
from connectors._kit.retry import Backoff
from connectors.sftp.manifest import SftpServer
from connectors.sftp.place import SftpFolder
from connectors.sftp.session import Login, private_key, trusted_prints
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.pickup import PickupSource, Problem, RemoteFile, ShowsHostKey, fingerprint

from .sshd import InProcess, OpenSsh, make_key, misbehaving, needs_sshd, openssh

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
PRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
QUICK = Backoff(attempts=3, first=0.01, longest=0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    needs_sshd()
    with openssh(tmp_path_factory.mktemp("openssh")) as running:
        yield running


@pytest.fixture
def drop(server: OpenSsh) -> Path:
    """An empty folder on the server."""
    for path in sorted(server.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return server.folder


def source(server: OpenSsh, **settings: object) -> SftpServer:
    own = {"host": "127.0.0.1", "port": server.port, "user": server.user, "folder": str(server.folder)}
    opened = manifest("sftp").open(
        "P", {**own, "host_keys": [server.host_key], **settings}, {"private_key": server.private_key}
    )
    assert isinstance(opened, SftpServer)
    return opened


def login(server: InProcess, **more: object) -> Login:
    known = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "jan",
        "host_keys": [server.host_key],
        "password": "geheim",
    }
    return Login(**{**known, **more})  # type: ignore[arg-type]


def test_c1_fingerprints_are_those_of_openssh() -> None:
    assert trusted_prints([KEY]) == {PRINT: "ssh-ed25519"}
    assert list(trusted_prints([f"server.example.com {OTHER} remark"])) == [
        "SHA256:mKqU+0K8OhKmA8bBQi9Rz0Q5l7/g160hIP+rJYSTNj4"
    ]
    assert trusted_prints([PRINT]) == {PRINT: ""}
    with pytest.raises(SettingsError, match="no host key"):
        trusted_prints(["certainly not"])
    assert fingerprint(b"").startswith("SHA256:47DEQpj8")


def test_s1_59_openssh_lists_fetches_moves_and_writes(server: OpenSsh, drop: Path, tmp_path: Path) -> None:
    (drop / "usage.csv").write_bytes(b"x" * 700_000)
    os.utime(drop / "usage.csv", (1_700_000_000, 1_700_000_000))
    (drop / "folder").mkdir()
    (drop / "link.csv").symlink_to(drop / "usage.csv")
    found = source(server)
    assert isinstance(found, PickupSource)
    assert isinstance(found, ShowsHostKey)
    found.test()
    place = found.place()
    files = {one.name: one for one in place.listing().files}
    assert {name: one.regular for name, one in files.items()} == {"usage.csv": True, "folder": False, "link.csv": False}
    usage = files["usage.csv"]
    assert (usage.size, usage.modified) == (700_000, datetime.fromtimestamp(1_700_000_000, UTC))
    place.fetch(usage, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"x" * 700_000
    assert place.look(usage) == usage
    place.move(usage, ("processed", "2026", "11"), "usage.csv")
    assert (drop / "processed/2026/11/usage.csv").stat().st_size == 700_000
    assert place.look(usage) is None
    place.write(("error",), "usage.csv.error.txt", b"why") if (drop / "error").mkdir() is None else None
    assert (drop / "error/usage.csv.error.txt").read_bytes() == b"why"
    place.close()


def test_s1_65_folders_below_are_looked_into_where_it_is_wanted(server: OpenSsh, drop: Path, tmp_path: Path) -> None:
    run = drop / "msp" / "20260101-20260131" / "run-1"
    run.mkdir(parents=True)
    (run / "manifest.json").write_bytes(b"{}")
    (drop / "processed").mkdir()
    (drop / "processed" / "old.csv").write_bytes(b"old")
    below = "msp/20260101-20260131/run-1/manifest.json"
    plain, deep = source(server), source(server, subfolders=True, contents="consumption")
    with closing(plain.place()) as place:
        assert [one.name for one in place.listing().files if one.regular] == []
    with closing(deep.place()) as place:
        (file,) = [one for one in place.listing().files if one.regular]
        assert (file.id, file.name, file.folder) == (below, "manifest.json", below.rpartition("/")[0])
        assert place.look(file) == file
        place.fetch(file, tmp_path / "copy")
        place.move(file, ["processed", "2026", "01", *file.folder.split("/")], file.name)
        assert place.look(file) is None
    assert (tmp_path / "copy").read_bytes() == b"{}"
    assert (drop / "processed/2026/01" / below).read_bytes() == b"{}"
    shutil.rmtree(drop / "msp")
    shutil.rmtree(drop / "processed")


def test_an_archived_file_is_never_written_over(server: OpenSsh, drop: Path) -> None:
    (drop / "usage.csv").write_bytes(b"new")
    (drop / "processed").mkdir()
    (drop / "processed" / "usage.csv").write_bytes(b"old")
    place = source(server).place()
    with pytest.raises(RemoteError) as caught:
        place.move(RemoteFile(id="usage.csv", name="usage.csv", size=3), ("processed",), "usage.csv")
    assert caught.value.kind == Problem.EXISTS
    assert (drop / "processed" / "usage.csv").read_bytes() == b"old"
    place.close()


@pytest.mark.parametrize("name", ["../x.csv", "a/b", "..", "", "a\0b", "a\\b"])
def test_case_24_a_name_never_leads_out_of_the_folder(server: OpenSsh, drop: Path, tmp_path: Path, name: str) -> None:
    place = source(server).place()
    with pytest.raises(RemoteError):
        place.fetch(RemoteFile(id=name, name=name, size=1), tmp_path / "got")
    place.close()


def test_c2_a_wrong_folder_is_told_with_those_there_are(server: OpenSsh, drop: Path) -> None:
    with pytest.raises(RemoteError, match="There is no folder") as caught:
        source(server, folder=str(drop / "nothing")).test()
    assert "The account sees" in str(caught.value)


def test_c1_an_unknown_key_is_shown_and_never_trusted_by_itself(server: OpenSsh) -> None:
    found = source(server, host_keys=[])
    shown = found.host_key()
    assert (shown.line, shown.type) == (server.host_key, "ssh-ed25519")
    with pytest.raises(SettingsError, match="not trusted yet") as caught:
        found.test()
    assert shown.fingerprint in str(caught.value)
    assert shown.line in str(caught.value)
    source(server, host_keys=[shown.line]).test()
    source(server, host_keys=[shown.fingerprint]).test()


def test_c1_several_keys_are_trusted_while_a_server_changes_its_key(server: OpenSsh) -> None:
    source(server, host_keys=[OTHER, server.host_key]).test()


def test_c1_a_server_with_two_keys_is_asked_for_the_one_that_is_trusted(tmp_path: Path) -> None:
    needs_sshd()
    rsa, ed25519 = tmp_path / "rsa", tmp_path / "ed"
    trusted = make_key(rsa, "rsa")
    make_key(ed25519)
    with openssh(tmp_path / "server", ed25519, rsa) as running:
        source(running, host_keys=[trusted]).test()


def test_case_17_another_host_key_stops_before_authentication_with_both_fingerprints(tmp_path: Path) -> None:
    with misbehaving(tmp_path) as server:
        place = SftpFolder(login(server, host_keys=[KEY]), ".", backoff=QUICK)
        with pytest.raises(SettingsError) as caught:
            place.listing()
        assert server.faults.tried == []
        shown = asyncssh.import_public_key(server.host_key).get_fingerprint()
    assert f"host key changed: expected {PRINT}, got {shown}" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"encryption_algs": ["aes256-cbc"]}, {"kex_algs": ["diffie-hellman-group14-sha1"]}, {"mac_algs": ["hmac-sha1"], "encryption_algs": ["aes256-ctr"]}],
    ids=["cbc", "kex-sha1", "mac-sha1"],
)  # fmt: skip
def test_c1_outdated_encryption_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with misbehaving(tmp_path, **options) as server, pytest.raises(RemoteError, match="outdated"):
        SftpFolder(login(server), ".", backoff=QUICK).listing()


def test_c1_rsa_signatures_by_sha1_are_refused(tmp_path: Path) -> None:
    needs_sshd()
    make_key(tmp_path / "rsa", "rsa")
    old = openssh(tmp_path / "server", tmp_path / "rsa", options="HostKeyAlgorithms ssh-rsa")
    with old as running, pytest.raises(RemoteError, match="outdated"):
        source(running).test()
    with openssh(tmp_path / "better", tmp_path / "rsa") as running:
        source(running).test()


@pytest.mark.parametrize("kinds", [frozenset({"password"}), frozenset({"kbdint"}), frozenset({"password", "kbdint"})])
def test_c1_a_password_works_also_where_it_is_asked_as_a_question(tmp_path: Path, kinds: frozenset[str]) -> None:
    (tmp_path / "usage.csv").write_bytes(b"1")
    with misbehaving(tmp_path, kinds=kinds) as server:
        place = SftpFolder(login(server), ".", backoff=QUICK)
        assert [one.name for one in place.listing().files] == ["usage.csv"]
        place.close()


def test_a_wrong_password_is_told_without_showing_it(tmp_path: Path) -> None:
    with misbehaving(tmp_path) as server, pytest.raises(Unauthorized) as caught:
        SftpFolder(login(server, password="falsch-und-lang"), ".", backoff=QUICK).listing()
    assert "falsch-und-lang" not in str(caught.value) + caught.value.detail


def test_c1_keys_with_a_passphrase_and_of_too_few_bits(tmp_path: Path) -> None:
    make_key(tmp_path / "locked", passphrase="wachtwoord")
    locked = (tmp_path / "locked").read_text()
    plain = Login("h", 22, "u", ())
    one_line = locked.replace("\n", "")  # as a field of a form with one line leaves it
    assert private_key(Login("h", 22, "u", (), "", one_line, "wachtwoord")).get_name() == "ssh-ed25519"
    assert private_key(Login("h", 22, "u", (), "", locked, "wachtwoord")).get_name() == "ssh-ed25519"
    for phrase in ("", "wrong"):
        with pytest.raises(SettingsError, match="passphrase"):
            private_key(Login("h", 22, "u", (), "", locked, phrase))
    make_key(tmp_path / "short", "rsa", bits=2048)
    with pytest.raises(SettingsError, match="2048 bits"):
        private_key(Login("h", 22, "u", (), "", (tmp_path / "short").read_text()))
    with pytest.raises(SettingsError, match="cannot be read"):
        private_key(Login("h", 22, "u", (), "", "ssh-ed25519 AAAA the public part"))
    assert "password" not in repr(plain)


def test_c2_a_connection_that_breaks_in_the_middle_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_bytes(b"y" * 3_000_000)
    with misbehaving(tmp_path) as server:
        server.faults.cut_after = 1_000_000
        place = SftpFolder(login(server), ".", backoff=QUICK)
        file = place.listing().files[0]
        place.fetch(file, tmp_path / "got")
        place.close()
        assert len(server.faults.connections) == 2
    assert (tmp_path / "got").read_bytes() == b"y" * 3_000_000


def test_a_server_that_goes_away_in_the_middle_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_bytes(b"y" * 3_000_000)
    with misbehaving(tmp_path) as server:
        place = SftpFolder(login(server), ".", backoff=Backoff(attempts=1))
        file = place.listing().files[0]
        server.faults.cut_after = 1_000_000
        with pytest.raises(RemoteError, match="was lost") as caught:
            place.fetch(file, tmp_path / "got")
    assert caught.value.retryable
    assert (tmp_path / "got").stat().st_size < 3_000_000


@pytest.mark.parametrize(("no_posix", "asked"), [(False, ["posix"]), (True, ["posix", "plain"])])
def test_c2_posix_rename_is_used_where_it_is_offered(tmp_path: Path, no_posix: bool, asked: list[str]) -> None:
    (tmp_path / "usage.csv").write_bytes(b"1")
    with misbehaving(tmp_path) as server:
        server.faults.no_posix_rename = no_posix
        place = SftpFolder(login(server), ".", backoff=QUICK)
        place.move(place.listing().files[0], ("processed",), "usage.csv")
        place.close()
        assert server.faults.renames == asked
    assert (tmp_path / "processed" / "usage.csv").exists()


@pytest.mark.parametrize(("fault", "kind"), [("refuse_rename", Problem.DENIED), ("refuse_get", Problem.DENIED)])
def test_case_22_what_the_account_may_not_do_is_denied(tmp_path: Path, fault: str, kind: Problem) -> None:
    (tmp_path / "usage.csv").write_bytes(b"1")
    with misbehaving(tmp_path) as server:
        setattr(server.faults, fault, True)
        place = SftpFolder(login(server), ".", backoff=QUICK)
        file = place.listing().files[0]
        with pytest.raises(RemoteError) as caught:
            if fault == "refuse_get":
                place.fetch(file, tmp_path / "got")
            else:
                place.move(file, ("processed",), "usage.csv")
        place.close()
    assert caught.value.kind == kind


def test_c2_a_file_that_was_taken_away_is_gone(server: OpenSsh, drop: Path, tmp_path: Path) -> None:
    place = source(server).place()
    with pytest.raises(RemoteError) as caught:
        place.fetch(RemoteFile(id="usage.csv", name="usage.csv", size=1), tmp_path / "got")
    assert caught.value.kind == Problem.GONE
    place.close()


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(RemoteError, match="no connection"):
        SftpFolder(Login("127.0.0.1", 1, "u", (KEY,)), ".", backoff=Backoff(attempts=1)).listing()
