"""M10, for who looks after the product: somebody else who writes to the same contracts is found and named."""

from __future__ import annotations

from core.services.examining import working
from tests.services.money.world import SandboxData, World


def test_m10_the_doctor_names_the_lines_that_somebody_else_changed(world: World, data: SandboxData) -> None:
    company, service = data.company("Acme BV"), data.service("MFA per user")
    line = data.line(data.contract(company), service, 10)
    world.server.sandbox.reset(data)
    world.portal("Duo")
    world.map({"Acme": company}, {"users": service})
    world.says({("Acme", "users"): 12})
    assert world.sync().changes["applied"] == 1
    assert list(working.look_for_second_writers(world.ctx)) == []
    world.clock.move(days=1)
    world.server.sandbox.adjust(line, -5, world.clock.today())
    world.clock.move(days=1)
    world.sync()
    (found,) = working.look_for_second_writers(world.ctx)
    assert (found.code, found.state, found.message.values["count"]) == ("autotask.second_writer", "todo", 1)
    assert "Acme BV" in str(found.message)
    assert found.remedy is not None
    # What the ledger knows as its own is no drift: brought back, the finding is gone.
    world.server.sandbox.adjust(line, 5, world.clock.today())
    world.clock.move(days=1)
    world.sync()
    assert list(working.look_for_second_writers(world.ctx)) == []
