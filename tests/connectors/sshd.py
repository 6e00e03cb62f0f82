"""SSH servers for tests: a real OpenSSH on loopback, and one in this process that can misbehave."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.ports import free_port, listens
from tests.waiting import until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


def needs_sshd() -> None:
    """Skips where OpenSSH's server is not installed; fails where it must be."""
    if SSHD is None:
        if os.environ.get("CONTRACTBRIDGE_REQUIRE_SFTP"):
            pytest.fail("openssh-server is needed here")
        pytest.skip("openssh-server is not installed")


def make_key(path: Path, kind: str = "ed25519", bits: int = 3072, passphrase: str = "") -> str:
    """A key pair at `path`; gives the public line `type base64`."""
    options = ["-b", str(bits)] if kind == "rsa" else []
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-C", "", "-f", str(path)], check=True, timeout=60
    )
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@dataclass
class OpenSsh:
    """A running sshd with one account: whoever runs the tests."""

    port: int
    user: str
    folder: Path
    host_key: str
    private_key: str


@contextmanager
def openssh(folder: Path, *host_keys: Path, options: str = "") -> Iterator[OpenSsh]:
    """OpenSSH on a free port, with the host keys given or an Ed25519 one of its own; files are in `folder`/drop."""
    folder.mkdir(parents=True, exist_ok=True)
    drop = folder / "drop"
    drop.mkdir(exist_ok=True)
    keys = list(host_keys)
    if not keys:
        make_key(folder / "host")
        keys = [folder / "host"]
    authorised = make_key(folder / "client")
    (folder / "authorised").write_text(authorised + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    config = folder / "config"
    config.write_text(
        "\n".join(
            [
                f"Port {port}", "ListenAddress 127.0.0.1", *(f"HostKey {key}" for key in keys),
                f"AuthorizedKeysFile {folder / 'authorised'}", "StrictModes no", "UsePAM no", "PasswordAuthentication no",
                "PermitRootLogin yes", "PidFile none", "Subsystem sftp internal-sftp", "PerSourcePenalties no", options,
            ]
        )
    )  # fmt: skip
    if subprocess.run([str(SSHD), "-t", "-f", str(config)], capture_output=True, check=False, timeout=60).returncode:
        config.write_text(config.read_text().replace("PerSourcePenalties no\n", ""))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        public = " ".join(keys[0].with_suffix(".pub").read_text().split()[:2])
        yield OpenSsh(port, getpass.getuser(), drop, public, (folder / "client").read_text())
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    if not until(lambda: process.poll() is not None or listens(port), every=0.02) or process.poll() is not None:
        raise RuntimeError(f"sshd does not answer: {log.read_text()}")


@dataclass
class Faults:
    """What the server in this process does wrong, and what it was asked."""

    cut_after: int = 0
    """Bytes of a file after which the connection is dropped, once."""
    refuse_rename: bool = False
    no_posix_rename: bool = False
    refuse_get: bool = False
    failing_renames: int = 0
    tried: list[str] = field(default_factory=list)
    renames: list[str] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)


def _server(faults: Faults, password: str, kinds: frozenset[str]) -> type[asyncssh.SSHServer]:
    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: Any) -> None:
            faults.connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            faults.tried.append("begin")
            return True

        def password_auth_supported(self) -> bool:
            return "password" in kinds

        def validate_password(self, username: str, given: str) -> bool:
            faults.tried.append("password")
            return given == password

        def kbdint_auth_supported(self) -> bool:
            return "kbdint" in kinds

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            faults.tried.append("kbdint")
            return "", "", "", [("Your password, please: ", False)]

        def validate_kbdint_response(self, username: str, responses: Any) -> bool:
            return list(responses) == [password]

    return Server


def _files(faults: Faults, root: Path) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            self._connection = chan.get_connection()
            super().__init__(chan, chroot=os.fsencode(root))

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if faults.refuse_get:
                raise asyncssh.SFTPPermissionDenied("no")
            return super().open(path, pflags, attrs)

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            if faults.cut_after and offset + size > faults.cut_after:
                faults.cut_after = 0
                self._connection.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            return super().read(file_obj, offset, size)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            faults.renames.append("posix")
            if faults.no_posix_rename:
                raise asyncssh.SFTPOpUnsupported("unknown")
            self._may_rename()
            return super().posix_rename(oldpath, newpath)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            faults.renames.append("plain")
            self._may_rename()
            return super().rename(oldpath, newpath)

        def _may_rename(self) -> None:
            if faults.refuse_rename:
                raise asyncssh.SFTPPermissionDenied("no")
            if faults.failing_renames:
                faults.failing_renames -= 1
                raise asyncssh.SFTPFailure("quota")

    return Files


@dataclass
class InProcess:
    """The server in this process. `loop` is where it lives."""

    port: int
    host_key: str
    faults: Faults


@contextmanager
def misbehaving(
    root: Path, *, password: str = "geheim", kinds: frozenset[str] = frozenset({"password"}), **options: Any
) -> Iterator[InProcess]:
    """An SFTP server on loopback that shows `root` as its own root and does what its faults say."""
    faults = Faults()
    key = options.pop("key", None) or asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Any:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=_server(faults, password, kinds), server_host_keys=[key],
            sftp_factory=_files(faults, root), **options,
        )  # fmt: skip

    async def stop(server: Any) -> None:
        server.close()
        for connection in faults.connections:
            connection.abort()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        public = key.export_public_key().decode().strip()
        yield InProcess(server.get_port(), " ".join(public.split()[:2]), faults)
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
