"""The statement that a customer gets: made now, or sent by itself each month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from core.i18n import LANGUAGES
from core.services.access import Role
from core.services.reports import statement, statements
from core.services.reports.choices import Choices
from pages._ui import auth, dialogs, states
from pages._ui.formats import escape, tr

LAST = statements.LAST_DAY


def button(known: Choices, customer: str, day: date) -> Callable[[], None] | None:
    """What draws the button; None where there is no company to make a statement for, or the person may not."""
    company_id = known.companies.get(customer)
    if company_id is None or not auth.may(Role.OPERATOR):
        return None

    def draw() -> None:
        if st.button(
            tr("Statement"), icon=":material/description:", key="statement",
            help=tr("The licences of this customer on your own paper: without prices, portals or anything of us."),
        ):  # fmt: skip
            st.dialog(tr("Statement for {company}", company=customer), width="medium")(_body)(company_id, customer, day)

    return draw


def _body(company_id: int, company: str, day: date) -> None:
    dialogs.opened()
    with states.explained():
        context, actor, asker = auth.context(), auth.actor(), auth.asker()
        language = st.segmented_control(
            tr("Language"), list(LANGUAGES), default=actor.language, format_func=lambda code: LANGUAGES[code],
            key="statement_language", required=True,
        )  # fmt: skip
        st.download_button(
            tr("Download as PDF"), type="primary", icon=":material/download:", on_click="ignore", key="statement_pdf",
            data=lambda: statement.statement(context, asker(), company_id, day, language=str(language)),
            file_name=f"{company}-{day.isoformat()}.pdf", mime="application/pdf",
        )  # fmt: skip
        _schedule(company_id, str(language))
        if auth.may(Role.ADMIN):
            _sender()


def _schedule(company_id: int, language: str) -> None:
    context, actor = auth.context(), auth.actor()
    now = next((one for one in statements.schedules(context, actor) if one.company_id == company_id), None)
    with st.expander(tr("Send it by itself each month"), icon=":material/schedule_send:", expanded=now is not None):
        days = [*range(1, 29), LAST]
        day = st.selectbox(
            tr("On day"), days, index=days.index(now.day) if now else 0, width=220, key="statement_day",
            format_func=lambda one: tr("the last of the month") if one == LAST else str(one),
        )  # fmt: skip
        to = st.text_area(
            tr("To"), "\n".join(now.recipients) if now else "", placeholder="name@example.com", key="statement_to", height=80,
            help=tr("One e-mail address a line."),
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            if st.button(tr("Save"), key="statement_save", icon=":material/save:"):
                with states.explained():
                    statements.save_schedule(
                        context, actor, company_id, day=int(day), recipients=to.splitlines(), language=language
                    )
                    states.done(tr("The statement goes out by itself from now on."))
                    st.rerun()
            if now is not None and st.button(tr("Stop sending"), key="statement_stop", type="tertiary"):
                statements.remove_schedule(context, actor, company_id)
                states.done(tr("No more statements are sent."))
                st.rerun()


def _sender() -> None:
    context, actor = auth.context(), auth.actor()
    paper = statement.sender(context, actor)
    with st.expander(tr("Your name and logo above it"), icon=":material/badge:", expanded=not paper.name):
        name = st.text_input(tr("Name of your company"), paper.name, key="sender_name", max_chars=80)
        logo = st.file_uploader(
            tr("Logo (PNG or JPEG, at most 1 MB)"), type=["png", "jpg", "jpeg"], key="sender_logo", max_upload_size=1
        )
        if paper.logo and logo is None:
            st.image(paper.logo, width=140)
        if st.button(tr("Save"), key="sender_save", icon=":material/save:"):
            with states.explained():
                statement.save_sender(context, actor, name, logo.getvalue() if logo else None)
                st.toast(escape(tr("Saved.")), icon=":material/check_circle:")
