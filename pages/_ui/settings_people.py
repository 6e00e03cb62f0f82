"""Who may do what: accounts, roles, sessions."""

from __future__ import annotations

import streamlit as st

from core.services import people
from core.services.access import Role
from core.services.people import PersonRow
from pages._ui import auth, confirming, dialogs, grid, settings_openid, settings_sessions, states, words
from pages._ui.formats import ago, escape, table, tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    rows = people.list_people(context, actor)
    roles = words.roles()
    frame = table(
        (
            {
                "name": row.name, "role": row.role.value, "active": row.active,
                "from": tr("Password") if row.local else tr("Company account"), "seen": ago(row.last_seen),
            }
            for row in rows
        ),
        ("name", "role", "active", "from", "seen"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "name": config.TextColumn(tr("Name")),
        "role": config.SelectboxColumn(
            tr("Role"), options=list(roles), format_func=lambda role: roles[role], required=True, width=160
        ),
        "active": config.CheckboxColumn(tr("May sign in"), width=110),
        "from": config.TextColumn(tr("Signs in with"), width=160),
        "seen": config.TextColumn(tr("Last seen"), width=150),
    }
    changed = grid.edit(
        frame, columns, name=grid.editor_key("people", (row.id for row in rows)), alt=tr("People and their roles"),
        editable=("role", "active"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        if st.button(tr("Save"), type="primary", icon=":material/save:", disabled=not changed, key="save_people"):
            confirming.first(lambda: _save(rows, changed))
        if st.button(tr("Add a person"), icon=":material/person_add:", key="add_person"):
            confirming.first(st.dialog(tr("Add a person"))(_add))
        if st.button(tr("New password"), icon=":material/key:", key="new_password"):
            local = [row for row in rows if row.local]
            confirming.first(lambda: st.dialog(tr("New password"))(_password)(local))
    st.caption(
        tr("A viewer looks; an operator maps, approves and applies; an administrator also manages settings and people.")
    )
    settings_sessions.show()
    settings_openid.show()


def _save(rows: list[PersonRow], changed: list[grid.CellEdit]) -> None:
    with states.explained():
        for index in sorted({cell.row for cell in changed}):
            cells = {cell.column: cell.value for cell in changed if cell.row == index}
            people.change_person(
                auth.context(), auth.actor(), rows[index].id, active=bool(cells["active"]) if "active" in cells else None,
                role=Role(str(cells["role"])) if "role" in cells else None,
            )  # fmt: skip
        states.done(tr("Saved."))
        grid.new_editor("people")
        st.rerun()


def _add() -> None:
    dialogs.opened()
    roles = words.roles()
    with st.form("add_person_form", border=False):
        name = st.text_input(tr("Name"), key="person_name", max_chars=80, autocomplete="off")
        role = st.selectbox(tr("Role"), list(roles), format_func=lambda word: roles[word], key="person_role")
        password = st.text_input(
            tr("Password"),
            type="password",
            key="person_password",
            autocomplete="new-password",
            help=tr("At least 10 characters."),
        )
        if st.form_submit_button(tr("Add"), type="primary"):
            with states.explained():
                people.add_person(
                    auth.context(), auth.actor(), name.strip(), password, Role(role), language=auth.actor().language
                )
                states.done(tr("{name} may sign in now.", name=escape(name.strip())))
                st.rerun()


def _password(rows: list[PersonRow]) -> None:
    dialogs.opened()
    with st.form("password_form", border=False):
        row = st.selectbox(tr("Name"), rows, format_func=lambda person: person.name, key="password_person")
        password = st.text_input(
            tr("New password"),
            type="password",
            key="password_new",
            autocomplete="new-password",
            help=tr("At least 10 characters."),
        )
        if st.form_submit_button(tr("Save"), type="primary") and row:
            with states.explained():
                people.set_password(auth.context(), auth.actor(), row.id, password)
                states.done(tr("The password of {name} is replaced.", name=escape(row.name)))
                st.rerun()
