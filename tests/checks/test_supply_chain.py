"""Every package that is installed with the product is known, has a licence that is allowed, and stands in the bill of materials."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests import supply_chain
from tests.connectors.fakes import serving

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def found() -> list[supply_chain.Package]:
    return supply_chain.packages()


def test_every_package_has_a_licence_that_is_allowed(found: list[supply_chain.Package]) -> None:
    refused = {one.name: one.licence for one in found if not supply_chain.is_allowed(one.licence)}
    assert not refused, "read the licence, then add it to tests/supply_chain.py or take another package"


def test_what_was_read_by_a_person_is_about_packages_that_are_there(found: list[supply_chain.Package]) -> None:
    assert set(supply_chain.READ) <= {one.name for one in found}


def test_the_page_lists_them_all(found: list[supply_chain.Package]) -> None:
    assert supply_chain.PAGE.read_text(encoding="utf-8") == supply_chain.page(found), "run `manage.py licences`"


def test_every_package_is_pinned_with_hashes(found: list[supply_chain.Package]) -> None:
    text = supply_chain.REQUIREMENTS.read_text(encoding="utf-8")
    pins = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if not block.startswith("#")]
    assert len(pins) >= len(found) > 50
    assert all("==" in block and HASH.search(block) for block in pins)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False), ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False), ("MPL-2.0 AND (Apache-2.0 OR MIT)", True), ("BSD License", False), ("", False),
    ],
)  # fmt: skip
def test_one_of_a_choice_is_enough_and_all_of_several_are_needed(licence: str, allowed: bool) -> None:
    assert supply_chain.is_allowed(licence) is allowed


def test_the_bill_of_materials_names_every_package_with_version_licence_and_what_needs_it(
    tmp_path: Path, found: list[supply_chain.Package], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sbom.json"
    assert supply_chain.main(["sbom", str(file)]) == 0
    assert f"{len(found)} packages" in capsys.readouterr().out
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "contractbridge"
    parts = {part["name"]: part for part in bill["components"]}
    assert {name: part["version"] for name, part in parts.items()} == {one.name: one.version for one in found}
    assert all(part["purl"].startswith("pkg:pypi/") and part["licenses"] for part in parts.values())
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    assert parts["sqlalchemy"]["purl"] in needs["contractbridge"], "it is asked for by requirements.in"
    assert parts["starlette"]["purl"] in needs[parts["streamlit"]["purl"]]
    assert all(one.wanted_by for one in found), "nothing is installed that nobody needs"


def osv(known: dict[str, str], *, short: bool = False) -> Starlette:
    """As OSV answers: one result for each query, in their order."""

    async def answer(request: Request) -> JSONResponse:
        asked = (await request.json())["queries"]
        results = [
            {"vulns": [{"id": known[one["package"]["name"]]}]} if one["package"]["name"] in known else {}
            for one in asked
        ]
        return JSONResponse({"results": results[:1] if short else results})

    return Starlette(routes=[Route("/v1/querybatch", answer, methods=["POST"])])


def test_known_weaknesses_are_told_by_package_and_fail_the_command(
    found: list[supply_chain.Package], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(osv({"jinja2": "GHSA-h75v-3vvj-5mfj"})) as server:
        assert supply_chain.main(["vulnerabilities", "--address", server.url]) == 1
    version = next(one.version for one in found if one.name == "jinja2")
    assert f"jinja2 {version}: GHSA-h75v-3vvj-5mfj" in capsys.readouterr().out
    asked = json.loads(server.asked[0].body)["queries"]
    assert {(one["package"]["name"], one["version"]) for one in asked} == {(one.name, one.version) for one in found}
    with serving(osv({})) as server:
        assert supply_chain.main(["vulnerabilities", "--address", server.url]) == 0
    assert f"{len(found)} packages, 0 with" in capsys.readouterr().out


def test_where_the_database_cannot_be_asked_it_says_so_and_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(osv({}, short=True)) as server:
        assert supply_chain.main(["vulnerabilities", "--address", server.url]) == 0
    assert supply_chain.main(["vulnerabilities", "--address", "http://127.0.0.1:1"]) == 0
    told = capsys.readouterr().out
    assert told.count("cannot be asked from here") == 2
