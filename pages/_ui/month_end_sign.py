"""Signing for a month, and the evidence of it."""

from __future__ import annotations

from datetime import date

import streamlit as st

from core.services import month_end
from core.services import month_end_evidence as evidence
from core.services.access import Role
from core.services.month_end import MonthEnd
from pages._ui import auth, dialogs, report_data, states
from pages._ui.formats import escape, moment, money, month, tr


def toolbar(shown: MonthEnd) -> None:
    """Ask again, sign, take the evidence."""
    context, asker = auth.context(), auth.asker()
    with st.container(horizontal=True, gap="small", width="content"):
        st.button(
            tr("Ask Autotask again"), icon=":material/refresh:", key="month_again", on_click=again, args=(shown.month,),
            help=tr("Reads the contracts of this month once more."),
        )  # fmt: skip
        if shown.signed is not None:
            st.download_button(
                tr("Evidence"), icon=":material/folder_zip:", key="month_evidence", mime="application/zip", on_click="ignore",
                file_name=f"month-end-{shown.month:%Y-%m}.zip", help=tr("PDF, Excel, JSON and the heads of ledger and audit."),
                data=lambda: evidence.evidence(context, asker(), shown.month).content,
            )  # fmt: skip
        if auth.may(Role.OPERATOR) and st.button(
            tr("Sign for this month") if shown.signed is None else tr("Sign again"), type="primary", icon=":material/draw:",
            key="month_sign", disabled=not shown.live,
        ):  # fmt: skip
            st.dialog(tr("Sign for {month}?", month=month(shown.month)))(_body)(shown)


def again(first: date) -> None:
    """Autotask is asked anew when the page is drawn the next time."""
    month_end.ask_again(auth.context(), first)
    report_data.forget(("month", first))


def signed(shown: MonthEnd) -> None:
    """Who signed, when, and for how much."""
    one = shown.signed
    if one is None:
        return
    words = tr("{person} signed on {moment} for {amount}.", person=one.person, moment=one.at, amount=money(one.to_bill))
    remark = f" {one.remark}" if one.remark else ""
    (st.success if not shown.changed else st.info)(escape(words + remark), icon=":material/verified:")


def verify() -> None:
    """An evidence pack of any earlier month, looked at again."""
    with st.expander(tr("Check an evidence pack"), icon=":material/verified_user:"):
        file = st.file_uploader(tr("Evidence pack"), type=["zip"], key="month_pack", label_visibility="collapsed")
        if file is None:
            st.caption(tr("Shows whether every file in it is as it was written, and the chains still lead through it."))
            return
        with states.explained():
            found = evidence.verify_evidence(auth.context(), auth.actor(), file.getvalue())
            texts = "\n\n".join(escape(tr(text)) for text in found.texts)
            whose = f"**{month(found.month)}** · {escape(found.person)}\n\n" if found.month else ""
            (st.success if found.ok else st.error)(whose + texts, icon=":material/link:")


def earlier() -> None:
    """All months that somebody signed for."""
    found = month_end.months(auth.context(), auth.actor())
    if not found:
        return
    with st.expander(tr("Months that were signed for ({count})", count=len(found)), icon=":material/history:"):
        for one in found:
            st.caption(f"**{month(one.month)}** · {escape(one.person)} · {moment(one.at)} · {money(one.to_bill)}")


def _body(shown: MonthEnd) -> None:
    dialogs.opened()
    st.markdown(tr("You sign for {amount} to bill, as shown.", amount=f"**{money(shown.to_bill)}**"))
    if shown.open_gates:
        st.warning(
            tr("{count} points are still open: say why you sign all the same.", count=shown.open_gates),
            icon=":material/error:",
        )
    remark = st.text_input(tr("Remark"), key="month_remark", max_chars=300)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(tr("Cancel"), key="month_no"):
            st.rerun()
        if st.button(tr("Sign"), type="primary", icon=":material/draw:", key="month_yes"):
            with states.explained():
                month_end.sign_off(auth.context(), auth.actor(), shown.month, shown.digest, remark)
                again(shown.month)
                states.done(tr("Signed. The evidence can be downloaded."))
                st.rerun()
