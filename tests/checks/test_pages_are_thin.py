"""Pages draw and call services: no SQL, no HTTP, no store, no connector (DESIGN §4)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "core.services",
    "core.domain",
    "core.bootstrap",
    "core.i18n",
    "core.settings",
    "core.logs",
    "core.web",
    "core.engine",
}
FORBIDDEN = {"httpx", "requests", "sqlalchemy", "sqlmodel", "psycopg", "connectors"}


def imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def allowed(name: str) -> bool:
    if name.split(".", maxsplit=1)[0] in FORBIDDEN:
        return False
    return not name.startswith("core.") or any(name == root or name.startswith(root + ".") for root in ALLOWED)


def test_pages_import_only_what_they_may() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in [ROOT / "app.py", *ROOT.glob("pages/**/*.py")]
        for name in imports(path)
        if not allowed(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_page_has_at_most_200_lines() -> None:
    long = [
        f"{path.name}: {lines}"
        for path in ROOT.glob("pages/*.py")
        if (lines := len(path.read_text().splitlines())) > 200
    ]
    assert not long, "\n".join(long)


def test_nothing_but_pages_knows_streamlit() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for folder in ("core", "connectors")
        for path in ROOT.glob(f"{folder}/**/*.py")
        if any(name.split(".")[0] in ("streamlit", "st_aggrid") for name in imports(path))
    ]
    assert not wrong


def test_password_fields_stand_in_forms() -> None:
    """Outside a form Streamlit's password field reports nothing when it is left with the Tab key; `secret_input` does."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "pages").rglob("*.py")}
    outside = [name for name, text in sources.items() if 'type="password"' in text and "st.form(" not in text]
    assert outside == []
