"""The Consumption page: what is charged per customer and period, out of what, and how each portal charges (S1-61 to S1-71)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.domain.charges.keys import key_of
from core.domain.charges.plan import ChargeChange
from core.domain.charges.settings import ChargeOverride, ChargeSettings, settings_for
from core.domain.charges.splitting import part_of
from core.domain.charges.template import product_of
from core.domain.consumption import ConsumptionLine
from core.domain.errors import InputError
from core.domain.finding import Finding
from core.domain.text import T, Text
from core.domain.validation import checked
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.paging import Page, PageQuery
from core.services.portals import find
from core.store import charges, consumption, directory, ledger
from core.store.charge_shown import RIGHT
from core.store.charges import Booking
from core.store.codec import text_from_json, texts_from_json
from core.store.ledger import Entry

if TYPE_CHECKING:
    from core.services.context import Context

MATERIAL_CODE = 4
"""useType of the billing codes that a charge takes (Autotask reference §8.6, §8.8; S3-06)."""
BILLING_CODE, PRODUCT = "billing_code", "product"
STATES = {"create": "new", "update": "changed", "correct": "correction", "withdraw": "goes"}
BOOKINGS_READ = "bookings_read_at"
BOOKINGS_FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeView:
    """One charge as it should be. `status`: right, ready, needs_approval, held, approved, dismissed. `in_autotask` is what
    Autotask has of it, `billed` the part that is posted. `resource` are the first names of what was used, `quantity` is told
    where all of it counts in one `unit`. `change_id`, `reason` and `holds` are those of the planned change, if there is one.
    """

    key: str
    portal: str
    company: str
    customer: str
    contract_id: int
    contract: str
    period_start: date
    period_end: date
    title: str
    name: str
    description: str
    currency: str
    cost: Decimal
    price: Decimal
    in_autotask: Decimal
    billed: Decimal
    charge_ids: tuple[int, ...]
    status: str
    lines: int
    resource: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    kind: str = ""
    change_id: str = ""
    reason: Text | None = None
    holds: tuple[Text, ...] = ()

    @property
    def state(self) -> str:
        """How Autotask compares: new, changed, correction, goes (planned); applied, billed, corrected (as it should be)."""
        if self.status != RIGHT:
            return STATES.get(self.kind, "new")
        if not self.billed:
            return "applied"
        return "corrected" if len(self.charge_ids) > 1 else "billed"


@dataclass(frozen=True, slots=True)
class CompanyTotal:
    """What a company's charges of a period come to, in one currency: currencies are never added up."""

    company: str
    period_start: date
    price: Decimal
    charges: int
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargesOverview:
    """One slice of charges, the totals of all that pass the filter, changes and findings of the plan, and known periods.

    `sums` are by currency.
    """

    page: Page[ChargeView]
    totals: tuple[CompanyTotal, ...]
    sums: Mapping[str, Decimal]
    changes: tuple[ChargeChange, ...]
    findings: tuple[Finding, ...]
    periods: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeDetail:
    """One charge with what it is made of and what was done about it (S1-68, S1-69, M13).

    `lines` add up to `cost` but for rounding; `steps` are the ledger's entries of all its changes.
    """

    charge: ChargeView
    lines: tuple[ConsumptionLine, ...]
    taken_at: datetime | None
    steps: tuple[Entry, ...]
    changes: tuple[ChargeChange, ...]

    @property
    def source_total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))


def overview(ctx: Context, actor: Actor, period: date | None = None, query: PageQuery | None = None) -> ChargesOverview:
    """Charges of one period (its first day), or of all."""
    require(actor, Role.VIEWER)
    wanted = query or PageQuery()
    with ctx.database.session() as session:
        page = charges.page_shown(session, wanted, period=period)
        totals = charges.totals_shown(session, wanted, period=period)
        changes = charges.changes(session, period=period)
        findings = charges.findings(session)
        periods = consumption.periods(session)
    sums = tuple(
        CompanyTotal(row.company, row.period_start, Decimal(row.price or 0), row.charges, row.currency)
        for row in totals
    )
    return ChargesOverview(
        page=Page(tuple(view_of(row) for row in page.rows), page.total),
        totals=sums,
        sums=_by_currency(sums),
        changes=tuple(changes),
        findings=tuple(findings),
        periods=tuple(periods),
    )


def _by_currency(totals: Sequence[CompanyTotal]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for one in totals:
        found[one.currency] = found.get(one.currency, Decimal(0)) + one.price
    return dict(sorted(found.items()))


def charge_detail(ctx: Context, actor: Actor, key: str) -> ChargeDetail:
    """One charge of the current plan by its key. Raises InputError (kind `unknown_charge`)."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        row = charges.one_shown(session, key)
        if row is None:
            raise InputError(T("There is no such charge in the current plan."), place=key, kind="unknown_charge")
        view = view_of(row)
        portal = find(session, row.portal)
        stored = consumption.current(
            session, portal_ids=[portal.id], period=row.period_start, customer_id=row.customer_id
        )
        settings = charges.all_settings(session).get(portal.id)
        waiting = charges.changes(session, ids=[view.change_id]) if view.change_id else []
        steps = ledger.of_charge(session, key)
    lines = tuple(
        line
        for one in stored
        for line in one.lines
        if settings is not None and _is_of(line, settings, row.customer_id, row.contract_id, view)
    )
    return ChargeDetail(
        charge=view,
        lines=lines,
        taken_at=max((one.taken_at for one in stored), default=None),
        steps=tuple(steps),
        changes=tuple(waiting),
    )


def _is_of(
    line: ConsumptionLine, stored: charges.StoredSettings, customer_id: str, contract_id: int, view: ChargeView
) -> bool:
    if line.kind not in stored.settings.kinds:
        return False
    part = part_of(line, settings_for(stored.settings, customer_id, product_of(line)))
    return key_of(stored.identity, customer_id, view.period_start, contract_id, part.what).base == view.key


def charge_settings(ctx: Context, actor: Actor, portal: str) -> ChargeSettings | None:
    """How a portal charges; None as long as nobody said."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        stored = charges.all_settings(session).get(find(session, portal).id)
    return stored.settings if stored else None


def save_settings(ctx: Context, actor: Actor, portal: str, settings: ChargeSettings) -> None:
    """Say how a portal charges: from the next plan on. For operators.

    Raises InputError for a billing code that is no active material code, or a product that is not active, where the lists
    were read from Autotask.
    """
    require(actor, Role.OPERATOR)

    def work(session: Any) -> None:
        known = find(session, portal)
        _check_bookings(charges.bookings(session), settings)
        before = charges.all_settings(session).get(known.id)
        charges.save_settings(session, known.id, portal, settings, ctx.clock.now())
        note(
            ctx, session, actor, "charge_settings.saved", portal,
            before=before.settings.model_dump(mode="json", exclude_defaults=True) if before else None,
            after=settings.model_dump(mode="json", exclude_defaults=True),
        )  # fmt: skip

    ctx.database.run(work)


def settings_of(values: Mapping[str, object], portal: str) -> ChargeSettings:
    """What a form holds as settings. Raises SettingsError that names every wrong field."""
    settings: ChargeSettings = checked(ChargeSettings, dict(values), portal)
    return settings


def choose_contract(ctx: Context, actor: Actor, portal: str, customer_id: str, contract_id: int | None) -> None:
    """Charge a customer on this contract, where several are valid (M9); None: as usual. For operators.

    Raises InputError as long as it is not said how the portal charges.
    """
    require(actor, Role.OPERATOR)
    known = charge_settings(ctx, actor, portal)
    if known is None:
        raise InputError(
            T("It is not said how {portal} is charged.", portal=portal),
            place=portal,
            remedy=T("Choose it in the charge settings of this portal."),
            kind="not_set_up",
        )
    own = [one for one in known.overrides if one.customer_id == customer_id and one.product is None]
    others = tuple(one for one in known.overrides if one not in own)
    before = own[0] if own else ChargeOverride(customer_id=customer_id)
    chosen = before.model_copy(update={"contract_id": contract_id})
    empty = not chosen.model_dump(exclude={"customer_id"}, exclude_none=True)
    overrides = others if empty else (*others, chosen)
    save_settings(ctx, actor, portal, known.model_copy(update={"overrides": overrides}))


def _check_bookings(known: Sequence[Booking], settings: ChargeSettings) -> None:
    if not known:
        return
    there = {(one.kind, one.id) for one in known}
    wanted = [(settings.billing_code_id, settings.product_id)]
    wanted += [(one.billing_code_id, one.product_id) for one in settings.overrides]
    chosen = [(kind, number) for pair in wanted for kind, number in zip((BILLING_CODE, PRODUCT), pair, strict=True)]
    for kind, number in chosen:
        if number is not None and (kind, number) not in there:
            raise InputError(
                T(
                    "{number} is no active billing code for materials and no active product in Autotask.",
                    number=str(number),
                ),
                place=kind,
                remedy=T("Choose one of the list."),
                kind="booking",
            )


def billing_codes(ctx: Context, actor: Actor, *, refresh: bool = False) -> list[Booking]:
    """Active billing codes that charges can be booked on (use type 4, S3-06). Read from Autotask once a day, or when asked to."""
    return [one for one in _bookings(ctx, actor, refresh=refresh) if one.kind == BILLING_CODE]


def products(ctx: Context, actor: Actor, *, refresh: bool = False) -> list[Booking]:
    """Active products that charges can be booked on."""
    return [one for one in _bookings(ctx, actor, refresh=refresh) if one.kind == PRODUCT]


def _bookings(ctx: Context, actor: Actor, *, refresh: bool) -> list[Booking]:
    require(actor, Role.VIEWER)
    now = ctx.clock.now()
    with ctx.database.session() as session:
        known = charges.bookings(session)
        state = directory.states(session).get(BOOKINGS_READ)
    fresh = state is not None and state.full_read_at is not None and now - state.full_read_at < BOOKINGS_FRESH
    if fresh and not refresh:
        return known
    with closing(ctx.autotask()) as target:
        codes = [
            Booking(BILLING_CODE, one.id, one.name) for one in target.billing_codes() if one.use_type == MATERIAL_CODE
        ]
        found = [*codes, *(Booking(PRODUCT, one.id, one.name, one.sku) for one in target.products())]

    def work(session: Any) -> list[Booking]:
        charges.save_bookings(session, found)
        directory.set_state(session, BOOKINGS_READ, directory.EntityState(full_read_at=now))
        return charges.bookings(session)

    return ctx.database.run(work)


def view_of(row: Any) -> ChargeView:
    """A stored row as people see it."""
    data: Mapping[str, Any] = row.data
    return ChargeView(
        key=row.key,
        portal=row.portal,
        company=row.company,
        customer=data["customer"],
        contract_id=row.contract_id,
        contract=row.contract,
        period_start=row.period_start,
        period_end=row.period_end,
        title=data["title"],
        name=data["name"],
        description=data["description"],
        currency=data["currency"],
        cost=Decimal(data["cost"]),
        price=row.price,
        in_autotask=Decimal(data["in_autotask"]),
        billed=Decimal(data["billed"]),
        charge_ids=tuple(data["charge_ids"]),
        status=row.status,
        lines=data["lines"],
        resource=data.get("resource", ""),
        quantity=None if data.get("quantity") is None else Decimal(data["quantity"]),
        unit=data.get("unit", ""),
        kind=data.get("kind", ""),
        change_id=data.get("change_id", ""),
        reason=text_from_json(data.get("reason")),
        holds=texts_from_json(data.get("holds", [])),
    )
