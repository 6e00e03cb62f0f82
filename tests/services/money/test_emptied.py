"""An empty list where there was data is no zero (M2), unless somebody said that it may be empty."""

from __future__ import annotations

from tests.services.money.test_sync import acme, duo
from tests.services.money.world import World

__all__ = ["acme", "duo"]


def test_m2_a_customers_empty_list_where_there_was_data_keeps_the_units(duo: World, acme: dict[str, int]) -> None:
    duo.says({("Acme", "users"): 12, ("Acme", "gb"): 4})
    duo.sync()
    duo.clock.move(days=1)
    duo.says({}, emptied=frozenset({"Acme"}))
    summary = duo.sync()
    assert [portal.status for portal in summary.portals] == ["partial"]
    assert summary.changes["planned"] == 0
    assert duo.units(acme["mfa_line"]) == 12
    assert any("is empty, where there was data" in line for line in duo.log(summary.run_id))


def test_a_customer_that_never_had_anything_may_have_an_empty_list(duo: World, acme: dict[str, int]) -> None:
    duo.says({("Acme", "users"): 12, ("Acme", "gb"): 4}, emptied=frozenset({"Smit"}))
    assert [portal.status for portal in duo.sync().portals] == ["ok"]
    assert duo.units(acme["mfa_line"]) == 12
