"""What is set up, what is wrong, what to do: for who has just installed the product, and for who wonders why nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import ContractBridgeError
from core.domain.text import T
from core.services.access import SYSTEM, Actor, Role, require
from core.services.examining import credentials, database, machine, outside, working
from core.services.examining.check import OK, TODO, WRONG, Check, Look
from core.services.overview import overview
from core.services.people import list_people

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["Check", "examine"]

log = structlog.get_logger()
WORST_FIRST = (WRONG, TODO, OK)


def examine(ctx: Context, actor: Actor) -> list[Check]:
    """Everything there is to look at, in the order in which it matters. For admins. A check that breaks is itself a finding.

    Autotask and the portals are really asked: takes some seconds, and a request or a few of each.
    """
    require(actor, Role.ADMIN)
    found: list[Check] = []
    for name, look in _LOOKS.items():
        try:
            found += look(ctx)
        except ContractBridgeError as error:
            found.append(Check(name, WRONG, error.message, error.remedy, f"{name.lower().replace(' ', '_')}.fails"))
        except (SQLAlchemyError, OSError) as error:
            log.warning("doctor.failed", look=name, error=type(error).__name__)
            text = T("This could not be looked at: {reason}.", reason=type(error).__name__)
            found.append(Check(name, WRONG, text, None, f"{name.lower().replace(' ', '_')}.fails"))
    return found


def worst(found: list[Check]) -> str:
    """The worst state of all."""
    return next((state for state in WORST_FIRST if any(check.state == state for check in found)), OK)


def _people(ctx: Context) -> Iterator[Check]:
    if not any(person.active and person.role is Role.ADMIN for person in list_people(ctx, SYSTEM)):
        yield Check(
            "People",
            TODO,
            T("There is no administrator yet."),
            T("Start `run` and open the page, or use `user add NAME --role admin`."),
            "people.none",
        )
    else:
        yield Check("People", OK, T("There is an administrator."), code="people.admin")


def _mappings(ctx: Context) -> Iterator[Check]:
    for action in overview(ctx, SYSTEM).actions:
        if action.page in ("Customers", "Products", "Changes", "Consumption"):
            yield Check("Work for a person", TODO, action.message, code="work.waiting")


_LOOKS: dict[str, Look] = {
    "Database": database.look,
    "Data directory": machine.look,
    "Secrets": machine.look_at_secrets,
    "Credentials": credentials.look,
    "People": _people,
    "Portals": outside.look,
    "Autotask": working.look_for_second_writers,
    "Background work": working.look,
    "Back-up": working.look_for_backups,
    "Work for a person": _mappings,
    "Audit": database.look_at_chains,
}
