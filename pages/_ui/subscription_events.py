"""What happened to a subscription, in order: each event with its date, what was and what is, and what follows on the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

import streamlit as st

from core.services.subscriptions import EventRow
from pages._ui import grid, subscription_words, words
from pages._ui.formats import day, money, number, table, tr

MONEY = ("unit_cost", "unit_price")
COLUMNS = ("date", "kind", "was", "now", "follows")


def show(events: Sequence[EventRow]) -> None:
    st.markdown(f"**{tr('What happened, in order')}**")
    if not events:
        st.caption(tr("Nothing since the first reading: that is where it begins."))
        return
    names = subscription_words.events()
    frame = table(
        (
            {
                "date": day(event.effective_date),
                "kind": names.get(event.kind, event.kind),
                "was": said(event.before),
                "now": said(event.after),
                "follows": tr(event.explanation),
            }
            for event in events
        ),
        COLUMNS,
    )
    config = st.column_config
    shown = {
        "date": config.TextColumn(tr("Date"), alignment="right", width=84),
        "kind": config.TextColumn(tr("What"), width=110),
        "was": config.TextColumn(tr("Before"), width=100),
        "now": config.TextColumn(tr("After"), width=100),
        "follows": config.TextColumn(tr("What follows"), width=340),
    }
    grid.show(frame, shown, name="subscription_events", alt=tr("What happened, in order"), tall=True)


def said(values: Mapping[str, str]) -> str:
    """The values of one side of an event, in one line."""
    currency = values.get("currency") or "EUR"
    parts = [values.get("product", ""), _number(values.get("quantity", ""))]
    parts.append(words.term(values.get("term", ""), values.get("billing_frequency", "")))
    parts += [_money(name, values[name], currency) for name in MONEY if values.get(name)]
    if values.get("margin"):
        parts.append(f"{_number(values['margin'])}%")
    parts.append(subscription_words.statuses().get(values.get("status", ""), ""))
    parts += [values.get(name, "") for name in ("promotion", "partner", "name")]
    if values.get("auto_renew"):
        parts.append(tr("yes") if values["auto_renew"].casefold() in ("true", "yes", "1") else tr("no"))
    if values.get("commitment_end"):
        parts.append(tr("until {day}", day=day(date.fromisoformat(values["commitment_end"]))))
    return " · ".join(part for part in parts if part)


def _number(text: str) -> str:
    try:
        return number(Decimal(text)) if text else ""
    except InvalidOperation:
        return text


def _money(name: str, text: str, currency: str) -> str:
    try:
        amount = money(Decimal(text), currency)
    except InvalidOperation:
        return text
    return tr("cost {amount}", amount=amount) if name == "unit_cost" else tr("price {amount}", amount=amount)
