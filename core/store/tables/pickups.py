"""Files that were picked up."""

from __future__ import annotations
