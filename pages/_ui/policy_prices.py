"""Whose prices the contract lines have, and what a suspended subscription bills: part of the policy (S5)."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from core.domain.policy import Policy, Prices, Suspended, When
from pages._ui import choices
from pages._ui.formats import tr


def price_words() -> dict[Prices, str]:
    return {
        Prices.KEEP: tr("Those in Autotask stay"),
        Prices.FOLLOW: tr("Cost and price of the portal are followed"),
    }


def suspended_words() -> dict[Suspended, str]:
    return {
        Suspended.KEEP: tr("Its units, as the portal counts them"),
        Suspended.UNITS_ZERO: tr("0 units"),
        Suspended.PRICE_ZERO: tr("Its units, at a price of 0 from the next period on"),
    }


def from_words() -> dict[When, str]:
    return {
        When.THIS_PERIOD: tr("Start of this period"),
        When.TODAY: tr("Today"),
        When.CHANGE: tr("The day on which it changed"),
        When.NEXT_PERIOD: tr("Start of the next period"),
        When.PORTAL: tr("The date the portal gives"),
    }


def draw(policy: Policy, key: str) -> dict[str, object]:
    """The fields of the policy about money, as they stand in the widgets."""
    st.markdown(f"**{tr('Prices and suspended subscriptions')}**")
    left, right = st.columns(2, gap="large")
    with left:
        prices = _select(tr("Prices of contract lines"), price_words(), policy.prices, f"{key}_prices")
        follow = _follow(policy, key) if prices is Prices.FOLLOW else {}
    with right:
        suspended = _select(
            tr("A suspended subscription bills"), suspended_words(), policy.suspended, f"{key}_suspended"
        )
    return {"prices": prices, "suspended": suspended, **follow}


def _follow(policy: Policy, key: str) -> dict[str, object]:
    """What only counts while prices are followed; otherwise the stored values stay."""
    when = _select(tr("A new price counts from"), from_words(), policy.prices_from, f"{key}_prices_from")
    markup = percent(
        tr("Price is the cost with so many percent more"), policy.markup_percent, f"{key}_markup",
        tr("Leave empty for the portal's own price."),
    )  # fmt: skip
    smallest = amount(tr("Smallest difference a unit that is followed"), policy.minimum_price_change, f"{key}_smallest")
    return {"prices_from": when, "markup_percent": markup, "minimum_price_change": smallest or Decimal(0)}


def percent(label: str, value: Decimal | None, key: str, placeholder: str) -> Decimal | None:
    """A percentage that may be left empty."""
    entered = st.number_input(
        label, -100.0, 10_000.0, None if value is None else float(value), 0.5, "%.2f", key=key, placeholder=placeholder
    )
    return None if entered is None else _exact(entered)


def amount(label: str, value: Decimal | None, key: str, placeholder: str = "") -> Decimal | None:
    """An amount of money from 0 on that may be left empty."""
    entered = st.number_input(
        label,
        0.0,
        None,
        None if value is None else float(value),
        0.01,
        "%.2f",
        key=key,
        placeholder=placeholder or None,
    )
    return None if entered is None else _exact(entered)


def _exact(entered: float) -> Decimal:
    """What the person typed: a widget of Streamlit gives binary fractions."""
    return Decimal(f"{entered:.4f}").normalize() + Decimal(0)


def _select(label: str, words: dict, value: object, key: str) -> object:
    options = list(words)
    return st.selectbox(label, options, index=options.index(value), format_func=choices.labelled(words), key=key)
