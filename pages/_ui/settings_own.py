"""One's own password, language, and way of writing numbers and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import streamlit as st
from babel import Locale

from core.i18n import LANGUAGES, LOCALES, format_date, format_money, format_number
from core.services import people
from pages._ui import auth, states
from pages._ui.formats import language, tr

WAYS = ("nl_NL", "nl_BE", "en_GB", "en_US", "de_DE", "fr_FR")


def show() -> None:
    context, actor = auth.context(), auth.actor()
    left, right = st.columns(2, gap="large")
    with left, st.form("preferences", border=True):
        st.markdown(f"**{tr('Language and numbers')}**")
        languages = list(LANGUAGES)
        chosen = st.selectbox(
            tr("Language"), languages, format_func=lambda code: LANGUAGES[code], key="own_language",
            index=languages.index(actor.language) if actor.language in languages else 0,
        )  # fmt: skip
        present = actor.locale or LOCALES.get(actor.language, WAYS[0])
        way = st.selectbox(
            tr("Numbers and dates"),
            WAYS,
            format_func=_example,
            key="own_locale",
            index=WAYS.index(present) if present in WAYS else 0,
        )
        if st.form_submit_button(tr("Save"), type="primary"):
            with states.explained():
                people.change_own_preferences(context, actor, language=chosen, locale=way)
                auth.forget()
                states.done(tr("Saved."))
                st.rerun()
    with right:
        if people.has_password(context, actor):
            _password()
        else:
            with st.container(border=True):
                st.markdown(f"**{tr('Company account')}**")
                st.caption(tr("You sign in with the company account; its password is not kept here."))


def _password() -> None:
    with st.form("own_password", border=True, clear_on_submit=True):
        st.markdown(f"**{tr('Password')}**")
        old = st.text_input(tr("Present password"), type="password", key="own_old", autocomplete="current-password")
        new = st.text_input(tr("New password"), type="password", key="own_new", autocomplete="new-password")
        if st.form_submit_button(tr("Change password"), type="primary"):
            with states.explained():
                people.change_own_password(auth.context(), auth.actor(), old, new)
                auth.forget()
                st.success(tr("The password is changed; you are signed out everywhere else."))


def _example(locale: str) -> str:
    parts = (
        format_number(1315, locale),
        format_money(Decimal("284.60"), locale),
        format_date(date(2026, 10, 5), locale),
    )
    return f"{' · '.join(parts)} ({Locale.parse(locale).get_display_name(language())})"
