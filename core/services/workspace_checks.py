"""Everything of a workspace file that can be judged without Autotask: settings, secrets, schedules, names that stand twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from core.domain.connector import Connector
from core.domain.due import Schedule
from core.domain.errors import InputError, SettingsError
from core.domain.formula import compile_formula
from core.domain.quantities import SUM
from core.domain.text import T, Text
from core.domain.validation import problems
from core.services.autotask_settings import AUTOTASK, checked_address
from core.services.openid_settings import OPENID, checked_issuer
from core.services.recognising import same_words
from core.services.rules import usable_name
from core.services.workspace_alerts import alert_problems
from core.services.workspace_file import FileProblem, Parsed, PortalEntry, ProductEntry
from core.store import portals as portal_store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context


def check_everything(ctx: Context, parsed: Parsed) -> list[FileProblem]:
    """All that is wrong, in no order."""
    with ctx.database.session() as session:
        kept = _kept_secrets(session)
        known_portals = {portal.name for portal in portal_store.all_portals(session)}
    found = [parsed.problem(path, text) for path, text in _settings(parsed, kept)]
    entries = parsed.content.portals or ()
    names = {entry.name for entry in entries} if parsed.content.portals is not None else known_portals
    for number, entry in enumerate(entries):
        path = f"portals.{number}"
        found += [parsed.problem(where, text) for where, text in _portal(ctx, parsed, entry, path, kept)]
    found += [parsed.problem(path, text) for path, text in _twice(parsed)]
    found += [parsed.problem(path, text) for path, text in alert_problems(ctx, parsed, names)]
    found += [parsed.problem(path, text) for path, text in _portals_named(parsed, names)]
    for number, product in enumerate(parsed.content.products or ()):
        found += [parsed.problem(path, text) for path, text in _product(product, f"products.{number}")]
    return found


Found = Iterator[tuple[str, Text]]


def _kept_secrets(session: Session) -> dict[str, frozenset[str]]:
    """Fields of the secrets that are stored, by portal name, of Autotask, and of the company account."""
    portals = portal_store.all_portals(session)
    fields = secret_store.fields(session, [AUTOTASK, OPENID, *(f"portal:{portal.id}" for portal in portals)])
    return {owner: fields[owner] for owner in (AUTOTASK, OPENID)} | {
        f"portal:{p.name}": fields[f"portal:{p.id}"] for p in portals
    }


def _settings(parsed: Parsed, kept: Mapping[str, frozenset[str]]) -> Found:
    zone = parsed.content.time_zone
    if zone is not None and zone not in available_timezones():
        yield "time_zone", T("There is no time zone {name}.", name=zone)
    yield from _company_account(parsed, kept[OPENID])
    if parsed.content.autotask is None:
        return
    for name in ("secret", "integration_code"):
        path = f"autotask.{name}"
        if path in parsed.missing and name not in kept[AUTOTASK]:
            yield path, _not_set(parsed.missing[path])
    try:
        checked_address(parsed.content.autotask.base_url)
    except SettingsError as error:
        yield "autotask.base_url", error.message


def _company_account(parsed: Parsed, kept: frozenset[str]) -> Found:
    entry, path = parsed.content.company_account, "company_account.client_secret"
    if entry is None:
        return
    if path in parsed.missing and "client_secret" not in kept:
        yield path, _not_set(parsed.missing[path])
    try:
        checked_issuer(entry.issuer)
    except SettingsError as error:
        yield "company_account.issuer", error.message


def _portal(ctx: Context, parsed: Parsed, entry: PortalEntry, path: str, kept: Mapping[str, frozenset[str]]) -> Found:
    try:
        connector = ctx.connectors.get(entry.connector)
    except SettingsError as error:
        yield f"{path}.connector", error.message
        return
    yield from _model(connector.settings, entry.settings, f"{path}.settings")
    yield from _secrets(parsed, connector, entry, path, kept.get(f"portal:{entry.name}", frozenset()))
    if entry.schedule is not None:
        yield from _model(Schedule, entry.schedule, f"{path}.schedule")


def _secrets(parsed: Parsed, connector: Connector, entry: PortalEntry, path: str, kept: frozenset[str]) -> Found:
    fields = connector.secrets.model_fields
    for name in entry.secrets:
        where = f"{path}.secrets.{name}"
        if name not in fields:
            yield where, T("There is no such secret. There are: {known}.", known=tuple(sorted(fields)) or ("-",))
        elif where in parsed.missing and name not in kept:
            yield where, _not_set(parsed.missing[where])
    for name, field in fields.items():
        if field.is_required() and name not in entry.secrets:
            yield f"{path}.secrets", T("The secret {name} is needed.", name=name)


def _model(model: Any, values: Mapping[str, Any], path: str) -> Found:
    for problem in problems(model, values):
        yield f"{path}.{problem.path}" if problem.path else path, problem.message


def _twice(parsed: Parsed) -> Found:
    yield from _repeated("portals", [entry.name for entry in parsed.content.portals or ()])
    yield from _repeated(
        "customers", [(entry.portal, same_words(entry.customer)) for entry in parsed.content.customers or ()]
    )
    yield from _repeated("renames", [(entry.portal, entry.pattern) for entry in parsed.content.renames or ()])
    keys = [
        (line.company_id, line.service_id, line.bundle_id, line.billing_frequency)
        for line in parsed.content.lines or ()
    ]
    yield from _repeated("lines", keys)
    yield from _repeated("channels", [entry.name.casefold() for entry in parsed.content.channels or ()])


def _repeated(part: str, keys: list[Any]) -> Found:
    seen: dict[Any, int] = {}
    for number, key in enumerate(keys):
        if key in seen:
            yield f"{part}.{number}", T("This stands in the file twice: see entry {number}.", number=seen[key] + 1)
        seen.setdefault(key, number)


def _portals_named(parsed: Parsed, names: set[str]) -> Found:
    content = parsed.content
    used = [(f"customers.{n}.portal", e.portal) for n, e in enumerate(content.customers or ())]
    used += [(f"renames.{n}.portal", e.portal) for n, e in enumerate(content.renames or ())]
    for number, entry in enumerate(content.products or ()):
        start = f"products.{number}"
        used += [
            (f"{start}.sources.{place}.portal" if entry.sources else f"{start}.portal", source.portal)
            for place, source in enumerate(entry.all_sources)
        ]
    for path, name in used:
        if name not in names:
            yield (
                path,
                T("There is no portal {name}. There are: {known}.", name=name, known=tuple(sorted(names)) or ("-",)),
            )


def _product(entry: ProductEntry, path: str) -> Found:
    if entry.ignore is not False:
        return
    names = [source.name for source in entry.all_sources if source.name]
    for name in names:
        if not usable_name(name):
            yield f"{path}.name", T("{name} cannot be used in a formula: letters, digits and _ only.", name=name)
    if len(entry.all_sources) > 1 and entry.formula.strip() != SUM and len(set(names)) < len(entry.all_sources):
        yield f"{path}.sources", T("A formula over several products needs a name for each of them.")
        return
    try:
        compile_formula(entry.formula, {*names, SUM})
    except InputError as error:
        yield f"{path}.formula", error.message
    if entry.maximum is not None and entry.maximum < (entry.minimum or 0):
        yield f"{path}.maximum", T("The maximum is less than the minimum.")


def _not_set(name: str) -> Text:
    return T("The environment variable {name} is not set.", name=name)
