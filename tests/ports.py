"""Ports for programs that cannot choose one themselves: nginx, OpenSSH, PHP, the product in a process of its own."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, COUNT = 20_000, 11_000
"""Below the ports that systems give to outgoing connections (from 32768 on), so that none of those comes in between."""
_numbers = itertools.count(os.getpid() * 131)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on. This process gives none twice; others begin elsewhere."""
    for number in itertools.islice(_numbers, COUNT):
        port = FIRST + number % COUNT
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no port is free")


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
