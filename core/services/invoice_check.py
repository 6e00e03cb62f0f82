"""A vendor's invoice beside our own records and Autotask: three numbers, every difference explained to the day (S1-78, S1-79)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.domain.consumption_lines import month_of
from core.domain.errors import InputError
from core.domain.invoice.check import OPEN, check, with_mutes
from core.domain.invoice.model import CheckRow, CheckSettings, Mute, Period, Place, State
from core.domain.text import T
from core.files import importer
from core.files.importer import Inspection
from core.reporting import Form, Rendered, Report, render
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.invoice_check_facts import gather
from core.services.invoice_check_file import InvoiceFile, checked_columns, read_invoice
from core.services.invoice_check_model import CheckHead, CheckTotals, InvoiceCheck, InvoiceSettings
from core.services.paging import Page, PageQuery
from core.services.portals import find
from core.services.upload_files import keep
from core.store import reporting
from core.store.codec import canonical, digest, text_to_json, texts_from_json
from core.store.portals import Portal
from core.store.reporting import StoredCheck, StoredSettings
from core.store.reporting_codec import row_from_json, row_to_json

if TYPE_CHECKING:
    from core.services.context import Context


__all__ = [
    "CheckHead",
    "CheckTotals",
    "InvoiceCheck",
    "InvoiceSettings",
    "check_invoice",
    "check_report",
    "export_check",
    "get_check",
    "inspect_invoice",
    "invoice_settings",
    "list_checks",
    "load_check",
    "mute_difference",
    "preview_invoice",
    "save_invoice_settings",
    "unmute_difference",
]


def invoice_settings(ctx: Context, actor: Actor, portal: str) -> InvoiceSettings:
    """What is remembered of the vendor's invoices; defaults where nothing is."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        stored = reporting.settings(session, find(session, portal).id)
    return InvoiceSettings(portal=portal, columns=stored.columns, check=stored.check)


def save_invoice_settings(
    ctx: Context, actor: Actor, portal: str, columns: Mapping[str, object], check: CheckSettings
) -> None:
    """Remember how the vendor's invoices are read and checked. For operators. Raises SettingsError that names wrong fields."""
    require(actor, Role.OPERATOR)
    wanted = StoredSettings(checked_columns(columns, portal), check)
    ctx.database.run(lambda session: _save_settings(ctx, session, actor, find(session, portal), wanted))


def inspect_invoice(ctx: Context, actor: Actor, data: bytes, name: str) -> Inspection:  # noqa: ARG001 - as all use cases
    """A first look at a file: headings, first rows, suggested columns. For operators."""
    require(actor, Role.OPERATOR)
    return importer.inspect(data, name)


def preview_invoice(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: bytes,
    name: str,
    *,
    period: Period | None = None,
    columns: Mapping[str, object] | None = None,
    check: CheckSettings | None = None,
) -> InvoiceCheck:
    """The check of a file, kept nowhere. Without a period: the file's own, else the month before this one. For operators.

    `columns` and `check` default to what is remembered. Raises InputError for a file that cannot be read wholly.
    """
    require(actor, Role.OPERATOR)
    return _made(ctx, actor, portal, (data, name), period, columns, check).check


def check_invoice(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: bytes,
    name: str,
    *,
    period: Period | None = None,
    columns: Mapping[str, object] | None = None,
    check: CheckSettings | None = None,
) -> InvoiceCheck:
    """The same, kept as evidence: who, when, the file with its digest, the numbers. Given settings are remembered.

    For operators.
    """
    require(actor, Role.OPERATOR)
    made = _made(ctx, actor, portal, (data, name), period, columns, check)
    path = keep(ctx.home, made.portal.id, data, made.check.sha256, name)
    result = _result(made.check)
    stored = StoredCheck(
        portal_id=made.portal.id,
        first=made.check.period.first,
        last=made.check.period.last,
        made_at=made.check.made_at,
        person=actor.name,
        file_name=name,
        file_digest=made.check.sha256,
        stored_path=path,
        rows=len(made.check.rows),
        open_rows=made.check.totals.open,
        invoice_amount=made.check.totals.invoice_amount,
        own_amount=made.check.totals.own_amount,
        digest=digest(canonical(result)),
        result=result,
    )

    def work(session: Session) -> int:
        number = reporting.add_check(session, stored)
        if reporting.settings(session, made.portal.id) != made.settings or columns is not None:
            _save_settings(ctx, session, actor, made.portal, made.settings)
        after = {
            "check": number, "file": name, "sha256": stored.file_digest, "digest": stored.digest, "open": stored.open_rows,
            "period": [stored.first, stored.last],
        }  # fmt: skip
        note(ctx, session, actor, "invoice.checked", portal, after=after)
        return number

    number = ctx.database.run(work)
    return replace(made.check, id=number, digest=stored.digest)


def list_checks(ctx: Context, actor: Actor, query: PageQuery, *, month: date | None = None) -> Page[CheckHead]:
    """Kept checks, newest first; `portal` and `status` (`open`, `settled`) filter; `month`: periods that touch it."""
    require(actor, Role.VIEWER)
    first, last = month_of(month) if month else (None, None)
    with ctx.database.session() as session:
        page = reporting.page_checks(session, query, first=first, last=last)
    return Page(tuple(_head(one) for one in page.rows), page.total)


def get_check(ctx: Context, actor: Actor, check_id: int) -> InvoiceCheck:
    """A kept check, with mutes as they are now. Raises InputError (kind `unknown_check`)."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return load_check(session, check_id)


def load_check(session: Session, check_id: int) -> InvoiceCheck:
    """The same inside a session."""
    stored = reporting.get_check(session, check_id)
    if stored is None:
        raise InputError(T("There is no such invoice check."), place=str(check_id), kind="unknown_check")
    rows = with_mutes(map(row_from_json, stored.result["rows"]), reporting.mutes(session, stored.portal_id))
    return InvoiceCheck(
        id=stored.id,
        portal=stored.portal,
        period=Period(stored.first, stored.last),
        file_name=stored.file_name,
        sha256=stored.file_digest,
        made_at=stored.made_at,
        by=stored.person,
        settings=CheckSettings.model_validate(stored.result["settings"]),
        rows=rows,
        totals=_totals(rows),
        notes=texts_from_json(stored.result["notes"]),
        autotask_known=stored.result["autotask_known"],
        digest=stored.digest,
    )


def mute_difference(ctx: Context, actor: Actor, check_id: int, place: Place, reason: str) -> InvoiceCheck:
    """A difference is right, with a reason: until it changes, in later checks too. For operators."""
    require(actor, Role.OPERATOR)
    if not reason.strip():
        raise InputError(T("Say why the difference is right."), place="reason", kind="reason")
    row = _row_of(get_check(ctx, actor, check_id), place)
    if row.state not in (*OPEN, State.MUTED):
        raise InputError(T("There is no difference here."), kind="no_difference")
    wanted = Mute(row.fingerprint, reason.strip(), actor.name)

    def work(session: Session) -> InvoiceCheck:
        portal = _portal_of(session, check_id)
        reporting.save_mute(session, portal.portal_id, place, wanted, ctx.clock.now())
        return _after_mute(ctx, session, actor, check_id, "invoice.muted", {"place": list(place), "reason": wanted.reason,
                                                                           "difference": wanted.difference})  # fmt: skip

    return ctx.database.run(work)


def unmute_difference(ctx: Context, actor: Actor, check_id: int, place: Place) -> InvoiceCheck:
    """Show it again. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> InvoiceCheck:
        reporting.drop_mute(session, _portal_of(session, check_id).portal_id, place)
        return _after_mute(ctx, session, actor, check_id, "invoice.unmuted", {"place": list(place)})

    return ctx.database.run(work)


def check_report(ctx: Context, actor: Actor, check: InvoiceCheck) -> Report:  # noqa: ARG001 - as all use cases
    """A check as a report."""
    from core.services.reports.invoice import report_of

    require(actor, Role.VIEWER)
    return report_of(check)


def export_check(ctx: Context, actor: Actor, check_id: int, form: Form) -> Rendered:
    """A kept check as a file."""
    from core.services.reports import style_of

    return render(check_report(ctx, actor, get_check(ctx, actor, check_id)), form, style_of(ctx, actor))


@dataclass(frozen=True, slots=True)
class _Made:
    portal: Portal
    settings: StoredSettings
    check: InvoiceCheck


def _made(
    ctx: Context,
    actor: Actor,
    portal: str,
    file: tuple[bytes, str],
    period: Period | None,
    columns: Mapping[str, object] | None,
    settings: CheckSettings | None,
) -> _Made:
    with ctx.database.session() as session:
        found = find(session, portal)
        known = reporting.settings(session, found.id)
    wanted = StoredSettings(
        known.columns if columns is None else checked_columns(columns, portal), settings or known.check
    )
    today = ctx.clock.today()
    read: InvoiceFile = read_invoice(*file, wanted.columns, portal, today)
    days = period or read.period or Period(*month_of(today.replace(day=1) - timedelta(days=1)))
    if days.first > days.last:
        raise InputError(T("The period ends before it begins."), place="period", kind="period")
    facts, notes, autotask_known = gather(ctx, found, read, wanted.check, days)
    rows = check(facts, today)
    made = InvoiceCheck(
        id=None,
        portal=found.name,
        period=days,
        file_name=file[1],
        sha256=read.sha256,
        made_at=ctx.clock.now(),
        by=actor.name,
        settings=wanted.check,
        rows=rows,
        totals=_totals(rows),
        notes=(*read.notes, *notes),
        autotask_known=autotask_known,
    )
    return _Made(found, wanted, made)


def _save_settings(ctx: Context, session: Session, actor: Actor, portal: Portal, wanted: StoredSettings) -> None:
    before = reporting.settings(session, portal.id)
    reporting.save_settings(session, portal.id, wanted, ctx.clock.now())
    if before != wanted:
        note(
            ctx, session, actor, "invoice_settings.saved", portal.name, before=_told(before), after=_told(wanted),
        )  # fmt: skip


def _told(settings: StoredSettings) -> dict[str, object]:
    return {"columns": dict(settings.columns), "check": settings.check.model_dump(mode="json", exclude_defaults=True)}


def _portal_of(session: Session, check_id: int) -> StoredCheck:
    stored = reporting.get_check(session, check_id)
    if stored is None:
        raise InputError(T("There is no such invoice check."), place=str(check_id), kind="unknown_check")
    return stored


def _after_mute(
    ctx: Context, session: Session, actor: Actor, check_id: int, event: str, after: dict[str, object]
) -> InvoiceCheck:
    made = load_check(session, check_id)
    reporting.set_open(session, check_id, made.totals.open)
    note(ctx, session, actor, event, made.portal, after={"check": check_id, **after})
    return made


def _row_of(made: InvoiceCheck, place: Place) -> CheckRow:
    row = next((row for row in made.rows if row.place == place), None)
    if row is None:
        raise InputError(T("There is no such row in this invoice check."), kind="unknown_row")
    return row


def _result(made: InvoiceCheck) -> dict[str, Any]:
    return {
        "rows": [row_to_json(row) for row in made.rows],
        "settings": made.settings.model_dump(mode="json"),
        "notes": [text_to_json(text) for text in made.notes],
        "autotask_known": made.autotask_known,
    }


def _totals(rows: tuple[CheckRow, ...]) -> CheckTotals:
    one_currency = len({row.currency for row in rows}) <= 1
    on_invoice = [row for row in rows if row.invoice is not None]
    used = [row for row in rows if row.explanation.why.value != "only_invoice"]
    return CheckTotals(
        invoice=_sum(row.invoice for row in on_invoice) or Decimal(0),
        own=_sum(row.own for row in used),
        invoice_amount=_sum(row.invoice_amount for row in on_invoice) if one_currency else None,
        own_amount=_sum(row.own_amount for row in used) if one_currency else None,
        rows=len(rows),
        open=sum(row.state in OPEN for row in rows),
        muted=sum(row.state is State.MUTED for row in rows),
    )


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """None as soon as one is not known."""
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _head(stored: StoredCheck) -> CheckHead:
    return CheckHead(
        id=stored.id,
        portal=stored.portal,
        period=Period(stored.first, stored.last),
        file_name=stored.file_name,
        made_at=stored.made_at,
        by=stored.person,
        state="open" if stored.open_rows else "settled",
        rows=stored.rows,
        open=stored.open_rows,
        invoice_amount=stored.invoice_amount,
        own_amount=stored.own_amount,
    )
