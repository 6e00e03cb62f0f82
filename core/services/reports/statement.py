"""The licence statement for a customer: on the MSP's paper, without prices, portals or anything else that is not theirs."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.text import T
from core.i18n import LOCALES
from core.reporting import Column, Kind, Report, Row, Section, Style, Table
from core.reporting.pdf_form import Sender, write_pdf
from core.reporting.picture import is_printable
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.autotask_settings import zone_name
from core.services.reports.asked import Asked, Scene, months_before, scene
from core.services.reports.columns import DIFFERENCE, PRODUCT, Known, less, plus
from core.store import directory, workspace
from core.store import reports as store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from core.services.context import Context

SENDER = "sender"
"""Name of the setting: the MSP's name and logo."""
COLUMNS = (
    PRODUCT,
    Column("quantity", T("Licences"), Kind.COUNT),
    Column("month_before", T("A month earlier"), Kind.COUNT),
    DIFFERENCE,
    Column("since", T("Unchanged since"), Kind.DATE),
)


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands above a statement: the MSP's name, and its logo where there is one."""

    name: str = ""
    logo: bytes = b""


def statement(ctx: Context, actor: Actor, company_id: int, day: date, *, language: str = "") -> bytes:
    """What a company uses at the end of `day`, as PDF for the customer. Raises InputError (kind `unknown_company`)."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        name = directory.company_names(session).get(company_id)
        if name is None:
            raise InputError(T("There is no company {number}.", number=str(company_id)), kind="unknown_company")
        report = _report(scene(ctx, session, Asked(moment=day, company_id=company_id)), name)
        paper = _paper(session)
        words = language or actor.language
        writing = actor.locale if words == actor.language else LOCALES.get(words, "")
        style = Style(words, writing, zone_name(session))
    return write_pdf(report, style, Sender(paper.name, paper.logo))


def sender(ctx: Context, actor: Actor) -> Paper:
    """The MSP's name and logo, as they stand above statements."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return _paper(session)


def save_sender(ctx: Context, actor: Actor, name: str, logo: bytes | None = None) -> None:
    """Set name and logo; None keeps the logo, empty takes it away. For admins. Raises InputError (kind `logo`)."""
    require(actor, Role.ADMIN)
    if logo and not is_printable(logo):
        raise InputError(T("This logo cannot be used."), remedy=T("Give a PNG or JPEG of at most 1 MB."), kind="logo")

    def work(session: Session) -> None:
        before = _paper(session)
        kept = before.logo if logo is None else logo
        values = {"name": name.strip(), "logo": base64.b64encode(kept).decode()}
        workspace.put(session, {SENDER: values})
        note(
            ctx, session, actor, "settings.changed", SENDER,
            before={"name": before.name, "logo": bool(before.logo)}, after={"name": name.strip(), "logo": bool(kept)},
        )  # fmt: skip

    ctx.database.run(work)


def _paper(session: Session) -> Paper:
    stored = workspace.get(session, SENDER) or {}
    return Paper(stored.get("name", ""), base64.b64decode(stored.get("logo", "")))


def _report(now: Scene, company: str) -> Report:
    earlier = now.at(months_before(now.day, 1))
    totals: dict[str, tuple[Known, Known]] = {}
    for one in store.sums_at(now.session, [now.instant, earlier], now.within):
        product = now.product(one.portal_id, one.product_key)
        values = (
            now.known(one.portal_id, now.instant, one.totals[0]),
            now.known(one.portal_id, earlier, one.totals[1]),
        )
        have = totals.get(product, (None, None))
        totals[product] = (plus(have[0], values[0]), plus(have[1], values[1]))
    since = _since(now)
    rows = [
        Row((product, units, before, less(units, before), since.get(product)))
        for product, (units, before) in sorted(totals.items(), key=lambda item: item[0].casefold())
        if (units or Decimal(0)) != 0 or (before or Decimal(0)) != 0
    ]
    return Report(
        name="statement",
        title=T("Licence statement for {company}", company=company),
        day=now.day,
        made_at=now.ctx.clock.now(),
        facts=[T("Licences in use on {day}.", day=now.day)],
        sections=(
            Section(
                name="licences",
                title=T("Licences"),
                table=Table(COLUMNS, tuple(rows), T("No licences are in use.")),
            ),
        ),
    )


def _since(now: Scene) -> dict[str, date]:
    """Since when each product's units are what they are: the last change of any of its lines."""
    last: dict[str, datetime] = defaultdict(lambda: now.instant)
    for line in store.lines_at(now.session, now.instant, now.within):
        product = now.product(line.portal_id, line.product_key)
        last[product] = max(last[product], line.since) if product in last else line.since
    return {product: now.local_day(instant) for product, instant in last.items()}
