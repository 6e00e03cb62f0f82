"""The table of roles (`tests/roles.py`): every use case is in it, and refuses who may not before it looks at anything else."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import core.services
from core.domain.errors import AccessDenied, ConfirmationNeeded, ContractBridgeError, SettingsError
from core.services import autotask_settings, people, portals, rest_mapping, rest_sign_in, webhooks
from core.services.access import Actor, Role, require, terminal
from core.services.alerts import save_channel
from core.services.context import Context
from core.services.people import SessionLimits
from tests import roles

ROOT = Path(__file__).resolve().parents[3]
GUARDS = {"core.services.access", "core.services.audited"}
"""They ask for roles and write in somebody's name: they are no use cases."""
NEEDED = roles.needed()


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(core.services.__path__, "core.services."):
        yield importlib.import_module(found.name)


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """Every public function of `core.services`, as `module.function`."""
    return {
        f"{module.__name__.removeprefix('core.services.')}.{name}": value
        for module in modules()
        if module.__name__ not in GUARDS
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


USE_CASES = {name: value for name, value in functions().items() if parameters(value)[:2] == ["ctx", "actor"]}
WITH_ACTOR = {
    name for name, value in functions().items()
    if "actor" in parameters(value) and "session" not in parameters(value) and name not in USE_CASES
}  # fmt: skip
"""Not those that take an open transaction: they are parts of use cases."""


def test_every_use_case_stands_in_the_table_of_roles() -> None:
    assert set(USE_CASES) - set(NEEDED) == set()
    assert set(NEEDED) - set(USE_CASES) == set()
    assert set(roles.ASK_THEMSELVES) | {"openid.begin_openid", "openid.finish_openid"} == WITH_ACTOR


def test_the_table_in_the_documentation_is_this_table() -> None:
    assert roles.DOCS.read_text(encoding="utf-8") == roles.table(), "run: .venv/bin/python -m tests.roles"


class _Untouchable:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"looked at {name} before the role")


def call(function: Callable[..., Any], *known: Any) -> None:
    """With something for each further argument that has no default; it must never be looked at."""
    rest = list(inspect.signature(function).parameters.values())[len(known) :]
    given = {
        p.name: "x" if p.annotation == "str" else _Untouchable() for p in rest if p.default is inspect.Parameter.empty
    }
    result = function(*known, **given)
    if inspect.isgenerator(result):
        list(result)


def test_who_may_not_is_refused_before_anything_is_looked_at(ctx: Context) -> None:
    for name, function in USE_CASES.items():
        for role in (role for role in Role if not role.covers(NEEDED[name])):
            with pytest.raises(AccessDenied):
                call(function, ctx, Actor(99, "x", role))
                pytest.fail(f"{name} does not refuse a {role}")
    for name, least in roles.ASK_THEMSELVES.items():
        for role in (role for role in Role if not role.covers(least)):
            with pytest.raises(AccessDenied):
                call(functions()[name], Actor(99, "x", role))
                pytest.fail(f"{name} does not refuse a {role}")


def test_a_refusal_leaves_nothing_behind(ctx: Context) -> None:
    with ctx.database.session() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0


def test_what_is_of_others_is_an_admins_business(ctx: Context) -> None:
    """Those whose role depends on whose it is: `ALSO_OTHERS`."""
    anna = people.create_first_admin(ctx, "Anna", "correct horse battery")
    _, signed_in = people.sign_in(ctx, "Anna", "correct horse battery")
    otto = Actor(2, "Otto", Role.OPERATOR)
    refused = (
        lambda: people.sign_out_everywhere(ctx, otto, person_id=anna.id),
        lambda: people.end_session(ctx, otto, signed_in.session),
        lambda: people.list_sessions(ctx, otto, everybody=True),
    )
    assert len(refused) == len(roles.ALSO_OTHERS)
    for act in refused:
        with pytest.raises(AccessDenied):
            act()


def test_each_role_may_do_what_the_one_before_may() -> None:
    assert [[role.covers(needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    require(terminal("root"), Role.ADMIN)


# Without an actor: what pages and routes may call.


def asked_by(path: Path) -> Iterator[str]:
    """`module.function` of `core.services` for everything that a file of pages or routes takes from there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core.services"):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}".removeprefix("core.services.")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            yield f"{known[node.value.id]}.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]


def defined_as(asked: str) -> str:
    """The function's own name, where it was asked for through another module."""
    holder, _, name = f"core.services.{asked}".rpartition(".")
    try:
        value = getattr(importlib.import_module(holder), name, None)
    except ModuleNotFoundError:
        return ""
    if not inspect.isfunction(value):
        return ""
    return f"{value.__module__.removeprefix('core.services.')}.{value.__name__}"


OTHERS = {
    "month_end.ask_again": "the next look asks anew; that look has an actor",
    "reports.leakage.report_of": "sets out what was asked for with an actor",
    "reports.margin.report_of": "sets out what was asked for with an actor",
    "storage.storage_trouble": "whether anything can be stored: for who is on a page",
    "readiness.reasons": "/readyz",
    "webhook_receiving.hook_of": "/hooks/…",
    "webhook_receiving.prepare": "/hooks/…",
    "webhook_receiving.keep_all": "/hooks/…",
}
"""What needs no actor, and why; the routes have a check of their own."""


def test_pages_and_routes_call_nothing_without_an_actor_but_what_needs_none() -> None:
    nobody = {name for name, value in functions().items() if parameters(value)[:1] == ["ctx"] and name not in USE_CASES}
    files = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "core" / "web").glob("*.py")]
    found = {defined_as(asked) for path in files for asked in asked_by(path)} & nobody
    assert found - set(roles.NOBODY_YET) - set(OTHERS) == set()
    assert set(roles.NOBODY_YET) - nobody == set()


# Showing again who one is.

STALE = Actor(99, "x", Role.ADMIN, session=1)
"""Somebody at a browser, who confirmed nothing."""

KEEP_SECRETS = {
    "portals.create_portal": "the first secrets of a portal: nothing is replaced, and nothing stored is sent anywhere",
    "rest_sign_in._store": "what `begin` was confirmed for",
    "rest_sign_in._put": "what was begun, for minutes",
    "rotation.exchange": "tokens that a vendor replaces by itself",
}


def calls(function: ast.FunctionDef, *names: str) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in names for node in ast.walk(function))


def callers(*names: str) -> set[str]:
    """`module.function` of `core.services` for every function (or method) that calls one of these."""
    found = set()
    for path in (ROOT / "core" / "services").rglob("*.py"):
        module = path.relative_to(ROOT / "core" / "services").with_suffix("").as_posix().replace("/", ".")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            found |= {
                f"{module}.{one.name}" for one in inner if isinstance(one, ast.FunctionDef) and calls(one, *names)
            }
    return found


def test_everything_that_asks_for_a_confirmation_is_in_the_table_and_asks_for_it() -> None:
    assert callers("require_confirmed") == set(roles.CONFIRMED)


def test_secrets_are_kept_only_after_a_confirmation_or_for_a_reason() -> None:
    assert callers("secret_store.put", "secrets.put") - set(roles.CONFIRMED) - set(KEEP_SECRETS) == set()


def test_without_a_confirmation_secrets_people_and_autotask_stay_as_they_are(ctx: Context) -> None:
    for name in (name for name, when in roles.CONFIRMED.items() if not when):
        with pytest.raises(ConfirmationNeeded):
            call(USE_CASES[name], ctx, STALE)
            pytest.fail(f"{name} asks for no confirmation")
    with pytest.raises(ConfirmationNeeded):
        people.save_session_limits(ctx, STALE, SessionLimits())


REST = {
    "url": "https://api.example.com/usage",
    "sign_in": {"kind": "bearer"},
    "records": "items",
    "customer": {"path": "c"},
}


def test_stored_secrets_are_sent_to_no_other_address_and_replaced_by_nobody_who_did_not_confirm(ctx: Context) -> None:
    """Those that ask for a confirmation only where it matters, each where it does and where it does not."""
    admin = terminal("root")
    settings = {"base_url": "https://api.example.com", "integration_key": "x" * 20}
    portals.create_portal(ctx, admin, "Duo", "duo", settings=settings, secrets={"secret_key": "s" * 40})
    portals.create_portal(ctx, admin, "Hook", "webhook", settings={"verification": {"scheme": "url_only"}}, secrets={})
    portals.update_portal(ctx, STALE, "Duo", name="Duo MFA")
    elsewhere = settings | {"base_url": "https://evil.example.com"}
    made = {"name": "Post", "settings": {"host": "mail.example.com", "sender": "a@example.com", "sign_in": "none"}}
    values = made | {"recipients": ["a@example.com"]}
    channel = save_channel(ctx, STALE, 0, "smtp", values, {})
    webhooks.make_address(ctx, STALE, "Hook")
    kept = webhooks.hook_card(ctx, STALE, "Hook").settings.model_dump(mode="json", exclude_defaults=True)
    refused = (
        lambda: portals.update_portal(ctx, STALE, "Duo MFA", settings=elsewhere),
        lambda: portals.update_portal(ctx, STALE, "Duo MFA", secrets={"secret_key": "t" * 40}),
        lambda: portals.test_settings(ctx, STALE, "duo", elsewhere, {}, portal="Duo MFA"),
        lambda: rest_mapping.fetch_sample(ctx, STALE, {"url": "https://evil.example.com"}, {}, portal="Duo MFA"),
        lambda: rest_sign_in.begin(ctx, STALE, "session", "https://us.example.com/auth/vendor", portal="Duo MFA"),
        lambda: save_channel(ctx, STALE, channel, "smtp", values, {}),
        lambda: webhooks.make_address(ctx, STALE, "Hook", rotate=True),
        lambda: webhooks.save_settings(
            ctx, STALE, "Hook", kept | {"verification": {"scheme": "standard"}}, secret=webhooks.new_secret()
        ),
    )
    for act in refused:
        with pytest.raises(ConfirmationNeeded):
            act()
    webhooks.save_settings(ctx, STALE, "Hook", kept)


def test_settings_that_were_confirmed_are_refused_for_what_is_wrong_with_them_and_for_nothing_else(
    ctx: Context,
) -> None:
    fresh = Actor(99, "x", Role.ADMIN, session=1, confirmed_until=ctx.clock.now().replace(year=2030))
    with pytest.raises(SettingsError):
        people.save_openid(ctx, fresh, issuer="http://login.example.com", client_id="x", client_secret="y")
    with pytest.raises(ContractBridgeError, match="user name"):
        autotask_settings.save_autotask(ctx, fresh, user_name="", secret=None, integration_code=None)
