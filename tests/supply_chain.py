"""What the product is made of: `manage.py licences` writes docs/licences.md, `manage.py sbom FILE` a CycloneDX bill of materials,
`manage.py vulnerabilities` asks the public database of known weaknesses (OSV, which pip-audit asks too).

All read `requirements.txt` (what is installed, to the version) and the metadata of the installed packages.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import urllib.request
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "licences.md"

OSV = "https://api.osv.dev"

FREE = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "OFL-1.1", "PSF-2.0",
        "Zlib",
    }
)  # fmt: skip
"""Ask for no more than naming the authors."""
OF_THE_PACKAGE_ALONE = frozenset({"LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-2.0"})
"""Ask that changes to the package itself are given back: it is used as it comes, installed beside the product."""
ALLOWED = FREE | OF_THE_PACKAGE_ALONE

SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "PSFL": "PSF-2.0",
    "SIL OFL 1.1": "OFL-1.1",
}
"""How packages name a licence that has an SPDX name."""
READ = {
    "altair": "BSD-3-Clause", "colorama": "BSD-3-Clause", "cronsim": "BSD-3-Clause", "google-re2": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause", "jinja2": "BSD-3-Clause", "olefile": "BSD-2-Clause", "paramiko": "LGPL-2.1-or-later", "reportlab": "BSD-3-Clause",
    "xlrd": "BSD-3-Clause",
}  # fmt: skip
"""Packages that say just "BSD" or "LGPL", or are installed on Windows alone: read by a person in the text of their licence."""
HEADER = """# What ContractBridge is made of

Every package that is installed with it, and its licence. Made by `python3 manage.py licences`; a test fails when a package is missing here or has a licence that is not allowed.
`python3 manage.py sbom FILE` writes the same as a CycloneDX bill of materials, with versions and with what needs what. Whether anything in it has a known weakness is told, where there is internet, by
`python3 manage.py vulnerabilities`: it asks OSV.dev about every pinned version, and says so where it cannot be asked.

Allowed without a condition on the product: {free}.
Allowed because the package is used as it comes, installed beside the product: {alone}.

| package | licence |
|---|---|
"""


@dataclass
class Package:
    """One pinned package. `wanted_by` are the names of those that need it; `requirements.in` counts as the product itself."""

    name: str
    version: str
    licence: str
    wanted_by: list[str] = field(default_factory=list)


def packages() -> list[Package]:
    """All pinned packages in order, each once: of two versions for two Pythons the first."""
    found: dict[str, Package] = {}
    current: Package | None = None
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", line):
            name = pin[1].lower()
            current = found.setdefault(name, Package(name, pin[2], licence_of(name)))
        elif (
            current and (wanted := re.match(r"\s+#(?: via)?\s+(?:-r )?([A-Za-z0-9_.-]+)", line)) and wanted[1] != "via"
        ):
            current.wanted_by.append(wanted[1])
    return list(found.values())


def licence_of(name: str) -> str:
    """As an SPDX expression; what the package itself says when that is none ("" when it says nothing)."""
    if name in READ:
        return READ[name]
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    if expression := said.get("License-Expression"):
        return str(expression)
    words = [str(said.get("License") or "").strip().split("\n")[0]]
    words += [word.rsplit(" :: ", 1)[-1] for word in said.get_all("Classifier") or [] if word.startswith("License ::")]
    names = [SPELLINGS.get(word, word) for word in words if word]
    return next((word for word in names if word in ALLOWED), names[0] if names else "")


def is_allowed(licence: str) -> bool:
    """Of several to choose from one is enough; of several that all count each must be allowed."""
    if not licence:
        return False
    licensing = get_spdx_licensing()
    if licensing.validate(licence).errors:
        return False
    parsed = licensing.parse(licence)
    answers = {symbol: licensing.TRUE if str(symbol) in ALLOWED else licensing.FALSE for symbol in parsed.symbols}
    return bool(parsed.subs(answers).simplify() == licensing.TRUE)


def page(found: list[Package]) -> str:
    header = HEADER.format(free=", ".join(sorted(FREE)), alone=", ".join(sorted(OF_THE_PACKAGE_ALONE)))
    return header + "".join(f"| {one.name} | {one.licence} |\n" for one in found)


def bill_of_materials(found: list[Package]) -> str:
    """CycloneDX 1.6 as JSON, checked against its schema. Raises ValueError when it is not right."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    product = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref=project["name"]
    )
    bom = Bom()
    bom.metadata.component = product
    parts = {one.name: _component(one) for one in found}
    bom.components.update(parts.values())
    for one in found:
        for name in one.wanted_by:
            bom.register_dependency(parts.get(name, product), [parts[one.name]])
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(str(wrong))
    return text + "\n"


def _component(package: Package) -> Component:
    licence = LicenseExpression(package.licence, acknowledgement=LicenseAcknowledgement.DECLARED)
    url = PackageURL("pypi", name=package.name, version=package.version)
    return Component(
        name=package.name, version=package.version, purl=url, bom_ref=str(url), licenses=[licence] if package.licence else None
    )  # fmt: skip


def vulnerabilities(found: list[Package], address: str = OSV) -> dict[str, list[str]] | None:
    """The known weaknesses of each package that has any, by their ids; None when the database cannot be asked."""
    queries = [{"package": {"ecosystem": "PyPI", "name": one.name}, "version": one.version} for one in found]
    request = urllib.request.Request(
        f"{address}/v1/querybatch", json.dumps({"queries": queries}).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            results = json.load(answer)["results"]
    except (OSError, ValueError, KeyError):
        return None
    if len(results) != len(found):
        return None
    known = {
        f"{one.name} {one.version}": [each["id"] for each in told.get("vulns") or []]
        for one, told in zip(found, results, strict=True)
    }
    return {name: ids for name, ids in known.items() if ids}


def _tell_vulnerabilities(found: list[Package], address: str) -> int:
    known = vulnerabilities(found, address)
    if known is None:
        print(f"{address} cannot be asked from here: nothing is known about weaknesses of these {len(found)} packages.")
        return 0
    for name, ids in known.items():
        print(f"{name}: {', '.join(ids)}")
    print(f"{len(found)} packages, {len(known)} with known weaknesses.")
    return 1 if known else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("licences", help="write docs/licences.md")
    commands.add_parser("sbom", help="write a CycloneDX bill of materials").add_argument("file", type=Path)
    asking = commands.add_parser("vulnerabilities", help="ask which packages have known weaknesses")
    asking.add_argument("--address", default=OSV, help="of a database that speaks as OSV does")
    wanted = parser.parse_args(arguments)
    found = packages()
    if wanted.command == "vulnerabilities":
        return _tell_vulnerabilities(found, wanted.address)
    if wanted.command == "sbom":
        wanted.file.write_text(bill_of_materials(found), encoding="utf-8")
        print(f"{wanted.file}: {len(found)} packages")
        return 0
    PAGE.write_text(page(found), encoding="utf-8")
    refused = [f"{one.name}: {one.licence or 'says none'}" for one in found if not is_allowed(one.licence)]
    print("\n".join([f"{PAGE.relative_to(ROOT)}: {len(found)} packages", *refused]))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
