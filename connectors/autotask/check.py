"""The connection test: says in words what is wrong before anything depends on it."""

from __future__ import annotations

from collections.abc import Callable

from connectors._kit.threads import in_parallel
from connectors.autotask.client import AutotaskClient, Query
from connectors.autotask.families import SERVICES
from connectors.autotask.rights import grants, information
from core.domain.errors import Refused
from core.domain.text import T

NEEDED = ("Companies", "Contracts", "Services", SERVICES.lines, SERVICES.units)


def check(client: AutotaskClient) -> None:
    """Zone and credentials, then the right to read each entity, then the right to adjust.

    Raises SettingsError (unknown user, wrong address), Unauthorized, Refused(`permission`) naming the entities, RemoteError.
    """
    client.budget()
    found = in_parallel([_reader(client, entity) for entity in NEEDED])
    missing = [entity for entity in found if entity]
    if missing:
        raise Refused(
            T("The API user may not read {entities} in Autotask.", entities=tuple(missing)), reason="permission"
        )
    if not grants(information(client, SERVICES.adjustments), "create"):
        raise Refused(
            T(
                "The API user may read but not change contracts in Autotask (create {entity}).",
                entity=SERVICES.adjustments,
            ),
            reason="permission",
        )


def _reader(client: AutotaskClient, entity: str) -> Callable[[], str]:
    def read() -> str:
        """The entity's name when it may not be read."""
        try:
            client.first(Query(entity, ("id",), bulk=False))
        except Refused as error:
            if error.reason != "permission":
                raise
            return entity
        return ""

    return read
