"""Exceptions to a portal's policy: for one customer, one product, or one product of one customer."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.domain.policy import Otherwise, PolicyOverride, Prices, Suspended, When
from core.services import policy_exceptions
from core.services.policy_exceptions import ExceptionNames
from core.services.portals import PortalDetail
from pages._ui import auth, choices, grid, policy_form, policy_prices, states
from pages._ui.formats import number, table, tr

NOBODY = ""


def show(detail: PortalDetail, *, editable: bool) -> None:
    name = detail.card.name
    st.markdown(f"**{tr('Exceptions')}**")
    st.caption(tr("The more particular one wins: customer and product, then product, then customer."))
    names = policy_exceptions.exception_names(auth.context(), auth.actor(), name)
    if detail.overrides:
        _list(detail, names, editable=editable)
    elif not editable:
        st.caption(tr("There are none."))
    if editable:
        with st.expander(tr("Add or change an exception"), icon=":material/add:"), states.explained():
            _form(detail, names)


def _list(detail: PortalDetail, names: ExceptionNames, *, editable: bool) -> None:
    frame = table(
        (
            {
                "remove": tr("Remove"),
                "customer": names.customers.get(one.customer_id or "", one.customer_id) or tr("All customers"),
                "product": names.products.get(one.product_key or "", one.product_key) or tr("All products"),
                "differs": differences(one),
            }
            for one in detail.overrides
        ),
        ("remove", "customer", "product", "differs"),
    )
    config = st.column_config
    columns: dict[str, object] = {
        "customer": config.TextColumn(tr("Portal customer"), width=200),
        "product": config.TextColumn(tr("Portal product"), width=220),
        "differs": config.TextColumn(tr("What is different")),
    }
    if editable:
        columns["remove"] = config.ButtonColumn("", width=85, type="tertiary", key="exception_remove", pinned=True)
    grid.show(frame, columns, name=f"exceptions_{len(detail.overrides)}", alt=tr("Exceptions"))
    click = st.session_state.get("exception_remove")
    if editable and click and 0 <= click["row"] < len(detail.overrides):
        gone = detail.overrides[click["row"]]
        policy_exceptions.remove_exception(auth.context(), auth.actor(), detail.card.name, gone)
        states.done(tr("The exception is taken away."))
        st.rerun()


def differences(one: PolicyOverride) -> str:
    """What an exception changes, in one line."""
    when, prices, suspended = policy_form.when_words(), policy_prices.price_words(), policy_prices.suspended_words()
    parts = [
        _said(tr("More units"), when.get(one.increase) if one.increase else None),
        _said(tr("Fewer units"), when.get(one.decrease) if one.decrease else None),
        _said(tr("Prices"), prices[one.prices] if one.prices else None),
        _said(tr("Mark-up"), None if one.markup_percent is None else f"{number(one.markup_percent)}%"),
        _said(tr("Suspended"), suspended[one.suspended] if one.suspended else None),
        _said(tr("Held from"), None if one.max_change_percent is None else f"{number(one.max_change_percent)}%"),
        _said(tr("Held from"), None if one.max_change is None else number(one.max_change)),
        _said(tr("Changed by hand"), _drift_words()[one.drift] if one.drift else None),
        _said(tr("Changes to 0 units"), None if one.hold_to_zero is None else yes_no(one.hold_to_zero)),
    ]
    return " · ".join(part for part in parts if part)


def yes_no(held: bool) -> str:
    return tr("Hold for a person") if held else tr("Not held")


def _said(label: str, value: str | None) -> str:
    return f"{label}: {value}" if value else ""


def _drift_words() -> dict[Otherwise, str]:
    return {Otherwise.HOLD: tr("Hold for a person"), Otherwise.OVERWRITE: tr("Write the counted quantity")}


def _form(detail: PortalDetail, names: ExceptionNames) -> None:
    name = detail.card.name
    if names.more:
        text = st.text_input(tr("Search"), key=f"exception_search_{name}", placeholder=tr("Part of a name"))
        names = policy_exceptions.exception_names(auth.context(), auth.actor(), name, text)
    left, right = st.columns(2, gap="large")
    customer = _whom(left, tr("Portal customer"), tr("All customers"), names.customers, f"exception_customer_{name}")
    product = _whom(right, tr("Portal product"), tr("All products"), names.products, f"exception_product_{name}")
    known = next(
        (one for one in detail.overrides if (one.customer_id, one.product_key) == (customer, product)), None
    ) or PolicyOverride(customer_id=customer, product_key=product)
    entered = _fields(known, f"exception_{name}_{customer}_{product}")
    if st.button(tr("Save the exception"), key="save_exception", disabled=customer is None and product is None):
        policy_exceptions.save_exception(auth.context(), auth.actor(), name, entered)
        states.done(tr("The exception is saved."))
        st.rerun()


def _whom(
    place: st.delta_generator.DeltaGenerator, label: str, everybody: str, names: Mapping[str, str], key: str
) -> str | None:
    words = {NOBODY: everybody, **names}
    return place.selectbox(label, list(words), format_func=choices.labelled(words), key=key) or None


def _fields(known: PolicyOverride, key: str) -> PolicyOverride:
    """What is different; empty fields follow the portal."""
    left, right = st.columns(2, gap="large")
    when = policy_form.when_words()
    as_portal = tr("As the portal")
    with left:
        increase = _maybe(tr("More units"), when, known.increase, f"{key}_increase")
        decrease = _maybe(tr("Fewer units"), when, known.decrease, f"{key}_decrease")
        drift = _maybe(tr("Somebody changed the line by hand"), _drift_words(), known.drift, f"{key}_drift")
        percent = st.number_input(
            tr("Changes of more than so many percent"), 0, 1_000_000, known.max_change_percent, key=f"{key}_percent",
            placeholder=as_portal,
        )  # fmt: skip
    with right:
        prices = _maybe(tr("Prices of contract lines"), policy_prices.price_words(), known.prices, f"{key}_prices")
        markup = policy_prices.percent(
            tr("Price is the cost with so many percent more"), known.markup_percent, f"{key}_markup", as_portal
        )
        smallest = policy_prices.amount(
            tr("Smallest difference a unit that is followed"), known.minimum_price_change, f"{key}_smallest", as_portal
        )
        suspended = _maybe(
            tr("A suspended subscription bills"), policy_prices.suspended_words(), known.suspended, f"{key}_suspended"
        )
    return known.model_copy(
        update={
            "increase": _as(When, increase), "decrease": _as(When, decrease), "drift": _as(Otherwise, drift),
            "max_change_percent": percent, "prices": _as(Prices, prices), "markup_percent": markup,
            "minimum_price_change": smallest, "suspended": _as(Suspended, suspended),
        }
    )  # fmt: skip


def _as(kind: type, chosen: object) -> object:
    return None if chosen is None else kind(chosen)


def _maybe(label: str, words: Mapping[object, str], value: object, key: str) -> object:
    """A choice that may be left to the portal."""
    options = [NOBODY, *words]
    chosen = st.selectbox(
        label, options, index=options.index(value) if value in words else 0, key=key,
        format_func=choices.labelled({NOBODY: tr("As the portal"), **words}),
    )  # fmt: skip
    return None if chosen == NOBODY else chosen
