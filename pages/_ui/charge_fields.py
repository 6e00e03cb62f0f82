"""The main choices of charge settings: what one charge is made for, what the customer pays, and what it is booked on."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from core.domain.charges.settings import ChargeSettings, Pricing, Split
from core.domain.errors import ContractBridgeError
from core.services import charge_preview, charges
from core.services.charges import BILLING_CODE
from pages._ui import auth, states
from pages._ui.choices import labelled
from pages._ui.formats import tr

NONE = ""


def splits() -> dict[Split, str]:
    return {
        Split.BUNDLED: tr("One charge with the total"),
        Split.SUBSCRIPTION: tr("One for each subscription"),
        Split.RESOURCE_GROUP: tr("One for each resource group"),
        Split.TAG: tr("One for each value of a tag"),
        Split.SERVICE: tr("One for each service"),
        Split.METER_CATEGORY: tr("One for each meter category"),
        Split.RESOURCE: tr("One for each resource"),
    }


def pricings() -> dict[Pricing, str]:
    return {
        Pricing.COST: tr("The cost itself"),
        Pricing.MARKUP: tr("Cost with a mark-up"),
        Pricing.MARGIN: tr("Cost with a margin on the price"),
        Pricing.SOURCE: tr("The price of the source"),
    }


def draw(portal: str, shown: ChargeSettings, key: str) -> dict[str, object]:
    """Whether, how split, for what price, booked on what."""
    charge = st.toggle(tr("Charge this consumption"), shown.charge, key=f"{key}_charge")
    names = splits()
    split = st.selectbox(
        tr("Charges"),
        list(names),
        index=list(names).index(shown.split),
        format_func=labelled(names),
        key=f"{key}_split",
    )
    tag = shown.tag
    if split is Split.TAG:
        tag = _tag(portal, shown.tag, key)
    prices = pricings()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    pricing = left.selectbox(
        tr("The customer pays"), list(prices), index=list(prices).index(shown.pricing), format_func=labelled(prices),
        key=f"{key}_pricing",
    )  # fmt: skip
    percent = shown.percent
    if pricing in (Pricing.MARKUP, Pricing.MARGIN):
        typed = right.number_input(tr("Percent"), -100.0, 1000.0, float(shown.percent), 0.5, key=f"{key}_percent")
        percent = Decimal(str(typed)).normalize() + 0
    return {
        "charge": charge, "split": split, "tag": tag, "pricing": pricing, "percent": percent, **_booking(shown, key),
    }  # fmt: skip


def _tag(portal: str, tag: str, key: str) -> str:
    """The tags that the source tells; another name can be typed."""
    told = charge_preview.variables(auth.context(), auth.actor(), portal)
    tags = [name.removeprefix("tag:") for name in told if name.startswith("tag:")]
    options = list(dict.fromkeys([*([tag] if tag else []), *tags]))
    chosen = st.selectbox(
        tr("Tag"), options, key=f"{key}_tag", accept_new_options=True, placeholder=tr("Choose or type a tag"),
        index=0 if options else None,
    )  # fmt: skip
    return str(chosen or "")


def _booking(shown: ChargeSettings, key: str) -> dict[str, object]:
    """Billing codes and products as Autotask has them (S2, S3): nobody types an id."""
    names = {NONE: tr("Not chosen yet: nothing is charged")}
    now = NONE
    if shown.billing_code_id is not None:
        now = f"{BILLING_CODE}:{shown.billing_code_id}"
    elif shown.product_id is not None:
        now = f"product:{shown.product_id}"
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    again = right.button(
        "", icon=":material/refresh:", key=f"{key}_bookings", help=tr("Read the lists from Autotask again")
    )
    try:
        for one in charges.billing_codes(auth.context(), auth.actor(), refresh=again):
            names[f"{one.kind}:{one.id}"] = tr("Billing code {name}", name=one.name)
        for one in charges.products(auth.context(), auth.actor()):
            number = f" ({one.number})" if one.number else ""
            names[f"{one.kind}:{one.id}"] = tr("Product {name}", name=one.name + number)
    except ContractBridgeError as error:
        states.show_error(error)
    if now not in names:
        names[now] = tr("{number}, not active in Autotask", number=now.partition(":")[2])
    options = list(names)
    chosen = str(
        left.selectbox(
            tr("Booked on"), options, index=options.index(now), format_func=labelled(names), key=f"{key}_booking",
            help=tr("Charges are booked on a billing code for materials, or on a product, of Autotask."),
        )
    )  # fmt: skip
    kind, _, number = chosen.partition(":")
    return {
        "billing_code_id": int(number) if number and kind == BILLING_CODE else None,
        "product_id": int(number) if number and kind != BILLING_CODE else None,
    }
