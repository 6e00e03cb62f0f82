"""Who holds a lease: this process, told apart from all others, so that one whose process died is free at once."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path


def new_owner() -> str:
    """A name for somebody in this process: host, process number, when the process began, and a number of its own."""
    return f"{_host()}|{os.getpid()}|{_birth(os.getpid())}|{uuid.uuid4().hex[:12]}"


def same_process(one: str, other: str) -> bool:
    """Whether both names are of the same process."""
    return one.rpartition("|")[0] == other.rpartition("|")[0]


def is_dead(owner: str) -> bool:
    """Whether the process of this owner is known to be gone. False when nobody can tell: then its lease must run out."""
    parts = owner.split("|")
    if len(parts) != 4 or parts[0] != _host() or not parts[1].isdigit():
        return False
    pid = int(parts[1])
    if pid == os.getpid():
        return parts[2] != _birth(pid)
    if sys.platform == "win32":
        # There, asking with signal 0 would end the process.
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # The number may belong to a younger process by now.
    return parts[2] != _birth(pid) or _is_zombie(pid)


def _host() -> str:
    return socket.gethostname().replace("|", "-")


def _birth(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not tell."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] in ("Z", "X")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/…/stat after the name of the program, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
