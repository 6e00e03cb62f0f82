"""The table of roles (`tests/roles.py`): pages and files to take along, by role."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import streamlit as st

from core.domain.errors import AccessDenied
from core.services import people
from core.services.access import Role
from pages._ui import auth, shell
from tests import roles
from tests.pages.conftest import Pages

ROOT = Path(__file__).resolve().parents[2]
DENIED = [(page, role) for page, least in roles.PAGES.items() for role in Role if not role.covers(least)]


def test_each_role_is_offered_the_pages_of_the_table_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "tr", lambda text, **_: text)
    monkeypatch.setattr(st, "Page", lambda path, **_: Path(path).stem)
    for role in Role:
        monkeypatch.setattr(auth, "may", lambda needed, role=role: role.covers(needed))
        offered = [page for group in shell.navigation().values() for page in group]
        assert sorted(offered) == sorted(page for page, least in roles.PAGES.items() if role.covers(least))


@pytest.mark.parametrize("page", sorted({page for page, _ in DENIED}))
def test_a_page_that_is_not_for_everybody_refuses_by_itself(page: str) -> None:
    """As its first statement after the imports and the question who it is: whoever adds a link opens nothing by that."""
    tree = ast.parse((ROOT / "pages" / f"{page}.py").read_text(encoding="utf-8"))
    acts = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)][1:3]
    asked = [ast.unparse(node) for node in acts]
    least = roles.PAGES[page].name
    assert any(line.startswith("require(") and line.endswith(f"Role.{least})") for line in asked), asked


def test_a_page_that_is_not_offered_does_not_open(empty: Pages) -> None:
    """The narrowest of them for the widest of those who may not."""
    screen = empty.open(role="operator")
    with pytest.raises(ValueError, match="navigation page"):
        screen.switch_page("pages/settings.py")


def test_every_file_to_take_along_stands_in_the_table() -> None:
    offering = {}
    for path in (ROOT / "pages").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "download_button(" in text:
            offering[path.stem] = text
    assert set(offering) == set(roles.DOWNLOADS)
    known = roles.needed()
    assert {use_case for made in roles.DOWNLOADS.values() for use_case in made} - set(known) == set()
    for stem, made in roles.DOWNLOADS.items():
        if stem != "report_parts":  # it is handed what makes the file
            assert all(use_case.rpartition(".")[2] in offering[stem] for use_case in made[:1]), stem


def test_a_file_is_made_for_who_is_still_signed_in() -> None:
    """It is made when the button is pressed, outside of the page: who asks is looked up again then (`auth.asker`)."""
    made = set()
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_maker = isinstance(node, ast.FunctionDef) and node.name == "maker"
            is_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("download_button", "report_parts.files")
            )
            for inner in ast.walk(node) if is_maker or is_call else ():
                makes = isinstance(inner, ast.Lambda | ast.FunctionDef) and inner is not node
                if makes and "context" in (body := ast.unparse(inner)):
                    assert "asker()" in body, path.name
                    assert ", actor" not in body, path.name
                    made.add(path.stem)
    assert made == set(roles.DOWNLOADS) | {"invoice_detail", "month_end_invoice"}


def test_who_was_signed_out_meanwhile_gets_no_file(empty: Pages) -> None:
    token = empty.tokens["admin", "en"]
    empty.monkeypatch.setattr(auth, "session_token", lambda: token)
    asker = auth.asker()
    assert asker().name == "admin-en"
    people.sign_out(empty.context, token)
    with pytest.raises(AccessDenied):
        asker()
