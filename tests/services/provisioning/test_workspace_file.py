"""The contract policy of a portal in the workspace file."""

from __future__ import annotations

from core.domain.provisioning.subscription import SubscriptionType
from core.services.access import SYSTEM
from core.services.provisioning_settings import contract_policy, save_contract_policy
from core.services.workspace_export import content_of
from core.services.workspace_file import PortalEntry
from core.services.workspace_portals import _set_contracts
from tests.services.money.world import World
from tests.services.provisioning.shop import PER, PORTAL


def test_the_policy_goes_out_and_comes_back(world: World) -> None:
    world.portal(PORTAL, connector="pax8")
    world.portal("Plain", connector="pax8")
    chosen = PER.model_copy(update={"billed": frozenset({SubscriptionType.RESERVED, SubscriptionType.LICENCE})})
    save_contract_policy(world.ctx, SYSTEM, PORTAL, chosen)
    with world.database.session() as session:
        content = {one["name"]: one for one in content_of(session, {})["portals"]}
    assert "contracts" not in content["Plain"]
    assert content[PORTAL]["contracts"]["billed"] == ["licence", "reserved"]
    entry = PortalEntry.model_validate(
        {"name": "Plain", "connector": "pax8", "contracts": content[PORTAL]["contracts"]}
    )
    assert _set_contracts(world.ctx, SYSTEM, entry)
    assert not _set_contracts(world.ctx, SYSTEM, entry)
    assert contract_policy(world.ctx, SYSTEM, "Plain") == chosen
