"""A new subscription from the portal to a contract line: customer, service and contract, confirmed together (S4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import streamlit as st

from core.domain.contract import ItemRef, LineKind
from core.domain.errors import ContractBridgeError
from core.services import new_subscription, new_subscription_list
from core.services.mapping import Option
from core.services.new_subscription import Confirmation, NewSubscription, Proposal
from pages._ui import auth, choices, states, subscription_words, syncing, words
from pages._ui.formats import day, escape, number, tr
from pages._ui.shell import link

PLACE = ("portal", "customer", "subscription")
CONFIRMED = "_subscription_confirmed"

Key = tuple[str, str, str]


def wanted() -> Key | None:
    """The subscription in the address that is to be mapped."""
    place = st.query_params
    if place.get("step") != "map":
        return None
    return place.get("portal", ""), place.get("customer", ""), place.get("subscription", "")


def go(portal: str, customer_id: str, subscription_id: str) -> None:
    """Open the flow for one subscription; it has an address of its own."""
    st.query_params.from_dict({"step": "map", **dict(zip(PLACE, (portal, customer_id, subscription_id), strict=True))})
    st.rerun()


def back_to_list() -> None:
    st.query_params.from_dict({"subscriptions_view": "new"})
    st.rerun()


def show(key: Key) -> None:
    if st.button(tr("New subscriptions"), icon=":material/arrow_back:", type="tertiary", key="back"):
        back_to_list()
    states.title(tr("On which contract does this subscription belong?"))
    try:
        one = new_subscription_list.new_one(auth.context(), auth.actor(), *key)
    except ContractBridgeError as error:
        states.show_error(error)
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        _facts(one)
    with right, states.explained():
        if one.refused:
            st.warning(escape(tr(one.refused)), icon=":material/block:")
        else:
            _form(one, key)


def _facts(one: NewSubscription) -> None:
    with st.container(border=True):
        st.markdown(f"**{escape(one.product)}**")
        facts = {
            tr("Portal customer"): one.customer,
            tr("Count"): number(one.quantity),
            tr("Term, billing"): words.term(one.term, one.billing_frequency),
            tr("Type"): subscription_words.kinds().get(one.kind.value, one.kind.value),
            tr("Since"): day(one.created),
            tr("Portal"): one.portal,
            tr("Number"): one.subscription_id,
        }
        for name, value in facts.items():
            if value:
                st.markdown(f":gray[{name}]  \n{escape(value)}")


def _form(one: NewSubscription, key: Key) -> None:
    """Three choices, each filled in where it is known; the contracts follow from the first two."""
    stamp = "|".join(key)
    company_id = st.session_state.get(f"company_{stamp}")
    item = _item(st.session_state.get(f"service_{stamp}"))
    proposal = new_subscription.propose(auth.context(), auth.actor(), one, company_id=company_id, item=item)
    company = _choice(
        tr("Customer in Autotask"), f"company_{stamp}", [option.id for option in proposal.companies], proposal.companies,
        proposal.company_id, tr("Only companies of type Customer are offered."),
    )  # fmt: skip
    services = {(option.kind, option.id): option for option in proposal.services}
    mapped = (proposal.item.kind.value, proposal.item.id) if proposal.item else None
    service = _choice(
        tr("Service"), f"service_{stamp}", list(services), proposal.services, mapped,
        tr("Only services of the same billing cycle are offered."),
    )  # fmt: skip
    contract = _contract(proposal, stamp, chosen=company is not None)
    complete = None not in (company, service, contract)
    if st.button(
        tr("Put it on this contract"), type="primary", icon=":material/check:", disabled=not complete, key="map_confirm"
    ):
        done = new_subscription.confirm(
            auth.context(), auth.actor(),
            Confirmation(portal=key[0], customer_id=key[1], subscription_id=key[2], company_id=company,
                         item=_item(service), contract_id=contract),
        )  # fmt: skip
        st.session_state[CONFIRMED] = tr(done.message)
        syncing.expect_run()
        back_to_list()
    if not complete:
        st.caption(tr("Choose customer, service and contract; then it can be confirmed."))
    else:
        st.caption(
            tr(
                "What is not linked yet is linked for good: later subscriptions of this customer and product find their way."
            )
        )


def _contract(proposal: Proposal, stamp: str, *, chosen: bool) -> int | None:
    options = [option.id for option in proposal.contracts]
    labelled = [replace(option, label=_with_term(option, proposal.terms)) for option in proposal.contracts]
    contract = _choice(
        tr("Contract"), f"contract_{stamp}_{'_'.join(map(str, options))}", options, labelled,
        proposal.contract_id, tr("Recurring contracts that began before the subscription and bill on its cycle."),
        disabled=not options,
    )  # fmt: skip
    if proposal.note:
        (st.info if options else st.warning)(escape(tr(proposal.note)), icon=":material/info:")
    elif not chosen:
        st.caption(tr("The contracts follow from the customer."))
    return contract if isinstance(contract, int) else None


def _with_term(option: Option, terms: Mapping[int, tuple[date, date]]) -> str:
    first, last = terms[option.id]
    return f"{option.label} · {day(first)} – {day(last)}"


def _choice(
    label: str, key: str, values: Sequence[object], options: Sequence[Option], known: object, help_: str,
    *, disabled: bool = False,
) -> object:  # fmt: skip
    """A select box that begins with what is known already; None while nothing is chosen."""
    names = {value: option.label for value, option in zip(values, options, strict=True)}
    if key not in st.session_state and known in names:
        st.session_state[key] = known
    elif st.session_state.get(key) not in names:
        st.session_state[key] = None
    return st.selectbox(
        label, list(names), index=None, format_func=choices.labelled(names), key=key, help=help_, disabled=disabled,
        placeholder=tr("Choose one"),
    )  # fmt: skip


def _item(chosen: object) -> ItemRef | None:
    return ItemRef(LineKind(chosen[0]), chosen[1]) if isinstance(chosen, tuple) else None


def show_confirmed() -> None:
    """After confirming: the work goes on in the background (S4-15)."""
    words_of = st.session_state.pop(CONFIRMED, None)
    # The place is always there: what stands below does not jump when the message goes.
    with st.container():
        if words_of:
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/check_circle: {escape(words_of)}", width="stretch")
                link("activity", tr("Open the activity"))
