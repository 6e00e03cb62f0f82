"""Who a company account is here: an account made at the first visit, with the role that the groups give at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError, PersonError
from core.domain.identity import Identified, OpenIdSettings, groups_of
from core.domain.text import T
from core.services.access import SYSTEM, Role
from core.services.audited import note
from core.services.openid_settings import EVERYBODY, OPENID, stored_groups
from core.services.sessions import token_hash
from core.store import people as store
from core.store import sessions as session_store

if TYPE_CHECKING:
    from core.services.context import Context


def person_of_account(ctx: Context, found: Identified, settings: OpenIdSettings, language: str) -> store.Person:
    """The person with the role that the groups give now; a first visit makes an account without a password, in the browser's
    language. Two first visits at the same moment (two tabs, a double click) make one account.

    Raises PersonError for who has no role, or is switched off here.
    """
    groups = groups_of(found.claims, settings.groups_claim)

    def work(session: Session) -> store.Person | PersonError:
        person = store.by_oidc_subject(session, found.subject)
        role = role_of(stored_groups(session), groups)
        if role is None or (person is not None and not person.active):
            _refuse(ctx, session, person)
            return _no_role() if role is None else _switched_off()
        if person is None:
            # One after the other from here on, and looked at again: the other one of two may have been first.
            store.one_at_a_time(session)
            person = store.by_oidc_subject(session, found.subject)
        if person is None:
            return _add(ctx, session, found, role, language)
        if person.role == role.value:
            return person
        store.change(session, person.id, {"role": role.value})
        before, after = {"role": person.role}, {"role": role.value}
        note(ctx, session, SYSTEM, "person.changed", person.name, before=before, after=after)
        return replace(person, role=role.value)

    result = ctx.database.run(work)
    if isinstance(result, PersonError):
        raise result
    return result


def role_of(known: Mapping[str, Role], groups: frozenset[str]) -> Role | None:
    """The highest role that one of the groups gives; None where none gives one."""
    roles = [role for group, role in known.items() if group == EVERYBODY or group in groups]
    return max(roles, key=lambda role: role.rank, default=None)


def _refuse(ctx: Context, session: Session, person: store.Person | None) -> None:
    """Somebody without a role (any more) has no session either."""
    if person is not None:
        session_store.close_sessions(session, person_id=person.id)
        note(ctx, session, SYSTEM, "person.refused", person.name, after={"through": OPENID})


def _no_role() -> PersonError:
    return InputError(
        T("Your company account has no role here."),
        remedy=T("Ask an administrator to give one of your groups a role."),
        kind="no_role",
    )


def _switched_off() -> PersonError:
    return InputError(
        T("Your account is switched off here."), remedy=T("Ask an administrator to switch it on."), kind="switched_off"
    )


def _add(ctx: Context, session: Session, found: Identified, role: Role, language: str) -> store.Person:
    names = (found.claims.get(claim) for claim in ("preferred_username", "email", "name"))
    wished = next((clean for name in names if name and (clean := _as_name(str(name)))), found.subject[:80])
    known_as = wished if store.by_name(session, wished) is None else f"{wished} ({_short(found.subject)})"
    person = store.Person(name=known_as, role=role.value, oidc_subject=found.subject, language=language)
    number = store.add(session, person, ctx.clock.now())
    note(ctx, session, SYSTEM, "person.added", known_as, after={"role": role.value, "through": OPENID})
    return replace(person, id=number)


def _as_name(told: str) -> str:
    """A name from outside: one line, not too long, and not one that the product keeps for itself."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in told).split())[:80]
    return "" if clean.casefold() == SYSTEM.name or clean.casefold().startswith("terminal:") else clean


def _short(subject: str) -> str:
    return token_hash(subject)[:8]
