"""What every connector owes: words for people, a page of documentation, tests, demo data, and nothing of its neighbours."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from pathlib import Path

import pytest

from connectors._kit.registry import manifest, slugs
from core.domain.connector import ConnectorKind
from core.i18n import catalogue

ROOT = Path(__file__).resolve().parents[2]
PORTALS = [slug for slug in slugs() if manifest(slug).kind is ConnectorKind.API]


def imported(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names


def test_connectors_do_not_know_each_other() -> None:
    """Folders that begin with _ are shared: the kit, and what editions of one vendor's product have in common."""
    wrong = []
    for path in ROOT.glob("connectors/*/**/*.py"):
        own = path.relative_to(ROOT / "connectors").parts[0]
        for name in imported(path):
            parts = name.split(".")
            foreign = parts[0] == "connectors" and len(parts) > 1 and parts[1] != own and not parts[1].startswith("_")
            upward = parts[0] == "core" and name != "core.domain" and not name.startswith("core.domain.")
            if foreign or upward:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_the_kit_speaks_http() -> None:
    users = {
        str(path.relative_to(ROOT))
        for folder in ("core", "connectors", "pages")
        for path in ROOT.glob(f"{folder}/**/*.py")
        if any(name.split(".")[0] in ("httpx", "requests", "urllib3") for name in imported(path))
    }
    assert users <= {"connectors/_kit/http.py"}


@pytest.mark.parametrize("slug", slugs())
def test_s1_84_a_connector_tells_what_it_counts_and_how_to_connect(slug: str) -> None:
    found = manifest(slug)
    assert str(found.counts)
    assert found.guide


@pytest.mark.parametrize("slug", PORTALS)
def test_every_setting_of_a_portal_is_documented(slug: str) -> None:
    page = ROOT / "docs" / "connectors" / f"{slug}.md"
    text = page.read_text(encoding="utf-8")
    fields = [*manifest(slug).settings.model_fields, *manifest(slug).secrets.model_fields]
    assert [name for name in fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize("slug", PORTALS)
def test_every_portal_has_tests_of_its_own(slug: str) -> None:
    assert list((ROOT / "tests" / "connectors").glob(f"test_{slug}*.py"))


@pytest.mark.parametrize("slug", PORTALS)
def test_s1_83_every_portal_has_demo_data(slug: str) -> None:
    lines = json.loads((ROOT / "connectors" / slug / "demo.json").read_text(encoding="utf-8"))
    assert len({line["customer_id"] for line in lines}) >= 3
    assert all(Decimal(str(line["quantity"])) >= 0 and line["customer"] and line["product"] for line in lines)


@pytest.mark.parametrize("slug", slugs())
def test_s1_81_forms_are_in_dutch_too(slug: str) -> None:
    known = catalogue("nl")
    models = (manifest(slug).settings, manifest(slug).secrets)
    words = {
        text for model in models for field in model.model_fields.values() for text in (field.title, field.description)
    }
    assert sorted(text for text in words if text and text not in known) == []
