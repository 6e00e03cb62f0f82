"""Autotask, people, back-up, and what belongs to the whole workspace."""

from __future__ import annotations

from core.services.access import Role, require
from pages._ui import (
    alert_channels,
    auth,
    choices,
    settings_autotask,
    settings_health,
    settings_people,
    settings_workspace,
    states,
)
from pages._ui.formats import tr

require(auth.actor(), Role.ADMIN)
states.title(tr("How is ContractBridge set up?"))
views = {
    "autotask": "Autotask",
    "people": tr("People"),
    "channels": tr("Notifications"),
    "workspace": tr("Workspace and back-up"),
    "health": tr("Health"),
}
view = choices.segmented("settings_view", views)
{
    "autotask": settings_autotask.show,
    "people": settings_people.show,
    "channels": alert_channels.show,
    "workspace": settings_workspace.show,
    "health": settings_health.show,
}.get(view or "autotask", settings_autotask.show)()
