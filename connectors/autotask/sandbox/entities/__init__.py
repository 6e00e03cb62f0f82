"""All entities of the sandbox by their name in lower case, and the picklists they use."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.autotask.sandbox.entities.catalogue import CATALOGUE
from connectors.autotask.sandbox.entities.contracts import CONTRACTS
from connectors.autotask.sandbox.entities.others import OTHERS
from connectors.autotask.sandbox.schema import EntitySpec

ENTITIES: Mapping[str, EntitySpec] = {spec.name: spec for spec in (*CONTRACTS, *CATALOGUE, *OTHERS)}
BY_LOWER: Mapping[str, EntitySpec] = {name.lower(): spec for name, spec in ENTITIES.items()}
CHILD_BY_LOWER: Mapping[tuple[str, str], EntitySpec] = {
    (spec.parent.parent.lower(), spec.parent.segment.lower()): spec for spec in ENTITIES.values() if spec.parent
}
