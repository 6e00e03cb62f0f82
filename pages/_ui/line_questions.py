"""Where several contract lines fit, a person chooses once; nothing is guessed (M9)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import products
from core.services.access import Role
from core.services.products import LineCandidate, LineQuestion
from pages._ui import auth, states, words
from pages._ui.formats import day, escape, number, tr

SHOWN = 50


def show(questions: Sequence[LineQuestion]) -> None:
    if not questions:
        states.empty(
            tr("Every service has one fitting line"), tr("A question appears here when several contract lines fit."),
            ":material/task_alt:",
        )  # fmt: skip
        return
    ordered = sorted(questions, key=lambda question: question.why is None and question.chosen is not None)
    st.caption(tr("The choice is remembered and used for every later change."))
    for question in ordered[:SHOWN]:
        _question(question)
    if len(ordered) > SHOWN:
        st.caption(tr("{count} more follow when these are answered.", count=len(ordered) - SHOWN))


def _question(question: LineQuestion) -> None:
    by_label = {_words(candidate): candidate.line for candidate in question.candidates}
    labels = list(by_label)
    chosen = next((index for index, line in enumerate(by_label.values()) if line == question.chosen), None)
    key = f"line_{question.key.company_id}_{question.key.item.kind}_{question.key.item.id}_{question.key.billing_frequency}"
    with st.container(border=True):
        st.markdown(f"**{escape(question.company)}** · {escape(question.service)}")
        if question.why:
            st.caption(escape(tr(question.why)))
            st.caption(tr("The line it leaves keeps its units: bring it to 0 in Autotask when the other one has them."))
        label = st.radio(
            tr("Contract line"),
            labels,
            index=chosen,
            key=key,
            label_visibility="collapsed",
            disabled=not auth.may(Role.OPERATOR),
        )
        if label and by_label[label] != question.chosen:
            with states.explained():
                products.choose_line(auth.context(), auth.actor(), question.key, by_label[label])
                st.toast(tr("Remembered."), icon=":material/check_circle:")


def _words(candidate: LineCandidate) -> str:
    units = tr("units unknown") if candidate.units is None else tr("{units} units now", units=number(candidate.units))
    period = f"{day(candidate.start)} – {day(candidate.end)}"
    billing = words.periods().get(candidate.period, candidate.period)
    return " · ".join((candidate.contract, period, billing, units, f"#{candidate.line.id}"))
