"""Done to the small disk of a nursery, by a process that sees it (see `nursery`): fill it, make room, make it read-only.

`python3 tests/chaos/disk.py` tries whether this machine lets somebody have such a disk: exit code 3 when it does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from pathlib import Path

NEW_MOUNTS, NEW_USERS, PRIVATE, RECURSIVE, REMOUNT, READ_ONLY, DETACH = 0x20000, 0x10000000, 1 << 18, 1 << 14, 32, 1, 2
"""CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC, MS_REMOUNT, MS_RDONLY, MNT_DETACH."""
FILLER = "filler"


NOT_ALLOWED = 3


class NotAllowed(Exception):
    """This machine lets nobody have a disk of his own."""


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    given = [one.encode() if isinstance(one, str) else one for one in arguments]
    if getattr(libc, name)(*given) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def own_disk(place: str, size: str) -> None:
    """From here on this process and its children have a disk of this size at `place`, which nobody else sees. Raises NotAllowed."""
    try:
        try:
            _call("unshare", NEW_MOUNTS)
        except PermissionError:
            _in_own_users()
        _call("mount", None, "/", None, ctypes.c_ulong(PRIVATE | RECURSIVE), None)
        _call("mount", "tmpfs", place, "tmpfs", ctypes.c_ulong(0), f"size={size}")
    except OSError as error:
        raise NotAllowed(str(error)) from error


def _in_own_users() -> None:
    """For who is not root: a namespace of one's own, where mounting is allowed. One stays who one is: PostgreSQL refuses root."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_USERS | NEW_MOUNTS)
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="utf-8")


def remount(place: str, *, read_only: bool) -> None:
    """Nobody may have a file open for writing on it."""
    flags = REMOUNT | (READ_ONLY if read_only else 0)
    _call("mount", None, place, None, ctypes.c_ulong(flags), None)


def fill(place: str, leave: int = 0) -> None:
    """To the last byte, or but for so many."""
    with Path(place, FILLER).open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)) == size:
                    continue
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        if leave:
            file.truncate(file.tell() - leave)


def make_room(place: str) -> None:
    Path(place, FILLER).unlink()


def let_go(place: str) -> None:
    """It is there no more for who comes by; what is still open on it ends later."""
    _call("umount2", place, DETACH)


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        try:
            own_disk(place, "1m")
        except NotAllowed as error:
            print(error)
            return NOT_ALLOWED
        let_go(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
