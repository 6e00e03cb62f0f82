"""M2 for money: an amount that became blank, lost its period or cannot be read is no amount that went away."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amount_doubts import EVERYBODY
from core.domain.charges.settings import ChargeSettings
from core.domain.consumption_lines import month_of
from core.domain.policy import Mode
from core.domain.text import T
from core.domain.usage import Reading, Scope, UsageLine
from core.services import portals as portal_services
from core.services import uploads
from core.services.access import SYSTEM
from core.services.amount_doubts import known_doubts
from core.services.charges import overview
from core.services.told_amounts import keep_amounts, keep_file_amounts
from core.store import charges, consumption, portals
from core.store.db import Database
from core.store.portals import Portal
from tests.connectors.rest_fakes import endpoint
from tests.looking import tries
from tests.services.charges.test_amounts_anywhere import (  # noqa: F401 - a fixture
    ADMIN,
    FIELDS,
    hosting,
    rest,
)
from tests.services.charges.world import charging, total
from tests.services.money.world import World

NOW = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
MONTHS = (date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1))
Place = tuple[str, date]

PLACES = st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["disk", "disk/ssd", "data"]), st.sampled_from(MONTHS))
FATES = ("same", "more", "blank", "blank and undated", "undated", "no currency", "unreadable", "customer failed")


def usage(place: tuple[str, str, date], cost: Decimal | None, *, as_amount: bool, **more: Any) -> UsageLine:
    customer, product, month = place
    told: dict[str, Any] = {"unit_cost": cost}
    if as_amount:
        told = {"attributes": {} if cost is None else {"amount": str(cost)}}
    return UsageLine(
        customer_id=customer, customer=customer, product_key=product, product=product, quantity=Decimal(1),
        **({"currency": "EUR", "period_start": month} | told | more),
    )  # fmt: skip


def after(line: UsageLine, fate: str, as_amount: bool) -> UsageLine:
    place = (line.customer_id, line.product_key, line.period_start or MONTHS[0])
    match fate:
        case "more":
            return usage(place, Decimal(99), as_amount=as_amount)
        case "blank":
            return usage(place, None, as_amount=as_amount, currency="")
        case "blank and undated":
            return usage(place, None, as_amount=as_amount, period_start=None)
        case "undated":
            return replace(line, period_start=None)
        case "no currency":
            return replace(line, currency="")
        case "unreadable":
            return replace(line, attributes={"amount": "?"})
    return line


def sums(database: Database, portal_id: int) -> dict[Place, Decimal | None]:
    """What the charges of each customer and month come to; None where the currency holds them."""
    found: dict[Place, Decimal | None] = {}
    with database.session() as session:
        for one in consumption.current(session, portal_ids=[portal_id]):
            known = {line.currency for line in one.lines} <= {"EUR"}
            place = (one.customer_id, one.period_start)
            found[place] = sum((line.amount for line in one.lines), Decimal(0)) if known else None
    return found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Database:
    path = tmp_path_factory.mktemp("blank") / "store.db"
    path.write_bytes(empty_database.read_bytes())
    return Database(f"sqlite:///{path}")


@tries(25)
@given(
    st.dictionaries(PLACES, st.integers(1, 50), min_size=1, max_size=6),
    st.lists(st.sampled_from(FATES), min_size=6, max_size=6),
    st.booleans(),
    st.sampled_from(["file", "portal", "event"]),
)
def test_m2_whatever_becomes_blank_no_charge_goes_down(
    database: Database, amounts: dict[tuple[str, str, date], int], fates: list[str], as_amount: bool, road: str
) -> None:
    with database.write() as session:
        name = f"P{len(portals.all_portals(session))}"
        portal = portals.save(session, Portal(name=name, connector="file", mode=Mode.REVIEW), NOW).id
        charges.save_settings(session, portal, name, ChargeSettings(from_prices=True), NOW)

    def told(lines: list[UsageLine], failed: set[str]) -> None:
        scope = Scope.LINES if road != "portal" else Scope.PORTAL
        reading = Reading(
            portal=name, taken_at=NOW, lines=tuple(lines), scope=scope, failed_customers=dict.fromkeys(failed, T("no"))
        )
        keep: Callable[..., object] = keep_file_amounts if road == "file" else keep_amounts
        with database.write() as session:
            keep(session, portal, reading)

    first = [usage(place, Decimal(amount), as_amount=as_amount) for place, amount in amounts.items()]
    told(first, set())
    before = sums(database, portal)
    assert before == dict(_expected(first))
    pairs = list(zip(first, fates, strict=False))
    second = [after(line, fate, as_amount) for line, fate in pairs]
    told(second, {line.customer_id for line, fate in pairs if fate == "customer failed"})
    now = sums(database, portal)
    for place, amount in before.items():
        assert amount is not None
        assert (found := now[place]) is None or found >= amount
    if road != "event":
        # Nor is anything charged twice: what was of a month before is in no other one now.
        assert now.keys() == before.keys() or not any(line.period_start for line in second)
    told(first, set())
    again = sums(database, portal)
    if road != "event":
        assert {place: again[place] for place in before} == before
        with database.session() as session:
            assert not [one for one in known_doubts(session, MONTHS[0]) if one.portal == name and one.customer_id]


@pytest.mark.parametrize("road", ["file", "portal", "event"])
def test_m2_an_amount_that_could_not_be_read_is_in_doubt_until_it_is_told_well(database: Database, road: str) -> None:
    """In its own month, and for its own customer where an event names that one alone: nothing else would ever end the doubt."""
    with database.write() as session:
        name = f"P{len(portals.all_portals(session))}"
        portal = portals.save(session, Portal(name=name, connector="file", mode=Mode.REVIEW), NOW).id
        charges.save_settings(session, portal, name, ChargeSettings(), NOW)
    line = usage(("A", "disk", MONTHS[0]), Decimal(5), as_amount=True)
    other = usage(("B", "disk", MONTHS[0]), Decimal(5), as_amount=True)
    keep: Callable[..., object] = keep_file_amounts if road == "file" else keep_amounts

    def told(*lines: UsageLine) -> list[tuple[str, date]]:
        scope = Scope.PORTAL if road == "portal" else Scope.LINES
        with database.write() as session:
            keep(session, portal, Reading(portal=name, taken_at=NOW, lines=lines, scope=scope))
        with database.session() as session:
            return [(one.customer_id, one.month) for one in known_doubts(session, MONTHS[0]) if one.portal == name]

    assert told(line) == []
    in_doubt = [("A" if road == "event" else EVERYBODY, MONTHS[0])]
    assert told(replace(line, attributes={"amount": "five"})) == in_doubt
    assert sums(database, portal)["A", MONTHS[0]] == 5
    if road == "event":
        assert told(other) == in_doubt, "somebody else's event says nothing of it"
    assert told(line) == []


def _expected(lines: list[UsageLine]) -> dict[Place, Decimal]:
    found: dict[Place, Decimal] = defaultdict(Decimal)
    for line in lines:
        assert line.period_start is not None
        found[line.customer_id, month_of(line.period_start)[0]] += Decimal(
            line.attributes.get("amount") or line.unit_cost or 0
        )
    return dict(found)


COLUMNS = {
    "customer": "Customer", "product": "Service", "quantity": "GB", "unit_cost": "Each", "currency": "Currency",
    "period": "Month", "amounts": True,
}  # fmt: skip
HEADER = "Customer,Service,GB,Each,Currency,Month\n"
ACME = "Acme,Disk,10,0.50,EUR,2026-08\nAcme,Data,4,1,EUR,2026-08\n"


def brings(world: World, rows: str) -> uploads.UploadRow:
    text = (HEADER + rows).encode()
    return uploads.accept_upload(world.ctx, SYSTEM, "Hosting", text, "hosting.csv", COLUMNS)


def held(world: World) -> list[str]:
    return [str(one.message) for one in overview(world.ctx, ADMIN).findings if one.kind.value == "held"]


DAMAGES = (
    ("Acme,Disk,10,,EUR,2026-08", "Acme: Disk had an amount"),
    ("Acme,Disk,,0.5,EUR,2026-08", "Acme: Disk had an amount"),
    ("Acme,Disk,,,EUR,2026-08", "Acme: Disk had an amount"),
    ("Acme,Disk,10,oops,EUR,2026-08", "not complete"),
    ("Acme,Disk,10,0.5,,2026-08", "counts in ?"),
    ("Acme,Disk,10,0.5,EUR,", "Disk has no period"),
    (",Disk,10,0.5,EUR,2026-08", ""),
    ("Acme,Disk,ten,0.5,EUR,2026-08", ""),
)
"""What may become of a row, and what is found of it; nothing where such a row is for a person at once."""


def test_m2_a_file_with_a_cell_that_became_blank_keeps_the_charge_and_says_so(hosting: World) -> None:  # noqa: F811
    charging(hosting, {"Acme": 1001}, portal="Hosting", name="{month}")
    brings(hosting, ACME)
    hosting.sync()
    assert total(hosting) == 9
    for row, told in DAMAGES:
        came = brings(hosting, f"{row}\nAcme,Data,4,1,EUR,2026-08\n")
        assert bool(told) is (came.state != "needs_review"), row
        if not told:
            # Also when a person looked at it, nothing of its customer goes down.
            uploads.confirm_review(hosting.ctx, ADMIN, came.id)
        hosting.sync()
        assert total(hosting) == 9, row
        assert told in "\n".join(held(hosting)), row
    brings(hosting, ACME.replace("0.50", "0.60"))
    hosting.sync()
    assert (total(hosting), held(hosting)) == (10, [])


def test_m2_an_endpoint_whose_prices_became_blank_keeps_the_charges_and_says_so(hosting: World) -> None:  # noqa: F811
    records: dict[str, Any] = {
        "data": [
            {"c": "Acme", "p": "Disk", "gb": 10, "each": 2, "from": "2026-10-01"},
            {"c": "Acme", "p": "Data", "gb": 1, "each": 3, "from": "2026-10-01"},
        ]
    }
    with endpoint({"/x": records}) as server:
        rest(hosting, server.url, FIELDS | {"unit_cost": "each"}, from_prices=True)
        hosting.sync()
        assert total(hosting) == 23
    for gone in ({"each": None}, {"each": None, "p": "Data"}):
        damaged = {"data": [one | gone if one["p"] == gone.get("p", "Disk") else one for one in records["data"]]}
        with endpoint({"/x": damaged}) as server:
            values = {
                "url": f"{server.url}/x",
                "network": {"internal": True},
                "mapping": FIELDS | {"unit_cost": "each"},
            }
            portal_services.update_portal(hosting.ctx, ADMIN, "Shop", settings=values)
            hosting.sync()
        assert total(hosting) == 23
        assert "and is told without one now" in held(hosting)[0]
    without = {"data": [{name: value for name, value in one.items() if name != "each"} for one in records["data"]]}
    with endpoint({"/x": json.loads(json.dumps(without))}) as server:
        values["url"] = f"{server.url}/x"
        portal_services.update_portal(hosting.ctx, ADMIN, "Shop", settings=values)
        hosting.sync()
    assert (total(hosting), len(held(hosting))) == (23, 2)
