"""People: local accounts and what they may do. Signing in is in `signing_in` and `openid`, what is open then in `sessions`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T
from core.i18n import LANGUAGES
from core.services import passwords
from core.services.access import SYSTEM, Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.openid_settings import (
    OpenIdView,
    oidc_groups,
    openid_is_set_up,
    openid_settings,
    remove_openid,
    save_oidc_groups,
    save_openid,
)
from core.services.sessions import (
    SessionLimits,
    SessionRow,
    Visit,
    actor_of,
    actor_of_token,
    end_session,
    list_sessions,
    save_session_limits,
    session_limits,
    sign_out_everywhere,
)
from core.services.signing_in import check_own_password, confirm_password, pause, sign_in, sign_out
from core.store import people as store
from core.store import sessions as session_store

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "OpenIdView",
    "PersonRow",
    "SessionLimits",
    "SessionRow",
    "Visit",
    "actor_of_token",
    "add_person",
    "change_own_password",
    "change_own_preferences",
    "change_person",
    "confirm_password",
    "create_first_admin",
    "end_session",
    "first_admin_from_environment",
    "has_password",
    "list_people",
    "list_sessions",
    "needs_first_admin",
    "oidc_groups",
    "openid_is_set_up",
    "openid_settings",
    "pause",
    "remove_openid",
    "save_oidc_groups",
    "save_openid",
    "save_session_limits",
    "session_limits",
    "set_password",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
]

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One account as the Settings page lists it. `local` is False for who signs in through the identity provider."""

    id: int
    name: str
    role: Role
    active: bool
    language: str
    locale: str
    local: bool
    last_seen: datetime | None


def needs_first_admin(ctx: Context) -> bool:
    """Whether nobody can manage the product yet: the first start asks for an administrator.

    Only the first start: it is asked of whoever comes. Where people have worked already, no administrator is no invitation; who has
    the server makes one there (`user add`).
    """
    with ctx.database.session() as session:
        return _is_first_start(session)


def create_first_admin(ctx: Context, name: str, password: str) -> Actor:
    """Make the first administrator; the only thing that may be done without signing in.

    Raises InputError for a name or password that will not do, and when there is an administrator already.
    """
    person = _new_person(name, password, Role.ADMIN)

    def work(session: Session) -> int:
        store.one_at_a_time(session)
        if not _is_first_start(session):
            raise InputError(T("There is an administrator already."), kind="first_admin")
        return _add(ctx, session, SYSTEM, person)

    number = ctx.database.run(work)
    return Actor(number, person.name, Role.ADMIN)


def first_admin_from_environment(ctx: Context, password: str | None, name: str = "admin") -> bool:
    """At the start: make the administrator `admin` with the password from CONTRACTBRIDGE_ADMIN_PASSWORD, where none is there."""
    if not password or not needs_first_admin(ctx):
        return False
    create_first_admin(ctx, name, password)
    return True


def list_people(ctx: Context, actor: Actor) -> list[PersonRow]:
    """Everybody, in order of name. For admins."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        people = store.all_people(session)
    return [
        PersonRow(p.id, p.name, Role(p.role), p.active, p.language, p.locale, bool(p.password_hash), p.last_login_at)
        for p in people
    ]


def add_person(
    ctx: Context, actor: Actor, name: str, password: str, role: Role, *, language: str = "en", locale: str = ""
) -> int:
    """Add a local account; gives its number. For admins, confirmed."""
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    person = _new_person(name, password, role, _language(language), locale)

    def work(session: Session) -> int:
        store.one_at_a_time(session)
        return _add(ctx, session, actor, person)

    return ctx.database.run(work)


def change_person(
    ctx: Context, actor: Actor, person_id: int, *, role: Role | None = None, active: bool | None = None
) -> None:
    """Change what somebody may do, or whether at all; open sessions of who may no longer are ended. For admins.

    The last administrator can be neither taken away nor made less, nor the last one with a password: the role of the others
    follows from their groups, which may change. Confirmed.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)

    def work(session: Session) -> None:
        store.one_at_a_time(session)
        person = _person(session, person_id)
        wanted = {"role": (role or Role(person.role)).value, "active": person.active if active is None else active}
        before = {"role": person.role, "active": person.active}
        if wanted == before:
            return
        loses_admin = person.role == Role.ADMIN and person.active and wanted != {"role": "admin", "active": True}
        if loses_admin:
            _must_not_be_last(session, person)
        store.change(session, person_id, wanted)
        if not wanted["active"]:
            session_store.close_sessions(session, person_id=person_id)
        note(ctx, session, actor, "person.changed", person.name, before=before, after=wanted)

    ctx.database.run(work)


def set_password(ctx: Context, actor: Actor, person_id: int, password: str) -> None:
    """Give somebody a new password; all their sessions end, but the one it is done in. For admins, confirmed.

    Who signs in with the company account has none and gets none: that would be a way in past the provider.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    with ctx.database.session() as session:
        person = _person(session, person_id)
    if person.oidc_subject:
        raise InputError(T("{name} signs in with the company account.", name=person.name), kind="password")
    passwords.check_rules(password, person.name)
    _keep_password(ctx, actor, person_id, password)


def change_own_password(ctx: Context, actor: Actor, old: str, new: str) -> None:
    """Everybody may change the own password, knowing the old one; all other own sessions end."""
    require(actor, Role.VIEWER)
    check_own_password(ctx, actor, old)
    passwords.check_rules(new, actor.name)
    _keep_password(ctx, actor, actor.id, new)


def has_password(ctx: Context, actor: Actor) -> bool:
    """Whether somebody signs in with a password of ours, rather than with the company account."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return bool(_person(session, actor.id).password_hash)


def change_own_preferences(
    ctx: Context, actor: Actor, *, language: str | None = None, locale: str | None = None
) -> Actor:
    """Everybody may choose the own language and the own way to write numbers and dates; gives the actor as from now on."""
    require(actor, Role.VIEWER)
    values: dict[str, str] = {}
    if language is not None:
        values["language"] = _language(language)
    if locale is not None:
        values["locale"] = _locale(locale)

    def work(session: Session) -> Actor:
        _person(session, actor.id)
        if values:
            store.change(session, actor.id, values)
        return actor_of(_person(session, actor.id))

    return ctx.database.run(work)


def _is_first_start(session: Session) -> bool:
    return not store.count(session, role=Role.ADMIN.value) and not store.has_anybody_signed_in(session)


def _must_not_be_last(session: Session, person: store.Person) -> None:
    """Raises InputError for the only administrator, and for the only one who can sign in without the identity provider."""
    if store.count(session, role=Role.ADMIN.value) == 1:
        raise InputError(
            T("{name} is the only administrator.", name=person.name),
            remedy=T("Make somebody else administrator first."),
            kind="last_admin",
        )
    if person.password_hash and store.count(session, role=Role.ADMIN.value, with_password=True) == 1:
        raise InputError(
            T("{name} is the only administrator with a password.", name=person.name),
            remedy=T(
                "Make somebody else with a password administrator first, for the day the company account is away."
            ),
            kind="last_admin",
        )


def _new_person(name: str, password: str, role: Role, language: str = "en", locale: str = "") -> store.Person:
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST_NAME or not clean.isprintable():
        raise InputError(T("A name of 1 to {count} characters is needed.", count=LONGEST_NAME), kind="name")
    if clean.casefold() == SYSTEM.name or clean.casefold().startswith("terminal:"):
        raise InputError(T("This name is kept for the product itself."), kind="name")
    passwords.check_rules(password, clean)
    return store.Person(
        name=clean, password_hash=passwords.hashed(password), role=role.value, language=language, locale=_locale(locale)
    )


def _add(ctx: Context, session: Session, actor: Actor, person: store.Person) -> int:
    if store.by_name(session, person.name):
        raise InputError(T("There is a person with the name {name} already.", name=person.name), kind="name")
    number = store.add(session, person, ctx.clock.now())
    note(ctx, session, actor, "person.added", person.name, after={"role": person.role})
    return number


def _keep_password(ctx: Context, actor: Actor, person_id: int, password: str) -> None:
    fresh = passwords.hashed(password)

    def work(session: Session) -> None:
        person = _person(session, person_id)
        store.change(session, person_id, {"password_hash": fresh})
        session_store.close_sessions(session, person_id=person_id, but=actor.session)
        note(ctx, session, actor, "person.password_changed", person.name)

    ctx.database.run(work)


def _person(session: Session, person_id: int) -> store.Person:
    person = store.by_id(session, person_id)
    if person is None:
        raise InputError(T("There is no such person."), kind="unknown_person")
    return person


def _language(language: str) -> str:
    if language not in LANGUAGES:
        raise InputError(T("There is no language {name}.", name=language), kind="language")
    return language


def _locale(locale: str) -> str:
    from babel import Locale, UnknownLocaleError

    if not locale:
        return ""
    try:
        return str(Locale.parse(locale))
    except (UnknownLocaleError, ValueError):
        raise InputError(T("There is no locale {name}.", name=locale), kind="locale") from None
