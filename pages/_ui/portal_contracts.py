"""Where a portal's quantities go: lines that stand there, one contract for each subscription, or an Azure Plan's line (S2, S3)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from core.domain.policy import Mode, Otherwise
from core.domain.provisioning.policy import TEMPLATE_FIELDS, ContractKind, ContractPolicy, PriceSource
from core.domain.provisioning.steps import filled
from core.domain.provisioning.subscription import SubscriptionType
from core.services import provisioning_settings
from core.services.mapping import Option
from core.services.portals import PortalDetail
from core.services.provisioning_settings import PolicyChoices
from pages._ui import auth, choices, policy_prices, states, subscription_words
from pages._ui.formats import escape, tr

LISTS_SECONDS = 300
"""Autotask's lists change rarely, and a form is drawn anew with every click (M16)."""


def show(detail: PortalDetail, editable: bool) -> None:
    name = detail.card.name
    stored = provisioning_settings.contract_policy(auth.context(), auth.actor(), name)
    kinds = _kinds()
    kind = st.radio(
        tr("Where do the quantities go?"), list(kinds), index=list(kinds).index(stored.kind), disabled=not editable,
        format_func=choices.labelled({key: words for key, (words, _) in kinds.items()}),
        captions=[caption for _, caption in kinds.values()], key=f"contracts_{name}",
    )  # fmt: skip
    if not editable:
        return
    policy = stored.model_copy(update={"kind": kind})
    if kind is not ContractKind.EXISTING_LINES:
        lists = _lists(name)
        if lists.problem:
            st.warning(escape(tr(lists.problem)), icon=":material/cloud_off:")
        policy = _own_contracts(policy, lists) if kind is ContractKind.PER_SUBSCRIPTION else _azure(policy, lists)
    if kind is ContractKind.PER_SUBSCRIPTION and detail.card.mode is Mode.AUTOMATIC:
        st.warning(
            tr("This portal applies by itself: contracts are made in Autotask without anybody looking first."),
            icon=":material/bolt:",
        )
    missing = _missing(policy)
    if st.button(tr("Save"), type="primary", key="save_contracts", disabled=bool(missing)):
        provisioning_settings.save_contract_policy(auth.context(), auth.actor(), name, policy)
        states.done(tr("Saved. The next sync works this way."))
        st.rerun()
    if missing:
        st.caption(tr("Still to be chosen: {fields}", fields=", ".join(missing)))


def _kinds() -> dict[ContractKind, tuple[str, str]]:
    return {
        ContractKind.EXISTING_LINES: (
            tr("To the lines on your contracts"),
            tr("The usual way: customers and products are linked once, units go to the lines that stand there."),
        ),
        ContractKind.PER_SUBSCRIPTION: (
            tr("To one contract for each subscription"),
            tr("Contract and service are made when they are missing. Switch other billing integrations off first."),
        ),
        ContractKind.AZURE_PLAN: (
            tr("To your lines, and Azure as the price of one line"),
            tr("A month's consumption becomes the price of the Azure Plan's line in that month, and 0 after it."),
        ),
    }


def _lists(portal: str) -> PolicyChoices:
    """What Autotask offers, asked once in a while."""
    key = f"_contract_lists_{portal}"
    kept: tuple[float, PolicyChoices] | None = st.session_state.get(key)
    again = st.button(
        tr("Read the lists again"), icon=":material/refresh:", key="contract_lists", type="tertiary",
        help=tr("All lists below are filled by Autotask."),
    )  # fmt: skip
    if kept is None or again or time.monotonic() - kept[0] > LISTS_SECONDS:
        with st.spinner(tr("Reading Autotask's lists …")):
            kept = (time.monotonic(), provisioning_settings.policy_choices(auth.context(), auth.actor(), portal))
        if kept[1].problem is None:
            st.session_state[key] = kept
    return kept[1]


def _own_contracts(policy: ContractPolicy, lists: PolicyChoices) -> ContractPolicy:
    left, right = st.columns(2, gap="large")
    with left:
        service_code = _list(
            tr("Billing code of services"), lists.service_codes, policy.service_billing_code, "service_code",
            tr("Active codes for recurring contract services."),
        )  # fmt: skip
        product_code = _list(
            tr("Billing code of products"), lists.product_codes, policy.product_billing_code, "product_code",
            tr("Active codes for material costs or products; needed for Azure Plans."),
        )  # fmt: skip
        level = _list(
            tr("Service level agreement"), lists.service_levels, policy.service_level_agreement, "service_level"
        )
        category = _list(tr("Contract category"), lists.categories, policy.contract_category, "category")
    with right:
        billed = _types(policy)
    names = _names(policy)
    left, right = st.columns(2, gap="large")
    with left:
        source = _choice(
            tr("Price and cost of services that are made"), _sources(), policy.price_source, "price_source"
        )
    with right:
        edits = _edits(policy)
    return policy.model_copy(
        update={
            "service_billing_code": service_code, "product_billing_code": product_code,
            "service_level_agreement": level, "contract_category": category, "billed": billed,
            "price_source": source, "edits": edits, **names,
        }
    )  # fmt: skip


def _types(policy: ContractPolicy) -> frozenset[SubscriptionType]:
    st.markdown(tr("Which subscriptions are billed?"))
    words = subscription_words.kinds()
    ticked = [
        kind
        for kind in SubscriptionType
        if st.checkbox(words.get(kind.value, kind.value), kind in policy.billed, key=f"billed_{kind.value}")
    ]
    if not ticked:
        st.caption(tr("Nothing is ticked: nothing of this portal is billed."))
    return frozenset(ticked)


def _names(policy: ContractPolicy) -> dict[str, str]:
    """Templates of names, each with an example of what comes out."""
    fields = ", ".join(f"{{{field}}}" for field in sorted(TEMPLATE_FIELDS))
    left, right = st.columns(2, gap="large")
    entered: dict[str, str] = {}
    for place, field, label, value in (
        (left, "contract_name", tr("Name of a contract"), policy.contract_name),
        (right, "service_name", tr("Name of a service"), policy.service_name),
    ):
        with place:
            entered[field] = st.text_input(label, value, key=field, help=tr("It may hold {fields}.", fields=fields))
            _example(policy.model_copy(update={field: entered[field]}), field)
    return entered


def _example(policy: ContractPolicy, field: str) -> None:
    with states.explained():
        policy.model_copy(update={"kind": ContractKind.EXISTING_LINES}).check()
        sample = {
            "product": "Microsoft 365 Business Premium", "customer": "Acme B.V.", "subscription": "7f1c0d22", "term": "P1Y",
            "period": "monthly", "portal": "Pax8",
        }  # fmt: skip
        st.caption(escape(tr("For example: {name}", name=filled(getattr(policy, field), **sample))))


def _azure(policy: ContractPolicy, lists: PolicyChoices) -> ContractPolicy:
    left, right = st.columns(2, gap="large")
    with left:
        markup = policy_prices.percent(
            tr("Price is the cost with so many percent more"), policy.azure_markup_percent, "azure_markup",
            tr("Leave empty for the portal's own price."),
        )  # fmt: skip
    with right:
        st.markdown(tr("Services without price and cost"))
        if lists.zero_services:
            st.caption(escape(" · ".join(option.label for option in lists.zero_services[:12])))
            st.caption(tr("Link the Azure Plan to one of these on the Products page."))
        else:
            st.caption(tr("There is none yet: make a service with price 0 and cost 0 in Autotask, then sync."))
    return policy.model_copy(update={"azure_markup_percent": markup})


def _sources() -> dict[PriceSource, str]:
    return {
        PriceSource.PORTAL: tr("From the portal, and following it"),
        PriceSource.SERVICE: tr("Your own, in Autotask; made with 0"),
    }


def _edits(policy: ContractPolicy) -> Otherwise:
    words = {Otherwise.OVERWRITE: tr("Is overwritten"), Otherwise.HOLD: tr("Hold for a person")}
    return _choice(tr("What people change by hand"), words, policy.edits, "contract_edits")


def _list(label: str, options: Sequence[Option], value: int | None, key: str, help_: str = "") -> int | None:
    """A list of Autotask; what is stored stays chosen, also while the list could not be read."""
    words = {option.id: option.label for option in options}
    if value is not None:
        words.setdefault(value, f"#{value}")
    ids = list(words)
    return st.selectbox(
        label, ids, index=ids.index(value) if value in words else None, format_func=choices.labelled(words), key=key,
        help=help_ or None, placeholder=tr("Choose one"),
    )  # fmt: skip


def _choice(label: str, words: dict, value: object, key: str):  # noqa: ANN202
    options = list(words)
    index = options.index(value) if value in options else 0
    return st.selectbox(label, options, index=index, format_func=choices.labelled(words), key=key)


def _missing(policy: ContractPolicy) -> list[str]:
    """What has to be chosen before it can be switched on (S3-10)."""
    if policy.kind is not ContractKind.PER_SUBSCRIPTION:
        return []
    missing = [] if policy.service_billing_code is not None else [tr("Billing code of services")]
    if SubscriptionType.AZURE_PLAN in policy.billed and policy.product_billing_code is None:
        missing.append(tr("Billing code of products"))
    return missing
