"""Three years of daily readings, put into the database as what recording them would have left there.

A day on which a line did not change leaves nothing behind but the portal's row in `reading`; so the intervals are made directly,
and `check_sample` shows on a small part that recording the same days one by one gives the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.domain.usage import Reading, UsageLine
from core.store import directory, history, portals
from core.store.bulk import analyse, insert_rows
from core.store.db import Database
from core.store.folding import folded
from core.store.tables import METADATA
from core.store.types import OPEN_END

LAST = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
VENDORS = (
    "Microsoft 365", "SentinelOne", "Datto RMM", "Duo", "UniFi", "Pax8", "ALSO", "SpamExperts", "Altaro", "FortiManager",
    "Zabbix", "Ingram Micro", "TD SYNNEX", "Copaco", "ManageEngine", "Bitdefender", "Keeper",
)  # fmt: skip
CHANGE = 0.01
"""Part of all lines whose quantity moves on a day; one in a hundred of those lines disappears, and comes back weeks later."""
PRICE_ROUND = 365


@dataclass(frozen=True, slots=True)
class Step:
    """From `day` (0 is the first) on a line has this; `quantity` None: gone."""

    day: int
    quantity: int | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Story:
    """One usage line's whole life."""

    portal: int
    customer: int
    product: int
    steps: tuple[Step, ...]


def stories(lines: int, days: int, seed: int = 7) -> list[Story]:
    """A life for each line: most are there from the first day, some come later; 30 lines a customer, spread over the portals."""
    dice = random.Random(seed)
    return [_story(dice, number, days) for number in range(lines)]


def _story(dice: random.Random, number: int, days: int) -> Story:
    customer, product = divmod(number, 30)
    day = 0 if dice.random() < 0.97 else dice.randrange(days)
    quantity: int | None = dice.randint(1, 60)
    price = Decimal(dice.randint(90, 4_000)) / 100
    steps = [Step(day, quantity, price)]
    while (day := day + max(1, round(dice.expovariate(CHANGE)))) < days:
        if quantity is None:
            quantity = dice.randint(1, 60)
        elif dice.random() < 0.01:
            quantity = None
        else:
            moved = max(0, quantity + dice.choice((-3, -2, -1, 1, 1, 2, 3)))
            quantity = moved if moved != quantity else quantity + 1
        if day // PRICE_ROUND != steps[-1].day // PRICE_ROUND and quantity is not None:
            price = (price * Decimal("1.04")).quantize(Decimal("0.01"))
        steps.append(Step(day, quantity, price))
    return Story(product % len(VENDORS), customer, product, tuple(steps))


def taken(day: int, days: int) -> datetime:
    """The instant of the reading of a day."""
    return LAST - timedelta(days=days - 1 - day)


def product_names(story: Story) -> tuple[str, str]:
    return f"sku-{story.product}", f"{VENDORS[story.portal]} plan {story.product // len(VENDORS) + 1}"


def prepare(database: Database, lines: int) -> list[int]:
    """Portals with customers mapped to companies."""
    with database.write() as session:
        ids = [portals.save(session, portals.Portal(name=name, connector="file"), taken(0, 1)).id for name in VENDORS]
        directory.save_companies(
            session, [_company(number) for number in range(-(-lines // 30))]
        )  # fmt: skip
    return ids


def _company(number: int) -> Any:
    from core.domain.contract import Company

    return Company(number + 1, f"Company {number:04} BV")


def generate(database: Database, lines: int, days: int, seed: int = 7) -> dict[str, int]:
    """Fill an empty database; gives how many rows of which kind there are, and how many observations they stand for."""
    told = stories(lines, days, seed)
    ids = prepare(database, lines)
    with database.write() as session:
        readings = [list(_readings(portal, told, days, index)) for index, portal in enumerate(ids)]
        for rows in readings:
            insert_rows(session, METADATA.tables["reading"], rows)
    with database.write() as session:
        insert_rows(session, METADATA.tables["portal_customer"], list(_customers(ids, told, days)))
        insert_rows(session, METADATA.tables["portal_product"], list(_products(ids, told, days)))
        insert_rows(session, METADATA.tables["usage_line"], list(_lines(ids, told, days)))
    intervals = 0
    with database.write() as session:
        # In the order in which the days would have brought them.
        rows = sorted(_intervals(told, days), key=lambda row: (row["valid_from"], row["line_id"]))
        for start in range(0, len(rows), 20_000):
            insert_rows(session, METADATA.tables["usage_interval"], rows[start : start + 20_000])
        intervals = len(rows)
        for portal in ids:
            session.execute(
                METADATA.tables["portal"].update().where(METADATA.tables["portal"].c.id == portal).values(read_at=LAST)
            )
        analyse(
            session,
            *(
                METADATA.tables[name]
                for name in ("usage_line", "usage_interval", "portal_customer", "portal_product", "reading")
            ),
        )
    observations = sum(_present_days(story, days) for story in told)
    return {"lines": len(told), "intervals": intervals, "readings": len(ids) * days, "observations": observations}


def _present_days(story: Story, days: int) -> int:
    ends = [step.day for step in story.steps[1:]] + [days]
    return sum(end - step.day for step, end in zip(story.steps, ends, strict=True) if step.quantity is not None)


def _readings(portal: int, told: list[Story], days: int, index: int) -> Iterator[dict[str, Any]]:
    lines = sum(story.portal == index for story in told)
    for day in range(days):
        yield {
            "id": index * days + day + 1, "portal_id": portal, "run_id": None, "taken_at": taken(day, days),
            "status": "used", "complete": True, "scope": "portal", "lines": lines, "customers": 0, "new": 0,
            "changed": 0, "ended": 0, "unchanged": lines, "kept": 0, "fingerprint": "", "notes": [],
            "failed_customers": {}, "error": None, "file_name": "", "sha256": "",
        }  # fmt: skip


def _customers(ids: list[int], told: list[Story], days: int) -> Iterator[dict[str, Any]]:
    first: dict[tuple[int, int], int] = {}
    for story in told:
        key = (story.portal, story.customer)
        first[key] = min(first.get(key, days), story.steps[0].day)
    for (portal, customer), day in first.items():
        yield {
            "portal_id": ids[portal], "customer_id": f"c{customer}", "name": f"Customer {customer:04}",
            "folded": folded(f"Customer {customer:04}", f"c{customer}"), "company_id": customer + 1, "ignored": None,
            "confirmed_by": "", "confirmed_at": None, "read_at": LAST, "first_seen_at": taken(day, days),
        }  # fmt: skip


def _products(ids: list[int], told: list[Story], days: int) -> Iterator[dict[str, Any]]:
    first: dict[int, tuple[int, Story]] = {}
    for story in told:
        if story.product not in first or story.steps[0].day < first[story.product][0]:
            first[story.product] = (story.steps[0].day, story)
    for day, story in first.values():
        key, name = product_names(story)
        yield {
            "portal_id": ids[story.portal], "product_key": key, "term": "P1M", "billing_frequency": "monthly",
            "name": name, "folded": folded(name, key), "unit": "", "ignored": None, "first_seen_at": taken(day, days),
        }  # fmt: skip


def _lines(ids: list[int], told: list[Story], days: int) -> Iterator[dict[str, Any]]:
    for number, story in enumerate(told, 1):
        key, name = product_names(story)
        yield {
            "id": number, "portal_id": ids[story.portal], "customer_id": f"c{story.customer}", "product_key": key,
            "term": "P1M", "billing_frequency": "monthly", "subscription_id": "", "product": name, "unit": "",
            "attributes": {}, "first_seen_at": taken(story.steps[0].day, days),
            "confirmed_at": taken(story.steps[0].day, days),
        }  # fmt: skip


def _intervals(told: list[Story], days: int) -> Iterator[dict[str, Any]]:
    for number, story in enumerate(told, 1):
        since, before = taken(story.steps[0].day, days), story.steps[0]
        for place, step in enumerate(story.steps):
            following = story.steps[place + 1] if place + 1 < len(story.steps) else None
            if step.quantity != before.quantity:
                since = taken(step.day, days)
            before = step
            gone = step.quantity is None
            yield {
                "line_id": number, "reading_id": story.portal * days + step.day + 1, "valid_from": taken(step.day, days),
                "valid_to": taken(following.day, days) if following else OPEN_END,
                "quantity": Decimal(step.quantity or 0), "present": not gone, "quantity_since": since,
                "effective_date": None, "period_start": None, "period_end": None, "unit_cost": None,
                "unit_price": step.price, "currency": "EUR", "origin_source": "" if gone else f"/usage/v1/{story.portal}",
                "origin_place": "" if gone else f"row {number}", "origin_rows": 0 if gone else 1,
            }  # fmt: skip


def record(database: Database, lines: int, days: int, seed: int = 7) -> None:
    """The same days, read and recorded one by one as the product does it."""
    told = stories(lines, days, seed)
    ids = prepare(database, lines)
    for index, portal in enumerate(ids):
        for day in range(days):
            with database.write() as session:
                history.record_reading(session, portal, _reading(index, told, day, days))


def _reading(portal: int, told: list[Story], day: int, days: int) -> Reading:
    lines = tuple(
        _usage(number, story, step)
        for number, story in enumerate(told, 1)
        if story.portal == portal and (step := _step(story, day)) is not None and step.quantity is not None
    )
    return Reading(portal=VENDORS[portal], taken_at=taken(day, days), lines=lines)


def _step(story: Story, day: int) -> Step | None:
    return next((step for step in reversed(story.steps) if step.day <= day), None)


def _usage(number: int, story: Story, step: Step) -> UsageLine:
    from core.domain.usage import Origin

    key, name = product_names(story)
    return UsageLine(
        customer_id=f"c{story.customer}", customer=f"Customer {story.customer:04}", product_key=key, product=name,
        quantity=Decimal(step.quantity or 0), term="P1M", billing_frequency="monthly", unit_price=step.price,
        currency="EUR", origin=Origin(f"/usage/v1/{story.portal}", f"row {number}"),
    )  # fmt: skip


def first_day(days: int) -> date:
    return taken(0, days).date()
