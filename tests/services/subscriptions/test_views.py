"""Subscriptions as people look at them: list, detail, calendar, command line."""

from __future__ import annotations

import json
from datetime import date

import pytest

from core.cli import app
from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.errors import AccessDenied, InputError
from core.domain.mapping import ChoiceKey
from core.services import line_choices, new_subscription_list, subscriptions
from core.services.access import SYSTEM, Actor, Role
from core.services.paging import PageQuery
from tests.services.money.world import BOLD, SandboxData, World
from tests.services.subscriptions.seats import rule, says, sub

TERMS = {"term": "P1Y", "billing_frequency": "monthly"}
VIEWER = Actor(1, "vic", Role.VIEWER)


@pytest.fixture
def acme(world: World, data: SandboxData) -> World:
    """Acme has 10 seats of Basic until 30 November, of which 8 are used; nobody mapped Umbrella."""
    company = data.company("Acme BV")
    service = data.service("Basic", price=3.0, cost=2.0)
    data.line(data.contract(company, start=date(2026, 1, 1), end=date(2026, 12, 5)), service, 10)
    world.server.sandbox.reset(data)
    world.portal(policy=BOLD)
    world.map({"Acme": 1001}, {"else": 301})
    rule(world, "basic", 301, **TERMS)
    told = {"commitment_end": "2026-11-30", "auto_renew": "true", "assigned": "8", "label": "Office"}
    says(world, sub("basic", 10, **TERMS, **told), sub("basic", 4, "s2", customer="Umbrella", **TERMS))
    world.sync()
    return world


def test_the_list_tells_customer_product_term_renewal_and_badge(acme: World) -> None:
    page = subscriptions.subscriptions(acme.ctx, VIEWER, PageQuery())
    first, second = page.rows
    assert (first.company, first.product, first.quantity, first.term) == ("Acme BV", "basic", 10, "P1Y")
    assert (first.renewal, first.auto_renew, first.status, first.badge) == (
        date(2026, 12, 1),
        True,
        "active",
        "in_sync",
    )
    assert (first.name, first.contract) == ("Office", "Managed services")
    assert (second.badge, str(second.problem)) == ("unmapped", "The customer is not mapped.")


def test_the_calendar_tells_what_comes(acme: World) -> None:
    def kinds(day: date, **query: str) -> list[str]:
        return [row.kind for row in subscriptions.calendar(acme.ctx, VIEWER, day, PageQuery(**query)).rows]  # type: ignore[arg-type]

    today = acme.clock.today()
    assert kinds(today) == ["locked", "renewal", "contract_end", "unused"]
    assert kinds(today, status="renewal") == ["renewal"]
    assert kinds(today, text="umbrella") == []
    assert kinds(date(2026, 10, 1)) == ["locked", "unused"]
    page = subscriptions.calendar(acme.ctx, VIEWER, today, PageQuery(offset=1, limit=1))
    assert (page.total, page.rows[0].seats, page.rows[0].days) == (4, 10, 11)


def test_a_subscription_nobody_has_named_is_told_in_words(acme: World) -> None:
    with pytest.raises(InputError, match="No reading of Duo"):
        subscriptions.subscription_detail(acme.ctx, VIEWER, "Duo", "Acme", "s77")


def test_nobody_looks_without_a_role(acme: World) -> None:
    class Nothing:
        value, rank = "nothing", -1

        def covers(self, needed: Role) -> bool:
            return False

    stranger = Actor(2, "x", Nothing())  # type: ignore[arg-type]
    for look in (
        lambda: subscriptions.subscriptions(acme.ctx, stranger, PageQuery()),
        lambda: subscriptions.calendar(acme.ctx, stranger, acme.clock.today(), PageQuery()),
        lambda: subscriptions.subscription_detail(acme.ctx, stranger, "Duo", "Acme", "s1"),
    ):
        with pytest.raises(AccessDenied):
            look()


def test_the_command_shows_the_same(
    acme: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTRACTBRIDGE_HOME", str(acme.home / "home"))
    monkeypatch.setenv("CONTRACTBRIDGE_DATABASE_URL", str(acme.database.engine.url))
    capsys.readouterr()
    assert app.run(["subscriptions", "--json", "--badge", "in_sync"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["subscription_id"], row["badge"], row["quantity"]) for row in told["subscriptions"]] == [
        ("s1", "in_sync", 10)
    ]
    assert app.run(["subscriptions"]) == 0
    assert "Acme BV" in capsys.readouterr().out
    assert app.run(["subscriptions", "--calendar", "--json"]) == 0
    assert {row["kind"] for row in json.loads(capsys.readouterr().out)["calendar"]} <= {
        "locked", "renewal", "contract_end", "unused",
    }  # fmt: skip
    assert app.run(["subscriptions", "--badge", "nonsense"]) == 2


def test_m9_a_line_for_another_billing_frequency_is_chosen_by_a_person(world: World, data: SandboxData) -> None:
    """The service stands on a monthly and a yearly contract; the subscription goes from the one to the other."""
    company = data.company("Acme BV")
    service = data.service("Basic", price=3.0, cost=2.0)
    monthly = data.line(data.contract(company, start=date(2026, 1, 1)), service, 10)
    yearly = data.line(data.contract(company, start=date(2026, 1, 1), period=5), service, 0)
    world.server.sandbox.reset(data)
    world.portal(policy=BOLD)
    world.map({"Acme": 1001}, {"else": 301})
    for frequency in ("monthly", "yearly"):
        rule(world, "basic", 301, billing_frequency=frequency)
    key = ChoiceKey(1001, ItemRef(LineKind.SERVICE, 301), "")
    says(world, sub("basic", 10, billing_frequency="monthly"))
    world.sync()
    line_choices.choose_line(world.ctx, SYSTEM, key, LineRef(LineKind.SERVICE, monthly))
    world.sync()
    [settled] = line_choices.line_questions(world.ctx, VIEWER)
    assert (settled.chosen, settled.why) == (LineRef(LineKind.SERVICE, monthly), None)
    world.clock.move(days=1)
    says(world, sub("basic", 10, billing_frequency="yearly"))
    world.sync()
    [asked] = line_choices.line_questions(world.ctx, VIEWER)
    assert asked.why is not None
    assert LineRef(LineKind.SERVICE, yearly) in {candidate.line for candidate in asked.candidates}
    line_choices.choose_line(world.ctx, SYSTEM, key, LineRef(LineKind.SERVICE, yearly))
    world.sync()
    assert world.units(yearly) == 10
    [settled] = line_choices.line_questions(world.ctx, VIEWER)
    assert settled.why is None


def test_counts_and_sums_of_all(acme: World) -> None:
    assert subscriptions.badge_counts(acme.ctx, VIEWER) == {"in_sync": 1, "unmapped": 1}
    view = subscriptions.calendar_view(acme.ctx, VIEWER, acme.clock.today(), PageQuery(status="renewal", limit=1))
    assert view.kinds == {"locked": 1, "renewal": 1, "contract_end": 1, "unused": 1}
    assert (view.renewals, view.unused_seats) == ({7: 0, 14: 1, 30: 1}, 2)


def test_new_ones_are_listed_in_slices(acme: World) -> None:
    says(acme, sub("basic", 10, **TERMS), *(sub("basic", 1, f"n{n}", customer="Umbrella", **TERMS) for n in range(5)))
    acme.sync()
    page = new_subscription_list.new_rows(acme.ctx, VIEWER, PageQuery(limit=2, offset=4))
    assert (page.total, len(page.rows)) == (5, 1)
    assert new_subscription_list.new_count(acme.ctx, VIEWER) == 5
    assert str(page.rows[0].problem) == "The customer is not mapped."
    assert new_subscription_list.new_rows(acme.ctx, VIEWER, PageQuery(status="confirmed")).total == 0
    with pytest.raises(InputError, match="not new any more"):
        new_subscription_list.new_one(acme.ctx, VIEWER, "Duo", "Acme", "s1")
