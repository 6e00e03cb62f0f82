"""The connection to Autotask, and the workspace's time zone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, SettingsError
from core.domain.text import T, Text
from core.services import directory as reading
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.store import directory, secrets, workspace

if TYPE_CHECKING:
    from core.secrets import SecretBox
    from core.services.context import Context

AUTOTASK = "autotask"
"""Name of the setting, and owner of the secrets."""
ZONE = workspace.ZONE
USUAL_ZONE = workspace.USUAL_ZONE


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a connection test went, in words."""

    ok: bool
    message: Text
    remedy: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutotaskView:
    """The stored connection without its secrets."""

    configured: bool
    user_name: str = ""
    base_url: str = ""
    secret_set: bool = False
    integration_code_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """All that is needed to connect."""

    user_name: str
    secret: str = field(repr=False)
    integration_code: str = field(repr=False)
    base_url: str = ""


def connection(session: Session, box: SecretBox) -> Connection:
    """The stored connection. Raises SettingsError (kind `autotask_missing`) while it is not set up."""
    stored = workspace.get(session, AUTOTASK)
    kept = secrets.get(session, box, AUTOTASK) if stored else {}
    if not stored or not kept.get("secret") or not kept.get("integration_code"):
        raise SettingsError(
            T("Autotask is not connected yet."),
            place="Autotask",
            remedy=T("Fill in the API user on the Settings page, or under `autotask` in the workspace file."),
            kind="autotask_missing",
        )
    return Connection(
        user_name=stored["user_name"],
        secret=kept["secret"],
        integration_code=kept["integration_code"],
        base_url=stored.get("base_url", ""),
    )


def zone_name(session: Session) -> str:
    """The workspace's time zone: effective dates and schedules are meant in it."""
    return str(workspace.get(session, ZONE, USUAL_ZONE))


def zone(ctx: Context) -> ZoneInfo:
    """The same, to compute with."""
    with ctx.database.session() as session:
        return ZoneInfo(zone_name(session))


def autotask_settings(ctx: Context, actor: Actor) -> AutotaskView:
    """The connection as it may be shown. For admins."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        stored = workspace.get(session, AUTOTASK)
        kept = secrets.fields(session, [AUTOTASK])[AUTOTASK]
    if not stored:
        return AutotaskView(configured=False)
    return AutotaskView(
        configured={"secret", "integration_code"} <= kept,
        user_name=stored["user_name"],
        base_url=stored.get("base_url", ""),
        secret_set="secret" in kept,
        integration_code_set="integration_code" in kept,
    )


def save_autotask(
    ctx: Context, actor: Actor, *, user_name: str, secret: str | None, integration_code: str | None, base_url: str = ""
) -> bool:
    """Store the connection; a secret that is None (or empty) stays as it is stored. Tells whether anything changed. For admins,
    confirmed.

    Another user name or address is another Autotask: what was read from the old one is forgotten.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted = {"user_name": user_name.strip(), "base_url": checked_address(base_url)}
    if not wanted["user_name"]:
        raise SettingsError(T("The user name of the API user is needed."), place="user_name")

    def work(session: Session) -> bool:
        before = workspace.get(session, AUTOTASK)
        kept = secrets.get(session, ctx.secrets, AUTOTASK)
        given = {"secret": secret, "integration_code": integration_code}
        fresh = {name: value for name, value in given.items() if value and kept.get(name) != value}
        missing = [name for name, value in given.items() if not value and name not in kept]
        if missing:
            raise SettingsError(T("The {name} is needed.", name=missing[0]), place=missing[0])
        if before == wanted and not fresh:
            return False
        workspace.put(session, {AUTOTASK: wanted})
        secrets.put(session, ctx.secrets, AUTOTASK, fresh, ctx.clock.now())
        if before and before != wanted:
            directory.clear(session)
        note(
            ctx, session, actor, "autotask.changed", "Autotask",
            before=before, after=wanted | ({"secrets_replaced": sorted(fresh)} if fresh else {}),
        )  # fmt: skip
        return True

    return ctx.database.run(work)


def test_autotask(ctx: Context, actor: Actor) -> TestResult:
    """Whether Autotask answers with the stored connection, and what is wrong in words when not. For operators.

    When it does, companies, services and contracts are read, so that names can be suggested from then on.
    """
    require(actor, Role.OPERATOR)
    try:
        with closing(ctx.autotask()) as target:
            target.check()
            known = reading.refresh(ctx, target, ())
    except ContractBridgeError as error:
        return TestResult(ok=False, message=error.message, remedy=error.remedy)
    return TestResult(
        ok=True,
        message=T(
            "Autotask answers: {companies} companies, {contracts} recurring contracts, {services} services and bundles.",
            companies=sum(company.active for company in known.companies.values()),
            contracts=sum(contract.active for contract in known.contracts.values()),
            services=sum(item.active for item in known.items.values()),
        ),
    )


def time_zone(ctx: Context, actor: Actor) -> str:
    """Name of the workspace's time zone."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return zone_name(session)


def save_time_zone(ctx: Context, actor: Actor, name: str) -> bool:
    """Set the time zone that dates are meant in; tells whether it changed. For admins."""
    require(actor, Role.ADMIN)
    if name not in available_timezones():
        raise SettingsError(
            T("There is no time zone {name}.", name=name),
            place=ZONE,
            remedy=T("Write it like Europe/Amsterdam."),
        )

    def work(session: Session) -> bool:
        before = zone_name(session)
        workspace.put(session, {ZONE: name})
        if before != name:
            note(ctx, session, actor, "settings.changed", ZONE, before=before, after=name)
        return before != name

    return ctx.database.run(work)


def checked_address(base_url: str) -> str:
    """An address as it is stored: ending with a slash; empty stays empty. Raises SettingsError for anything else."""
    text = base_url.strip()
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SettingsError(T("{address} is no address of Autotask.", address=text), place="base_url")
    return text if text.endswith("/") else f"{text}/"
