"""One portal: its freshness, what it reads, how it is connected, when it is read and how careful it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from core.domain.policy import Mode
from core.services import charge_sources, overview, portals, runs, webhooks
from core.services.access import Role
from core.services.portals import PortalCard, PortalDetail
from pages._ui import (
    auth,
    consumption_files,
    customer_list,
    dialogs,
    grid,
    pickup_connection,
    pickup_files,
    policy_form,
    portal_cards,
    portal_charges,
    portal_contracts,
    portal_exceptions,
    rest_detail,
    schedule_form,
    settings_form,
    states,
    syncing,
    upload_history,
    webhook_address,
    webhook_deliveries,
    webhook_mapping,
    webhook_settings,
    words,
)
from pages._ui.formats import escape, moment, number, tr


def go(**place: str) -> None:
    """Another view of this page; it has an address of its own."""
    st.query_params.from_dict(place)
    st.rerun()


def back() -> None:
    if st.button(tr("All portals"), icon=":material/arrow_back:", type="tertiary", key="back"):
        go()


def show(card: PortalCard) -> None:
    back()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(card.name, anchor=False, width="content")
        portal_cards.state_badge(card)
    st.caption(f"{escape(tr(card.connector_name))} · {portal_cards.kind_words(card.kind)} · {escape(tr(card.counts))}")
    _numbers(card)
    if auth.may(Role.OPERATOR):
        _actions(card)
    detail = portals.portal_detail(auth.context(), auth.actor(), card.name)
    names = {
        "when": tr("Schedule and mode"),
        "policy": tr("Policy"),
        "contracts": tr("Contracts"),
        "connection": tr("Connection"),
    }
    names = {"holds": tr("Customers"), **names}
    if card.takes_files:
        names = {"files": tr("Files"), **names}
    if card.picks_up:
        names = {"picked": tr("Files"), **names}
    if card.connector == webhooks.CONNECTOR:
        names = {"hook": tr("Address"), "deliveries": tr("Deliveries"), "events": tr("Events"), **names}
    if auth.may(Role.OPERATOR) and charge_sources.is_source(auth.context(), auth.actor(), card.name):
        names["charging"] = tr("How it is charged")
    tabs = st.tabs(list(names.values()))
    editable = auth.may(Role.OPERATOR)
    for tab, view in zip(tabs, names, strict=True):
        with tab, states.explained():
            VIEWS[view](detail, editable)


def _numbers(card: PortalCard) -> None:
    if card.message and card.state in (portals.PortalState.FAILING, portals.PortalState.STALE):
        st.warning(escape(tr(card.message)), icon=":material/warning:")
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Last reading"), moment(card.last_read) or tr("never"), border=True, width="content")
        if card.pulls:
            st.metric(tr("Next reading"), moment(card.next_due) or tr("when asked"), border=True, width="content")
        st.metric(tr("Lines"), number(card.lines), border=True, width="content")
        st.metric(tr("Customers"), number(card.customers), border=True, width="content")


def _actions(card: PortalCard) -> None:
    context, actor = auth.context(), auth.actor()
    with st.container(horizontal=True, gap="small"):
        if card.takes_files and st.button(tr("Drop a file"), type="primary", icon=":material/upload_file:", key="drop"):
            go(step="upload", portal=card.name)
        if card.connector == consumption_files.CONNECTOR and st.button(
            tr("Bring files"), type="primary", icon=":material/upload_file:", key="bring"
        ):
            st.switch_page("pages/consumption.py", query_params={"consumption_view": "files"})
        label = tr("Pick up now") if card.picks_up else tr("Read now")
        if card.pulls and st.button(label, type="primary", icon=":material/sync:", key="read_now"):
            with states.explained():
                runs.request_sync(context, actor, [card.name])
                syncing.await_run()
        if card.pulls and st.button(tr("Test the connection"), icon=":material/network_check:", key="test"):
            with st.spinner(tr("Testing …")), states.explained():
                show_test(portals.test_portal(context, actor, card.name))
        paused = card.state is portals.PortalState.PAUSED
        if st.button(
            tr("Go on") if paused else tr("Pause"),
            icon=f":material/{'play_arrow' if paused else 'pause'}:",
            key="pause",
        ):
            with states.explained():
                portals.pause_portal(context, actor, card.name, not paused)
                st.rerun()
        if auth.may(Role.ADMIN) and st.button(tr("Archive"), icon=":material/archive:", key="archive"):
            dialogs.confirm(
                tr("Archive {portal}?", portal=card.name),
                tr("It is not read any more and its lines are left as they are. History and audit stay."),
                tr("Archive"),
                lambda: _archive(card.name),
                icon=":material/archive:",
            )


def _archive(name: str) -> str:
    portals.archive_portal(auth.context(), auth.actor(), name)
    st.query_params.clear()
    return tr("{portal} is archived.", portal=name)


def show_test(result: portals.TestResult) -> None:
    words = escape(tr(result.message)) + (f"\n\n{escape(tr(result.remedy))}" if result.remedy else "")
    (st.success if result.ok else st.error)(words, icon=":material/check_circle:" if result.ok else ":material/error:")


def _charging(detail: PortalDetail, _editable: bool) -> None:
    portal_charges.show(detail.card.name)


def _files(detail: PortalDetail, _editable: bool) -> None:
    upload_history.show(detail.card.name)


def _hook(detail: PortalDetail, editable: bool) -> None:
    webhook_address.show(webhooks.hook_card(auth.context(), auth.actor(), detail.card.name), editable=editable)


def _deliveries(detail: PortalDetail, _editable: bool) -> None:
    webhook_deliveries.show(detail.card.name)


def _events(detail: PortalDetail, editable: bool) -> None:
    hook = webhooks.hook_card(auth.context(), auth.actor(), detail.card.name)
    webhook_mapping.show(hook, detail.settings, editable=editable)


def _holds(detail: PortalDetail, _editable: bool) -> None:
    """What the last reading gave: what is right, and what still needs mapping (S1-28)."""
    key = "portal_holds"
    chosen = grid.filters(
        key, statuses=words.mapping_states(), search=tr("Customer, company or portal"),
        sorts={"customer": tr("customer"), "company": tr("company"), "-count": tr("count")},
    )  # fmt: skip
    query = replace(chosen, portal=detail.card.name)
    page = overview.overview_rows(auth.context(), auth.actor(), query)
    if not page.total:
        states.empty(tr("No customers here"), tr("Nothing passes this filter, or nothing was read yet."))
        return
    customer_list.show(page.rows, key)
    grid.pager(key, query, page.total)


def _when(detail: PortalDetail, editable: bool) -> None:
    name = detail.card.name
    modes = {
        Mode.REVIEW: tr("Every change waits for a person"),
        Mode.AUTOMATIC: tr("What no guard holds is applied by itself"),
    }
    mode = st.radio(
        tr("Mode"), list(modes), format_func=lambda word: modes[word], key=f"mode_{name}",
        index=list(modes).index(detail.card.mode), disabled=not editable,
    )  # fmt: skip
    schedule = schedule_form.draw(detail.schedule, f"schedule_{name}") if detail.card.pulls else None
    if editable and st.button(tr("Save"), type="primary", key="save_when"):
        portals.set_mode(auth.context(), auth.actor(), name, mode)
        if detail.card.pulls:
            portals.set_schedule(auth.context(), auth.actor(), name, schedule)
        states.done(tr("Schedule and mode are saved."))
        st.rerun()


def _policy(detail: PortalDetail, editable: bool) -> None:
    policy = policy_form.draw(detail.policy, f"policy_{detail.card.name}")
    if editable and st.button(tr("Save"), type="primary", key="save_policy"):
        portals.set_policy(auth.context(), auth.actor(), detail.card.name, policy, detail.overrides)
        states.done(tr("The policy is saved."))
        st.rerun()
    st.space("small")
    portal_exceptions.show(detail, editable=editable)


def _connection(detail: PortalDetail, editable: bool) -> None:
    """Settings and credentials; what is stored of the latter is replaced, never shown."""
    card = detail.card
    connector = next(
        found for found in portals.list_connectors(auth.context(), auth.actor()) if found.slug == card.connector
    )
    name = st.text_input(tr("Name"), card.name, key=f"name_{card.id}", disabled=not editable, max_chars=60)
    if card.connector == webhooks.CONNECTOR:
        webhook_settings.show(detail, name, editable=editable)
        return
    if card.connector == rest_detail.CONNECTOR:
        if rest_detail.show(detail, name, editable=editable):
            go(step="endpoint", portal=card.name)
        return
    if card.picks_up:
        pickup_connection.show(detail, connector, name, editable=editable)
        return
    secrets: dict[str, str] = {}
    settings = settings_form.draw_needed_first(
        connector.settings, detail.settings, f"settings_{card.id}",
        then=lambda: secrets.update(settings_form.draw_secrets(connector.secrets, detail.secrets_set, f"secrets_{card.id}")),
    )  # fmt: skip
    if card.takes_files:
        st.caption(tr("Which column is which is easier to choose when a file is dropped."))
    if editable and st.button(tr("Save"), type="primary", key="save_connection"):
        portals.update_portal(
            auth.context(), auth.actor(), card.name, name=name if name != card.name else None, settings=settings,
            secrets=secrets or None,
        )  # fmt: skip
        states.done(tr("The connection is saved."))
        go(portal=name)


VIEWS: Mapping[str, Callable[[PortalDetail, bool], None]] = {
    "charging": _charging,
    "files": _files,
    "picked": pickup_files.show,
    "hook": _hook,
    "deliveries": _deliveries,
    "events": _events,
    "holds": _holds,
    "when": _when,
    "policy": _policy,
    "contracts": portal_contracts.show,
    "connection": _connection,
}
