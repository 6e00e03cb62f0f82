"""How a portal charges: split, price, booking, words and limits; for all its customers, or for one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domain.charges.settings import ChargeOverride, ChargeSettings, settings_for
from core.services import charge_sources, charges, runs
from core.services.charge_sources import AmountSource
from pages._ui import auth, charge_fields, charge_limits, states, syncing, template_editor
from pages._ui.choices import labelled
from pages._ui.formats import escape, tr

OF_THE_PORTAL = ("date", "kinds", "provisional", "max_change_percent", "product_names", "overrides")
"""What is said once for a portal; everything else may differ for a customer."""


def choose(sources: Sequence[AmountSource]) -> None:
    """On the Consumption page: first which portal."""
    if not sources:
        with states.empty(
            tr("No source of amounts yet"), tr("Bring a cost export, or connect a portal that tells amounts."), ":material/tune:"
        ):  # fmt: skip
            st.page_link("pages/portals.py", label=tr("Open portals"), icon=":material/arrow_forward:")
        return
    names = [source.portal for source in sources]
    unready = {source.portal for source in sources if not source.ready}
    labels = {name: f"{name} · {tr('to be set up')}" if name in unready else name for name in names}
    place = st.container(horizontal=True, gap="small")
    with place:
        portal = str(st.selectbox(tr("Portal"), names, key="charging_portal", format_func=labelled(labels), width=300))
    with states.explained():
        show(portal, place)


def show(portal: str, place: DeltaGenerator | None = None) -> None:
    """The settings of one portal, for operators. For whom they are is asked in `place`."""
    context, actor = auth.context(), auth.actor()
    known = charges.charge_settings(context, actor, portal)
    settings = known or ChargeSettings()
    if known is None:
        st.info(tr("Nothing of this portal is charged until it is said how. Choose at least what to book on."))
    customers = dict(charge_sources.charged_customers(context, actor, portal))
    own = [one.customer_id for one in settings.overrides if one.product is None and one.customer_id]
    with place or st.container():
        customer = _for_whom(portal, customers, own) if known else ""
    shown = settings_for(settings, customer) if customer else settings
    key = f"charging_{portal}_{customer}_{st.session_state.get('charging_version', 0)}"
    values = _form(portal, shown, key, customer)
    with st.container(horizontal=True, gap="small"):
        if st.button(tr("Save"), type="primary", key="save_charging"):
            wanted = _with(settings, customer, values)
            _save(portal, charges.settings_of(wanted.model_dump(), portal))
        if customer in own and st.button(tr("Charge as the others"), icon=":material/undo:", key="drop_charging"):
            _save(portal, settings.model_copy(update={"overrides": _others(settings, customer)}))


def _for_whom(portal: str, customers: Mapping[str, str], own: Sequence[str]) -> str:
    labels = {"": tr("All customers of {portal}", portal=portal)}
    labels |= {one: f"{name} · {tr('own settings')}" if one in own else name for one, name in customers.items()}
    return str(
        st.selectbox(
            tr("For whom?"), list(labels), key=f"charging_for_{portal}", format_func=labelled(labels), width=420
        )
    )


def _form(portal: str, shown: ChargeSettings, key: str, customer: str) -> dict[str, object]:
    """The settings as they stand in the widgets."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{tr('What becomes a charge?')}**")
        values = charge_fields.draw(portal, shown, key)
        draft = shown.model_copy(update=values)
        if not customer:
            values |= charge_limits.draw(shown, key)
        else:
            values |= charge_limits.draw_own(shown, key)
    with right:
        st.markdown(f"**{tr('What does the invoice say?')}**")
        name = tr("Name of the charge")
        values["name"] = template_editor.draw(
            name, shown.name, f"{key}_name", portal=portal, settings=draft, customer=customer, is_name=True
        )
        description = tr("Description")
        values["description"] = template_editor.draw(
            description,
            shown.description,
            f"{key}_words",
            portal=portal,
            settings=draft,
            customer=customer,
            is_name=False,
        )
    return values


def _with(settings: ChargeSettings, customer: str, values: Mapping[str, object]) -> ChargeSettings:
    """The portal's settings with these; for a customer only what differs from the portal's is kept."""
    if not customer:
        return settings.model_copy(update=dict(values))
    before = next(
        (one for one in settings.overrides if one.customer_id == customer and one.product is None),
        ChargeOverride(customer_id=customer),
    )
    differing = {
        name: value if value != getattr(settings, name) else None
        for name, value in values.items()
        if name not in OF_THE_PORTAL
    }
    if differing.get("tag") is None and differing.get("split"):
        differing["tag"] = values.get("tag") or None
    chosen = before.model_copy(update=differing)
    empty = not chosen.model_dump(exclude={"customer_id"}, exclude_none=True)
    return settings.model_copy(
        update={"overrides": _others(settings, customer) if empty else (*_others(settings, customer), chosen)}
    )


def _others(settings: ChargeSettings, customer: str) -> tuple[ChargeOverride, ...]:
    return tuple(one for one in settings.overrides if one.customer_id != customer or one.product is not None)


def _save(portal: str, wanted: ChargeSettings) -> None:
    context, actor = auth.context(), auth.actor()
    charges.save_settings(context, actor, portal, wanted)
    runs.request_plan(context, actor)
    st.session_state["charging_version"] = st.session_state.get("charging_version", 0) + 1
    states.done(tr("The charge settings of {portal} are saved. A new plan is being made.", portal=escape(portal)))
    syncing.await_run()
