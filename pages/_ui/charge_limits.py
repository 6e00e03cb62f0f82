"""What else charge settings hold: language, currency, limits, and what is said once for a whole portal."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from core.domain.charges.language import PRODUCTS
from core.domain.charges.settings import ChargeDate, ChargeSettings
from core.domain.consumption import ConsumptionKind
from pages._ui.choices import labelled
from pages._ui.formats import language, tr
from pages._ui.template_editor import LANGUAGES


def draw(shown: ChargeSettings, key: str) -> dict[str, object]:
    """Of a whole portal."""
    values = draw_own(shown, key)
    percent = _percent(shown, key)
    with st.expander(tr("More: dates, kinds of amounts, names of products")):
        dates = {
            ChargeDate.PERIOD_END: tr("The last day of the month"),
            ChargeDate.PERIOD_START: tr("The first day of the month"),
        }
        date = st.selectbox(
            tr("Day of the charge"), list(dates), index=list(dates).index(shown.date), format_func=labelled(dates),
            key=f"{key}_date", help=tr("Autotask bills a charge in the period of its day."),
        )  # fmt: skip
        kinds = {
            ConsumptionKind.USAGE: tr("Usage"),
            ConsumptionKind.PURCHASE: tr("Purchases"),
            ConsumptionKind.CREDIT: tr("Credits"),
            ConsumptionKind.ROUNDING: tr("Rounding"),
            ConsumptionKind.TAX: tr("Tax"),
        }
        chosen = st.multiselect(
            tr("Amounts that are charged"),
            list(kinds),
            list(shown.kinds),
            format_func=labelled(kinds),
            key=f"{key}_kinds",
        )
        provisional = st.checkbox(
            tr("Charge also what the source may still change"), shown.provisional, key=f"{key}_provisional", wrap=True,
            help=tr("Otherwise a month waits until it is final, for Azure until the 8th of the next month."),
        )  # fmt: skip
        from_prices = st.checkbox(
            tr("Charge quantity × price of lines that tell no amount"), shown.from_prices, key=f"{key}_from_prices", wrap=True,
            help=tr("For portals that tell a cost or price per unit. Leave it off for licences: they are contract services."),
        )  # fmt: skip
        names = _product_names(shown, key)
    return {
        **values,
        "date": date,
        "kinds": tuple(chosen),
        "provisional": provisional,
        "from_prices": from_prices,
        "product_names": names,
        "max_change_percent": percent,
    }


def draw_own(shown: ChargeSettings, key: str) -> dict[str, object]:
    """Of a portal or one customer."""
    left, middle, right = st.columns([3, 2, 3], vertical_alignment="bottom")
    language = left.selectbox(
        tr("Language of the invoice"), list(LANGUAGES), index=list(LANGUAGES).index(shown.language)
        if shown.language in LANGUAGES else 0, format_func=labelled(LANGUAGES), key=f"{key}_language",
    )  # fmt: skip
    currency = middle.text_input(tr("Currency"), shown.currency, key=f"{key}_currency", max_chars=3)
    limit = right.number_input(
        tr("Hold above"), 0.0, None, None if shown.max_amount is None else float(shown.max_amount), 100.0,
        key=f"{key}_limit", placeholder=tr("no limit"), help=tr("A customer's total of a month above this waits for a person."),
    )  # fmt: skip
    return {
        "language": language,
        "currency": (currency or "").strip().upper(),
        "max_amount": None if limit is None else Decimal(str(limit)),
    }


def _percent(shown: ChargeSettings, key: str) -> int | None:
    value = st.number_input(
        tr("Hold when it differs from the month before by more than so many percent"), 0, None, shown.max_change_percent, 10,
        key=f"{key}_change", placeholder=tr("no limit"),
    )  # fmt: skip
    return None if value is None else int(value)


def _product_names(shown: ChargeSettings, key: str) -> dict[str, str]:
    """What invoices call the products of the source; an empty one keeps its usual word."""
    st.caption(tr("What invoices call the products of the source"))
    words = PRODUCTS.get(shown.language, PRODUCTS["en"])
    labels = PRODUCTS.get(language(), words)
    found = dict(shown.product_names)
    for place, (product, word) in zip(st.columns(2) * len(words), words.items(), strict=False):
        typed = place.text_input(
            labels.get(product, word),
            shown.product_names.get(product, ""),
            key=f"{key}_product_{product}",
            placeholder=word,
        )
        found.pop(product, None)
        if (typed or "").strip():
            found[product] = (typed or "").strip()
    return found
