"""The whole way: portals are read, Autotask is compared, what changed is written and read back."""

from __future__ import annotations

import pytest

from tests.services.money.world import TODAY, SandboxData, World


@pytest.fixture
def acme(data: SandboxData) -> dict[str, int]:
    """One company with a contract of two services."""
    company = data.company("Acme BV")
    mfa, backup = data.service("MFA per user"), data.service("Backup")
    contract = data.contract(company)
    return {
        "company": company, "contract": contract, "mfa": mfa, "backup": backup,
        "mfa_line": data.line(contract, mfa, 10), "backup_line": data.line(contract, backup, 4),
    }  # fmt: skip


@pytest.fixture
def duo(acme: dict[str, int], world: World) -> World:
    world.portal("Duo")
    world.map({"Acme": acme["company"]}, {"users": acme["mfa"], "gb": acme["backup"]})
    return world


def test_s1_01_what_is_used_becomes_what_is_billed(duo: World, acme: dict[str, int]) -> None:
    duo.says({("Acme", "users"): 12, ("Acme", "gb"): 4})
    summary = duo.sync()
    assert summary.status == "done", summary
    assert summary.changes["applied"] == 1
    assert summary.changes["unchanged"] == 1
    assert duo.units(acme["mfa_line"]) == 12
    assert duo.units(acme["backup_line"]) == 4
    assert len(duo.adjustments()) == 1


def test_m1_running_twice_changes_nothing_the_second_time(duo: World, acme: dict[str, int]) -> None:
    duo.says({("Acme", "users"): 12, ("Acme", "gb"): 3})
    duo.sync()
    duo.clock.move(hours=1)
    again = duo.sync()
    assert again.changes["planned"] == 0
    assert again.changes["unchanged"] == 2
    assert len(duo.adjustments()) == 2
    assert duo.units(acme["backup_line"]) == 3


def test_s1_44_each_written_line_is_logged_with_previous_and_new_value(duo: World) -> None:
    duo.says({("Acme", "users"): 12, ("Acme", "gb"): 4})
    summary = duo.sync()
    assert f"Acme BV: MFA per user from 10 to 12 units as of {TODAY}; read back." in duo.log(summary.run_id)
