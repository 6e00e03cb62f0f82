"""The table of portals in docs/connectors/README.md says what the manifests say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors._kit.registry import manifest, slugs
from core.domain.connector import ConnectorKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "connectors" / "README.md"


def rows() -> dict[str, list[str]]:
    """The cells after the slug, by slug."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {found[1]: cells[1:] for cells in lines if (found := re.fullmatch(r"`(\w+)`", cells[0]))}


def test_the_table_has_every_portal_and_no_other() -> None:
    assert sorted(rows()) == sorted(slugs())


@pytest.mark.parametrize("slug", slugs())
def test_the_table_says_what_the_manifest_says(slug: str) -> None:
    name, kind, counts, signs_in, page = rows()[slug]
    found = manifest(slug)
    assert (name, kind, counts) == (found.name, str(found.kind), str(found.counts))
    assert signs_in
    has_page = found.kind is ConnectorKind.API or PAGE.with_name(f"{slug}.md").exists()
    assert page == (f"[{slug}]({slug}.md)" if has_page else "–")
