"""Keys and certificates as PEM, put right again: a form with one line takes their line ends away."""

from __future__ import annotations

import re

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
WIDTH = 64


def rewrapped(text: str) -> str:
    """The blocks of a PEM text, each with line ends where they belong; a text without blocks, or with headers in them, as it is."""
    blocks = [(name, body) for name, body in BLOCK.findall(text)]
    if not blocks or any(":" in body for _, body in blocks):
        return text.strip() + "\n"
    return "".join(f"-----BEGIN {name}-----\n{_lines(body)}-----END {name}-----\n" for name, body in blocks)


def _lines(body: str) -> str:
    plain = "".join(body.split())
    return "".join(f"{plain[at : at + WIDTH]}\n" for at in range(0, len(plain), WIDTH))
