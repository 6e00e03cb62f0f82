"""Sample portals with believable exports for the sandbox's demo companies, whose names they spell in their own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.charges.settings import ChargeOverride, ChargeSettings, Pricing, Split
from core.domain.consumption_lines import month_of
from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ProductKey
from core.domain.policy import Mode
from core.services import charges, mapping, products, uploads
from core.services.access import Actor, Role, require
from core.services.autotask_settings import save_autotask, test_autotask
from core.services.mapping import EditResult
from core.services.paging import MOST_ROWS, PageQuery
from core.services.portals import create_portal, list_portals
from core.services.uploads import ImportOutcome

if TYPE_CHECKING:
    from core.services.context import Context

EXPORTS = Path(__file__).parent / "demo_data"


@dataclass(frozen=True, slots=True)
class DemoAutotask:
    """How to reach the sandbox Autotask."""

    base_url: str
    user_name: str
    secret: str = field(repr=False)
    integration_code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """A portal with one export of it."""

    portal: str
    file: str
    settings: Mapping[str, object]


SAMPLES = (
    Sample(
        "Microsoft 365",
        "microsoft365.csv",
        {"customer": "Klantnaam", "product": "Product", "quantity": "Aantal", "complete": True},
    ),
    Sample(
        "Duo",
        "duo.json",
        {
            "shape": "tree",
            "customers": "accounts[*]",
            "products": "editions[*]",
            "customer": "name",
            "product": "edition",
            "quantity": "users",
            "complete": True,
        },
    ),
    Sample(
        "SentinelOne",
        "endpoints.csv",
        {
            "shape": "seats",
            "customer": "Site",
            "product": {"constant": "Endpoint agent"},
            "count_rows": True,
            "filter": {"Status": ["Active"]},
            "complete": True,
        },
    ),
    Sample(
        "Back-up",
        "backup.xlsx",
        {
            "shape": "wide",
            "customer": "Klant",
            "product_columns": ["Back-up server", "Back-up Microsoft 365"],
            "complete": True,
        },
    ),
)

AZURE, AZURE_EXPORT = "Azure", "azure.csv"
"""A cost export of two months: in the file they are called `LAST` and `BEFORE`."""
ACME_IN_AZURE = "7d1f0a01-4c1e-4b5e-9a77-000000000001"
AZURE_CHARGES = ChargeSettings(
    split=Split.RESOURCE_GROUP,
    pricing=Pricing.MARKUP,
    percent=Decimal(15),
    name="Azure {group} {month} {year}",
    description="{lines}\\n{period}",
    product_names={"usage": "Azure"},
    max_amount=Decimal(2500),
    overrides=(
        ChargeOverride(
            customer_id=ACME_IN_AZURE, split=Split.RESOURCE, pricing=Pricing.COST, percent=Decimal(0),
            name="{resource} {month}", description="{resource}: {quantity}, {period}",
        ),
    ),
)  # fmt: skip
"""By resource group with a mark-up; one customer sees every resource at cost."""

CUSTOMERS_BY_HAND = """\
Microsoft 365\tFysio Jansen\tFysiotherapie Jansen
Microsoft 365\tZorggroep Eemland (Stichting)\tStichting Zorggroep Eemland
Microsoft 365\tICT Huis (intern)\t-
Back-up\tEemland Zorggroep\tStichting Zorggroep Eemland
SentinelOne\tIris Optiek\tIris Optiek Groep B.V.
"""
"""What is alike and not the same: a person says so once."""

PRODUCTS_BY_HAND = {
    ("Duo", "Duo Essentials"): "MFA per gebruiker (Duo)",
    ("SentinelOne", "Endpoint agent"): "EDR SentinelOne per endpoint",
    ("Back-up", "Back-up Microsoft 365"): "Back-up Microsoft 365 per gebruiker",
}


def seed_demo(ctx: Context, actor: Actor, sandbox: DemoAutotask) -> list[ImportOutcome]:
    """Connect the sandbox, and bring each sample portal that is not there yet with its export. Mapping is left to a person."""
    require(actor, Role.ADMIN)
    save_autotask(
        ctx,
        actor,
        user_name=sandbox.user_name,
        secret=sandbox.secret,
        integration_code=sandbox.integration_code,
        base_url=sandbox.base_url,
    )
    test_autotask(ctx, actor)
    known = {card.name for card in list_portals(ctx, actor)}
    outcomes: list[ImportOutcome] = []
    for sample in SAMPLES:
        if sample.portal in known:
            continue
        create_portal(ctx, actor, sample.portal, "file", settings=sample.settings, secrets={}, mode=Mode.REVIEW)
        outcomes.append(uploads.import_file(ctx, actor, sample.portal, EXPORTS / sample.file, sample.file))
    if AZURE not in known:
        outcomes.append(_seed_consumption(ctx, actor))
    return outcomes


def _seed_consumption(ctx: Context, actor: Actor) -> ImportOutcome:
    """A portal of cost exports with the last two months, and how it is charged."""
    create_portal(ctx, actor, AZURE, "azure_export", settings={}, secrets={}, mode=Mode.REVIEW)
    codes = charges.billing_codes(ctx, actor)
    booked = AZURE_CHARGES.model_copy(update={"billing_code_id": codes[0].id if codes else None})
    charges.save_settings(ctx, actor, AZURE, booked)
    last, _ = month_of(ctx.clock.today().replace(day=1) - timedelta(days=1))
    before, _ = month_of(last - timedelta(days=1))
    text = (EXPORTS / AZURE_EXPORT).read_text(encoding="utf-8")
    text = text.replace("LAST-", f"{last:%Y-%m}-").replace("BEFORE-", f"{before:%Y-%m}-")
    return uploads.import_file(ctx, actor, AZURE, text.encode(), AZURE_EXPORT)


def map_customers(ctx: Context, actor: Actor) -> tuple[EditResult, EditResult]:
    """Accept the exact suggestions, then paste what a person knows; both results."""
    exact = mapping.accept_exact_suggestions(ctx, actor)
    return exact, mapping.paste_customers(ctx, actor, CUSTOMERS_BY_HAND)


def map_products(ctx: Context, actor: Actor) -> tuple[int, int]:
    """Link products of the same name, then the others; how many of each."""
    exact = products.accept_exact_products(ctx, actor)
    items = {option.label: option for option in products.item_options(ctx, actor, limit=MOST_ROWS)}
    rows = products.products(ctx, actor, PageQuery(status="pending", limit=MOST_ROWS)).rows
    links: list[tuple[ProductKey, ItemRef]] = []
    for row in rows:
        name = PRODUCTS_BY_HAND.get((row.key.portal, row.product))
        if name in items:
            links.append((row.key, item_of(items[name])))
    return exact, products.link_products(ctx, actor, links) if links else 0


def item_of(option: mapping.Option) -> ItemRef:
    """What an option of a select box stands for."""
    return ItemRef(LineKind(option.kind), option.id)


def choose_lines(ctx: Context, actor: Actor) -> int:
    """Where two lines stand on one contract, the larger one is meant; two contracts are left for a person to see (M9)."""
    require(actor, Role.OPERATOR)
    chosen = 0
    for question in products.line_questions(ctx, actor):
        contracts = {candidate.contract_id for candidate in question.candidates}
        if question.chosen is None and len(contracts) == 1:
            largest = max(question.candidates, key=lambda candidate: candidate.units or 0)
            products.choose_line(ctx, actor, question.key, largest.line)
            chosen += 1
    return chosen
