"""Finds the connectors: every folder beside this one with a `manifest.py`."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from connectors._kit.contract import Manifest
from core.domain.connector import Connector
from core.domain.errors import SettingsError
from core.domain.text import T

FOLDER = Path(__file__).resolve().parent.parent


class Registry:
    """All connectors of this installation; fulfils `core.domain.connector.Connectors`."""

    def all(self) -> tuple[Connector, ...]:
        return tuple(manifest(slug) for slug in slugs())

    def get(self, slug: str) -> Connector:
        """The connector of that name; raises SettingsError listing the known ones."""
        if slug not in slugs():
            raise SettingsError(
                T("There is no connector {slug}. There are: {known}.", slug=slug, known=", ".join(slugs())),
                kind="unknown_connector",
            )
        return manifest(slug)


@cache
def slugs() -> tuple[str, ...]:
    """Names of the connectors' folders, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/manifest.py")))


@cache
def manifest(slug: str) -> Manifest:
    """The manifest of one connector; its folder's name is its slug."""
    found = importlib.import_module(f"connectors.{slug}.manifest").MANIFEST
    if not isinstance(found, Manifest) or found.slug != slug:
        raise TypeError(f"connectors/{slug}/manifest.py: MANIFEST is missing or has another slug")
    return found
