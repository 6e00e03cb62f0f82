"""From cells a person changed in the customers grid to edits of the mapping, and pasted lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.services import mapping
from core.services.mapping import CustomerEdit, CustomerRow, EditResult
from pages._ui import auth, dialogs, grid, states
from pages._ui.formats import escape, tr
from pages._ui.grid import CellEdit

MOST_CHOICES = 2_000
"""So many companies a select box holds quickly; a larger workspace searches first."""


def company_choices(rows: Sequence[CustomerRow]) -> dict[int, str]:
    """Companies offered in the grid: all of a small workspace, else those of the rows, the suggested and the searched ones."""
    context, actor = auth.context(), auth.actor()
    known = {option.id: option.label for option in mapping.company_options(context, actor, "", MOST_CHOICES)}
    if len(known) >= MOST_CHOICES:
        search = st.text_input(
            tr("Find a company to choose from"), key="company_search", type="search", icon=":material/domain:",
            placeholder=tr("Part of its name or number"), width=360,
        )  # fmt: skip
        known = (
            {option.id: option.label for option in mapping.company_options(context, actor, search, 200)}
            if search
            else {}
        )
    for row in rows:
        if row.company_id:
            known.setdefault(row.company_id, row.company)
        for suggestion in row.suggestions:
            known.setdefault(suggestion.company_id, suggestion.company)
    return _distinct(known)


def _distinct(options: Mapping[int, str]) -> dict[int, str]:
    """Two companies of one name are told apart by their id."""
    seen: dict[str, int] = {}
    for label in options.values():
        seen[label] = seen.get(label, 0) + 1
    return {key: label if seen[label] == 1 else f"{label} ({key})" for key, label in options.items()}


def scored(name: str, score: int, reason: str) -> str:
    """A suggestion with how sure it is and why; the score once, where the reason tells it too."""
    return " · ".join((name, reason) if str(score) in reason else (name, f"{score}%", reason))


def suggestion_words(row: CustomerRow) -> str:
    """The best suggestion with its score and why, for who still has to decide."""
    if row.status != "pending" or not row.suggestions:
        return ""
    best = row.suggestions[0]
    return scored(best.company, best.score, tr(best.reason))


def collect(rows: Sequence[CustomerRow], cells: Sequence[CellEdit], options: Mapping[int, str]) -> list[CustomerEdit]:
    """One edit a row. A company chosen by hand wins over the suggestion; a reason to ignore wins over both."""
    ids = {label: key for key, label in options.items()}
    by_row: dict[int, dict[str, object]] = {}
    for cell in cells:
        by_row.setdefault(cell.row, {})[cell.column] = cell.value
    edits: list[CustomerEdit] = []
    for index, changes in sorted(by_row.items()):
        row = rows[index]
        reason = str(changes.get("ignore") or "").strip()
        if reason:
            edits.append(CustomerEdit(portal=row.portal, customer_id=row.customer_id, ignore_reason=reason))
        elif "company" in changes:
            company = ids.get(str(changes["company"]))
            edits.append(CustomerEdit(portal=row.portal, customer_id=row.customer_id, company_id=company))
        elif changes.get("use") and row.suggestions:
            best = row.suggestions[0].company_id
            edits.append(CustomerEdit(portal=row.portal, customer_id=row.customer_id, company_id=best))
        elif "ignore" in changes and row.ignored:
            edits.append(CustomerEdit(portal=row.portal, customer_id=row.customer_id))
    return edits


def save(edits: Sequence[CustomerEdit], rows: Sequence[CustomerRow]) -> None:
    names = {(row.portal, row.customer_id): row.customer for row in rows}
    result = mapping.save_customer_edits(auth.context(), auth.actor(), edits)
    if result.errors:
        for error in result.errors:
            edit = edits[error.index]
            st.error(
                f"**{escape(names.get((edit.portal, edit.customer_id), edit.customer_id))}**: {escape(tr(error.message))}"
            )
        return
    states.done(tr("{count} customers saved.", count=result.saved))
    grid.new_editor("customers")
    st.rerun()


def paste_dialog(portal: str) -> None:
    st.dialog(tr("Paste from Excel"), width="large")(_paste_body)(portal)


def _paste_body(portal: str) -> None:
    """Check first, then save: what is wrong is named by its line."""
    dialogs.opened()
    st.caption(tr("One customer a line: portal customer, a tab, then the company's name or id."))
    text = st.text_area(tr("Lines"), key="paste_text", height=220, label_visibility="collapsed")
    with st.container(horizontal=True):
        check = st.button(tr("Check"), key="paste_check", disabled=not text)
        save_all = st.button(tr("Save"), type="primary", key="paste_save", disabled=not text)
    if not (check or save_all):
        return
    with states.explained():
        result = mapping.paste_customers(auth.context(), auth.actor(), text, portal, save=save_all)
        _tell(result, saved=save_all)


def _tell(result: EditResult, *, saved: bool) -> None:
    for error in result.errors[:20]:
        st.error(escape(tr("Line {line}: {message}", line=error.index, message=error.message)))
    if not result.errors and saved:
        states.done(tr("{count} customers saved.", count=result.saved))
        grid.new_editor("customers")
        st.rerun()
    good = result.saved
    st.info(tr("{count} lines were saved.", count=good) if saved else tr("{count} lines are good.", count=good))
