"""What must be known outside these pages: what was raised, by which rules, over which channels, and what became of telling it."""

from __future__ import annotations

from core.services import alerts
from core.services.access import Role, require
from pages._ui import alert_channels, alert_messages, alert_raised, alert_rules, auth, choices, states
from pages._ui.formats import number, tr

context, actor = auth.context(), auth.actor()
require(actor, Role.OPERATOR)
count = sum(alerts.counts(context, actor).values())
states.title(tr("What should somebody know now, and who is told?"))
views = {
    "raised": tr("Raised") + (f" ({number(count)})" if count else ""),
    "rules": tr("Rules"),
    "channels": tr("Channels"),
    "deliveries": tr("Messages"),
}
view = choices.segmented("alerts_view", views)
{
    "raised": alert_raised.show,
    "rules": alert_rules.show,
    "channels": alert_channels.show,
    "deliveries": alert_messages.show,
}.get(view, alert_raised.show)()
