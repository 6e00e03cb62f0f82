"""Messages in words: what a list of alerts, a test or a statement says, in no language yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from core.domain.notice import Attachment, Notice, Severity
from core.domain.text import T, Text
from core.services.access import SYSTEM
from core.store import alert_outbox as outbox
from core.store import alerts as store
from core.store import workspace
from core.store.alert_outbox import Message
from core.store.alerts import Alert

if TYPE_CHECKING:
    from core.services.context import Context

PUBLIC_URL = "public_url"
"""The setting: where these pages are for the readers of a message."""
AT_ONCE = ("now|", "instead|")
"""How keys of messages begin that wait for no digest."""
SEVERITIES = {Severity.CRITICAL: T("Critical"), Severity.WARNING: T("Warning"), Severity.INFO: T("For information")}


def notice_for(ctx: Context, message: Message) -> Notice | None:
    """What a message says: what was sent the first time, or what it is made of now. None for a digest of what is all over.

    Raises InputError for a statement of a company that is not there any more.
    """
    if message.kind == "statement":
        return _statement(ctx, message.options)
    if message.notice is not None:
        return from_mapping(message.notice)
    with ctx.database.session() as session:
        base = str(workspace.get(session, PUBLIC_URL, ""))
        if message.kind == "test":
            return _test(base, message)
        items = outbox.items(session, message.id)
        return _alerts(session, base, items, digest=not message.key.startswith(AT_ONCE))


def _alerts(session: Session, base: str, items: Mapping[int, bool], *, digest: bool) -> Notice | None:
    found = [one for one in store.by_ids(session, items) if not digest or one.resolved_at is None]
    if not found:
        return None
    runs = {one.run_id for one in found}
    run = next(iter(runs)) if len(runs) == 1 else None
    closing = T("This is told once, until it is over or gets twice as large.")
    if len(found) == 1:
        return _one(found[0], base, again=items[found[0].id], closing=closing, run=run)
    worst = max((one.severity for one in found), key=lambda severity: severity.rank, default=Severity.INFO)
    count = Counter(one.severity for one in found)
    return Notice(
        severity=worst,
        title=T("ContractBridge: {count} matters need attention", count=len(found)),
        facts=tuple((words, T("{count}", count=count[key])) for key, words in SEVERITIES.items() if count[key]),
        lines=tuple(_line(one, again=items[one.id]) for one in found),
        link=link(base, "alerts", {}),
        link_title=T("Open the alerts"),
        closing=closing,
        run=run,
    )


def _one(alert: Alert, base: str, *, again: bool, closing: Text, run: int | None) -> Notice:
    facts = [(T("Severity"), SEVERITIES[alert.severity])]
    if alert.portals:
        facts.append((T("Portal"), T("{names}", names=alert.portals)))
    facts.append((T("Since"), T("{moment}", moment=alert.opened_at)))
    return Notice(
        severity=alert.severity,
        title=_line(alert, again=again),
        facts=tuple(facts),
        lines=alert.details,
        link=link(base, alert.page, alert.filters),
        closing=closing,
        run=run,
    )


def _line(alert: Alert, *, again: bool) -> Text:
    if alert.resolved_at is not None:
        return T("Over by now: {title}", title=alert.title)
    return T("Worse: {title}", title=alert.title) if again else alert.title


def _test(base: str, message: Message) -> Notice:
    return Notice(
        severity=Severity.INFO,
        title=T("A test from ContractBridge"),
        facts=(
            (T("Channel"), T("{name}", name=message.channel)),
            (T("Sent"), T("{moment}", moment=message.created_at)),
        ),
        lines=(T("When you read this, the channel works."),),
        link=link(base, "alerts", {"alerts_view": "channels"}),
        link_title=T("Open the channels"),
    )


def _statement(ctx: Context, options: Mapping[str, Any]) -> Notice:
    from core.services.reports.statement import statement

    day, company = date.fromisoformat(options["day"]), str(options["company"])
    pdf = statement(ctx, SYSTEM, int(options["company_id"]), day, language=options["language"])
    return Notice(
        severity=Severity.INFO,
        title=T("Licence statement for {company}", company=company),
        lines=(T("The licences in use on {day} are in the attachment.", day=day),),
        attachments=(Attachment(f"licences-{day}.pdf", "application/pdf", pdf),),
    )


def link(base: str, page: str, filters: Mapping[str, str]) -> str:
    """The address of a page; empty as long as nobody entered where the pages are."""
    if not base:
        return ""
    query = urlencode({name: value for name, value in filters.items() if value})
    return f"{base.rstrip('/')}/{page}" + (f"?{query}" if query else "")


def as_mapping(notice: Notice) -> dict[str, Any]:
    """To keep: without attachments, which are made anew."""
    return {
        "severity": notice.severity.value,
        "title": notice.title,
        "facts": notice.facts,
        "lines": notice.lines,
        "link": notice.link,
        "link_title": notice.link_title,
        "closing": notice.closing,
        "run": notice.run,
    }


def from_mapping(kept: Mapping[str, Any]) -> Notice:
    """The notice that was kept."""
    facts: Sequence[Any] = kept["facts"]
    return Notice(
        severity=Severity(kept["severity"]),
        title=kept["title"],
        facts=tuple((name, value) for name, value in facts),
        lines=tuple(kept["lines"]),
        link=kept["link"],
        link_title=kept["link_title"],
        closing=kept["closing"],
        run=kept["run"],
    )
