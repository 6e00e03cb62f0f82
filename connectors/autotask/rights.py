"""What the API user has to be allowed for what the workspace does, and what of it is missing. docs/autotask.md lists it too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from connectors._kit.threads import in_parallel
from connectors.autotask.client import AutotaskClient
from connectors.autotask.families import BUNDLES, SERVICES
from core.domain.errors import Refused, RemoteError
from core.domain.ports import Right, RightsFor

ALWAYS, ADD_LINES, CHARGES, PROVISIONING = (
    RightsFor.ALWAYS,
    RightsFor.ADD_LINES,
    RightsFor.CHARGES,
    RightsFor.PROVISIONING,
)

READ = (
    "Companies", "Contracts", SERVICES.catalogue, BUNDLES.catalogue, SERVICES.lines, BUNDLES.lines, SERVICES.units, BUNDLES.units,
    "BillingCodes",
)  # fmt: skip
NEEDED: tuple[Right, ...] = (
    *(Right(entity, "query", ALWAYS) for entity in READ),
    *(Right(family.adjustments, "create", ALWAYS) for family in (SERVICES, BUNDLES)),
    *(Right(family.lines, "create", ADD_LINES) for family in (SERVICES, BUNDLES)),
    Right("Products", "query", CHARGES),
    *(Right("ContractCharges", action, CHARGES) for action in ("query", "create", "update", "delete")),
    *(Right("Contracts", action, PROVISIONING) for action in ("create", "update")),
    *(Right(family.lines, "create", PROVISIONING) for family in (SERVICES, BUNDLES)),
    *(Right("Services", action, PROVISIONING) for action in ("create", "update")),
    *(Right("Products", action, PROVISIONING) for action in ("query", "create")),
    *(Right("UserDefinedFieldDefinitions", action, PROVISIONING) for action in ("query", "create")),
)
WHOLLY = frozenset({("Companies", "query"), ("Contracts", "query")})
"""Where a right for some records only is as bad as none: what is hidden seems not to exist."""
NONE, SOME = (0, "0", "None", "none"), (2, "2", "Restricted", "restricted")

Information = Mapping[str, Any] | None
"""`info` of entityInformation; None where Autotask does not tell."""


def missing(client: AutotaskClient, uses: Collection[RightsFor]) -> list[Right]:
    """The needed rights that this user lacks, in the order of the table; one request an entity. Raises what stops the asking."""
    needed = {(right.entity, right.action): right for right in reversed(NEEDED) if right.use in uses}
    entities = sorted({entity for entity, _ in needed})
    told = dict(zip(entities, in_parallel([_asking(client, entity) for entity in entities]), strict=True))
    wanting = [right for right in reversed(needed.values()) if not _granted(told[right.entity], right)]
    return [Right(right.entity, right.action, right.use, _is_partial(told[right.entity], right)) for right in wanting]


def information(client: AutotaskClient, entity: str) -> Information:
    """What the user may do with an entity; empty for nothing, None where Autotask does not tell."""
    try:
        body = client.get(entity, f"{entity}/entityInformation") or {}
    except Refused as error:
        return {} if error.reason == "permission" else None
    except RemoteError as error:
        if error.status in (404, 405):
            return None
        raise
    found = body.get("info")
    return found if isinstance(found, dict) and found else None


def grants(found: Information, action: str) -> bool:
    """Whether an action is allowed, as far as Autotask tells."""
    if found is None:
        return True
    if not found:
        return False
    word = action.capitalize()
    return found.get(f"can{word}") is not False and found.get(f"userAccessFor{word}") not in NONE


def _granted(found: Information, right: Right) -> bool:
    return grants(found, right.action) and not _is_partial(found, right)


def _is_partial(found: Information, right: Right) -> bool:
    if not found or (right.entity, right.action) not in WHOLLY:
        return False
    return found.get(f"userAccessFor{right.action.capitalize()}") in SOME


def _asking(client: AutotaskClient, entity: str) -> Callable[[], Information]:
    return lambda: information(client, entity)
