"""Which subscriptions run, until when, and do the contracts follow?"""

from __future__ import annotations

from collections.abc import Mapping

from core.services import new_subscription_list, subscriptions
from core.services.access import Role
from pages._ui import (
    auth,
    choices,
    new_subscription_flow,
    new_subscription_rows,
    states,
    subscription_calendar,
    subscription_detail,
    subscription_list,
)
from pages._ui.formats import tr
from pages._ui.shell import link

context, actor = auth.context(), auth.actor()


def headline(counts: Mapping[str, int], new: int) -> None:
    total, out = sum(counts.values()), counts.get("out_of_sync", 0)
    followed = total - counts.get("ignored", 0)
    subtitle = tr("{count} subscriptions, of which {right} are in sync", count=total, right=counts.get("in_sync", 0))
    if new:
        words = tr("{count} new subscriptions wait for a contract", count=new)
        states.title(words if new > 1 else tr("One new subscription waits for a contract"), subtitle)
    elif out:
        states.title(tr("{count} subscriptions are out of sync", count=out), subtitle)
    elif counts.get("in_sync", 0) == followed:
        states.title(tr("All {count} subscriptions are in sync", count=followed), subtitle)
    else:
        states.title(tr("Which subscriptions run, and until when?"), subtitle)


def nothing_yet() -> None:
    states.title(tr("Which subscriptions run, and until when?"))
    with states.empty(
        tr("No subscriptions yet"),
        tr(
            "They appear when a portal was read that tells its subscriptions apart: Microsoft 365, Pax8, Copaco and others."
        ),
        ":material/autorenew:",
    ):
        link("portals", tr("Open portals"))


def show(counts: Mapping[str, int], new: int) -> None:
    views = {
        "all": tr("Subscriptions ({count})", count=sum(counts.values())),
        "new": tr("New ({count})", count=new),
        "calendar": tr("Calendar"),
    }
    view = choices.segmented("subscriptions_view", views)
    names = subscriptions.portals_shown(context, actor)
    if view == "new":
        new_subscription_rows.show(names)
    elif view == "calendar":
        subscription_calendar.show(names)
    else:
        subscription_list.show(names, counts)
    subscription_detail.show_asked()


wanted = new_subscription_flow.wanted()
if wanted and auth.may(Role.OPERATOR):
    new_subscription_flow.show(wanted)
else:
    found = subscriptions.badge_counts(context, actor)
    waiting = new_subscription_list.new_count(context, actor)
    if found:
        headline(found, waiting)
        new_subscription_flow.show_confirmed()
        show(found, waiting)
    else:
        nothing_yet()
