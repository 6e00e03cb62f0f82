"""Logos: pictures that can be printed."""

from __future__ import annotations

import io

from PIL import Image

LARGEST = 1_000_000
"""Bytes."""
MOST_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG")


def is_printable(picture: bytes) -> bool:
    """Whether this is a PNG or JPEG of a sensible size."""
    if len(picture) > LARGEST:
        return False
    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return False
            image.verify()
    except (OSError, SyntaxError, ValueError):
        # The library's ways to say that it cannot read a picture.
        return False
    return True
