"""The least rights of the API user: what is missing is found by name, and the page lists exactly what is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.autotask import Autotask
from connectors.autotask.rights import NEEDED
from connectors.autotask.sandbox import SandboxServer
from core.domain.errors import Refused
from core.domain.ports import Right, RightsFor

PAGE = Path(__file__).resolve().parents[3] / "docs" / "autotask.md"


def withhold(server: SandboxServer, *rights: str, **more: object) -> None:
    server.switches.withheld = frozenset(rights)
    for name, value in more.items():
        setattr(server.switches, name, value)


def test_a_user_with_all_rights_lacks_none(server: SandboxServer, autotask: Autotask) -> None:
    assert autotask.missing_rights(list(RightsFor)) == []
    assert len(server.requests()) == len({right.entity for right in NEEDED}), "one request an entity"


def test_each_right_that_is_withheld_is_found_and_refused_by_autotask(
    server: SandboxServer, autotask: Autotask
) -> None:
    wanted = {(right.entity, right.action) for right in NEEDED}
    withhold(server, *(f"{entity}:{action}" for entity, action in wanted))
    found = autotask.missing_rights(list(RightsFor))
    assert {(right.entity, right.action) for right in found} == wanted
    assert len(found) == len(wanted), "each once, by its first use"
    with pytest.raises(Refused) as raised:
        autotask.companies()
    assert raised.value.reason == "permission"


def test_only_what_the_workspace_does_is_asked_for(server: SandboxServer, autotask: Autotask) -> None:
    withhold(server, "ContractCharges:delete", "Contracts:create", "ContractServices:create")
    assert autotask.missing_rights([RightsFor.ALWAYS]) == []
    assert autotask.missing_rights([RightsFor.ALWAYS, RightsFor.CHARGES]) == [
        Right("ContractCharges", "delete", RightsFor.CHARGES)
    ]
    assert [right.entity for right in autotask.missing_rights([RightsFor.ADD_LINES])] == ["ContractServices"]


def test_companies_that_are_hidden_count_as_a_missing_right(server: SandboxServer, autotask: Autotask) -> None:
    withhold(server, restricted=frozenset({"Companies:query", "BillingCodes:query"}))
    assert autotask.missing_rights([RightsFor.ALWAYS]) == [Right("Companies", "query", RightsFor.ALWAYS, partial=True)]


def test_the_connection_test_and_the_sandbox_agree(server: SandboxServer, autotask: Autotask) -> None:
    withhold(server, "ContractServiceAdjustments:create")
    with pytest.raises(Refused, match="ContractServiceAdjustments"):
        autotask.check()
    withhold(server, "ContractServices:query", "Contracts:query")
    with pytest.raises(Refused) as raised:
        autotask.check()
    assert raised.value.message.values["entities"] == ("Contracts", "ContractServices")


def test_the_page_lists_every_right_that_is_asked_for_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").split("The least rights:")[1].split("\n\n")[1]
    words = {"read": "query", "create": "create", "change": "update", "delete": "delete"}
    listed = set()
    for row in table.splitlines()[2:]:
        entities, rights, use = (cell.strip() for cell in row.strip("|").split("|"))
        name = re.search(r"`(\w+)`", use)
        for entity in re.findall(r"\w+", entities):
            listed |= {(entity, words[right], name[1] if name else "") for right in rights.split(", ")}
    assert listed == {(right.entity, right.action, right.use.value) for right in NEEDED}
