"""What happened: runs, their log, and the audit."""

from __future__ import annotations

from core.services import activity
from core.services.paging import PageQuery
from pages._ui import audit_list, auth, choices, run_list, states
from pages._ui.formats import ago, tr

context, actor = auth.context(), auth.actor()
latest = activity.runs(context, actor, PageQuery(sort="id", descending=True, limit=1))
if latest.rows:
    run = latest.rows[0]
    states.title(tr("What happened?"), f"{tr('Last run {when}', when=ago(run.started))} · {tr(run.message)}")
else:
    states.title(tr("What happened?"))

views = {"runs": tr("Runs"), "audit": tr("Audit")}
view = choices.segmented("activity_view", views)
if view == "audit":
    audit_list.show()
else:
    run_list.show()
