"""What would change on contracts, why, and for how much?"""

from __future__ import annotations

import streamlit as st

from core.services import planning, portals, runs
from core.services.access import Role
from core.services.planning import PlanHead
from pages._ui import apply_dialog, auth, change_detail, change_list, choices, finding_list, states, syncing
from pages._ui.formats import ago, tr
from pages._ui.shell import link

context, actor = auth.context(), auth.actor()


def headline(head: PlanHead | None) -> None:
    if head is None:
        states.title(tr("What would change on contracts?"))
        return
    waiting = head.by_status.get("needs_approval", 0) + head.by_status.get("held", 0)
    going = head.by_status.get("ready", 0) + head.by_status.get("approved", 0)
    if waiting:
        title = tr("{count} changes wait for a decision", count=waiting)
    elif going:
        title = tr("{count} changes are ready to be applied", count=going)
    elif head.by_finding:
        title = tr("Nothing to change, but something to look at")
    else:
        title = tr("The contracts are right: nothing to change")
    made = tr("Plan made {when}", when=ago(head.made_at))
    states.title(title, f"{made} · {tr('{count} lines are right already', count=head.unchanged)}")


def no_plan() -> None:
    with states.empty(
        tr("No plan yet"),
        tr("A plan compares what is used with what the contracts say. It is made by every sync."),
        ":material/compare_arrows:",
    ):
        if auth.may(Role.OPERATOR) and st.button(tr("Make the first plan"), type="primary", key="first_plan"):
            with states.explained():
                runs.request_sync(context, actor, apply=False)
                syncing.await_run()
        link("portals", tr("Open portals"))


def toolbar(head: PlanHead) -> None:
    going = head.by_status.get("ready", 0) + head.by_status.get("approved", 0)
    with st.container(horizontal=True, gap="small", width="content"):
        if st.button(
            tr("Apply {count} changes", count=going) if going else tr("Apply"), type="primary", icon=":material/send:",
            disabled=not going, key="apply", help=tr("Writes what is ready or approved to Autotask, and reads it back."),
        ):  # fmt: skip
            apply_dialog.show(head)
        if st.button(
            tr("Plan again"), icon=":material/refresh:", key="replan",
            help=tr("Compares what was read last with Autotask as it is now; writes nothing."),
        ):  # fmt: skip
            with states.explained():
                runs.request_plan(context, actor)
                syncing.await_run()
        if st.button(
            tr("Dry run"), icon=":material/visibility:", key="dry_run",
            help=tr("Reads all portals and Autotask, makes the plan, applies nothing."),
        ):  # fmt: skip
            with states.explained():
                runs.request_sync(context, actor, apply=False)
                syncing.await_run()


def view_switch(head: PlanHead) -> str:
    views = {
        "changes": tr("Changes ({count})", count=sum(head.by_status.values())),
        "findings": tr("To look at ({count})", count=sum(head.by_finding.values())),
    }
    return choices.segmented("changes_view", views)


head = planning.plan_head(context, actor)
headline(head)
if head is None:
    no_plan()
else:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        view = view_switch(head)
        if auth.may(Role.OPERATOR):
            toolbar(head)
    names = [card.name for card in portals.list_portals(context, actor)]
    if view == "findings":
        finding_list.show(names, head.by_finding)
    else:
        change_list.show(names, head.by_status)
    change_detail.show_asked()
