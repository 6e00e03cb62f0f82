"""How careful a portal is: when changes count, what is held, what may be overwritten (M2, M6, M7, M8, M10)."""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

from core.domain.policy import Otherwise, Policy, When
from pages._ui import policy_prices
from pages._ui.formats import tr

Word = TypeVar("Word")


def draw(policy: Policy, key: str) -> Policy:
    """The policy as it stands in the widgets."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{tr('When does a change count?')}**")
        increase = _when(tr("More units"), policy.increase, f"{key}_increase")
        decrease = _when(tr("Fewer units"), policy.decrease, f"{key}_decrease")
        posted = _choice(
            tr("A period that is posted already"),
            {Otherwise.NEXT: tr("Use the next open period"), Otherwise.HOLD: tr("Hold for a person")},
            policy.posted, f"{key}_posted",
        )  # fmt: skip
        same_day = _choice(
            tr("A second change on one day is refused"),
            {Otherwise.NEXT: tr("Use the next day"), Otherwise.HOLD: tr("Hold for a person")},
            policy.same_day, f"{key}_same_day",
        )  # fmt: skip
        drift = _choice(
            tr("Somebody changed the line by hand"),
            {Otherwise.HOLD: tr("Hold for a person"), Otherwise.OVERWRITE: tr("Write the counted quantity")},
            policy.drift, f"{key}_drift",
        )  # fmt: skip
    with right:
        st.markdown(f"**{tr('What is held for a person?')}**")
        units = _limit(tr("Changes of more than so many units"), policy.max_change, 10, f"{key}_units")
        percent = _limit(tr("Changes of more than so many percent"), policy.max_change_percent, 50, f"{key}_percent")
        to_zero = st.checkbox(tr("Changes to 0 units"), policy.hold_to_zero, key=f"{key}_zero", wrap=True)
        stale = _limit(tr("Portals not read for so many days"), policy.stale_after_days, 3, f"{key}_stale")
        st.markdown(f"**{tr('What may be written besides units?')}**")
        add = st.checkbox(
            tr("Add a missing line to the one fitting contract"), policy.add_missing_lines, key=f"{key}_add", wrap=True
        )
        price = st.checkbox(tr("The unit price of the portal"), policy.update_price, key=f"{key}_price", wrap=True)
        cost = st.checkbox(tr("The unit cost of the portal"), policy.update_cost, key=f"{key}_cost", wrap=True)
    money = policy_prices.draw(policy, key)
    return policy.model_copy(
        update={
            "increase": increase, "decrease": decrease, "posted": posted, "same_day": same_day, "drift": drift,
            "max_change": units, "max_change_percent": percent, "hold_to_zero": to_zero, "stale_after_days": stale,
            "add_missing_lines": add, "update_price": price, "update_cost": cost, **money,
        }
    )  # fmt: skip


def when_words() -> dict[When, str]:
    return {
        When.TODAY: tr("Today"),
        When.THIS_PERIOD: tr("Start of this period"),
        When.NEXT_PERIOD: tr("Start of the next period"),
        When.PORTAL: tr("The date the portal gives"),
        When.CHANGE: tr("The day on which it changed"),
    }


def _when(label: str, value: When, key: str) -> When:
    return _choice(label, when_words(), value, key)


def _choice(label: str, words: dict[Word, str], value: Word, key: str) -> Word:
    options = list(words)
    index = options.index(value) if value in options else 0
    return st.selectbox(label, options, index=index, format_func=lambda option: words.get(option, str(option)), key=key)


def _limit(label: str, value: int | None, usual: int, key: str) -> int | None:
    """A limit that can be switched off."""
    switch, field = st.columns([3, 2], vertical_alignment="center")
    on = switch.checkbox(label, value is not None, key=f"{key}_on", wrap=True)
    number = field.number_input(
        label,
        0,
        1_000_000,
        value if value is not None else usual,
        key=key,
        label_visibility="collapsed",
        disabled=not on,
    )
    return int(number) if on else None
