"""The workspace as the content of its file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ProductKey, ProductRule, Rounding, WorkspaceMapping
from core.domain.provisioning.policy import ContractPolicy
from core.domain.quantities import SUM
from core.services.autotask_settings import AUTOTASK, zone_name
from core.services.network import allowed_hosts
from core.services.openid_settings import USUAL, stored_groups
from core.services.openid_settings import stored as stored_account
from core.services.portals import owner_of
from core.services.rules import default_name
from core.services.workspace_portals import portal_content
from core.store import charges, mappings, provisioning
from core.store import portals as portal_store
from core.store import secrets as secret_store
from core.store import workspace as settings_store


def content_of(session: Session, variables: Mapping[str, str]) -> dict[str, Any]:
    """Everything that a workspace file can hold; `variables` are the names that secrets were applied under."""
    content: dict[str, Any] = {"time_zone": zone_name(session)}
    stored = settings_store.get(session, AUTOTASK)
    if stored:
        content["autotask"] = {
            "user_name": stored["user_name"],
            "secret": _variable(variables.get("autotask.secret", "AUTOTASK_SECRET")),
            "integration_code": _variable(variables.get("autotask.integration_code", "AUTOTASK_CODE")),
        } | ({"base_url": stored["base_url"]} if stored.get("base_url") else {})
    if account := stored_account(session):
        usual = {name: value for name, value in USUAL.items() if account[name] == value}
        content["company_account"] = (
            {"issuer": account["issuer"], "client_id": escaped(account["client_id"])}
            | {"client_secret": _variable(variables.get("company_account.client_secret", "COMPANY_ACCOUNT_SECRET"))}
            | {name: escaped(account[name]) for name in USUAL if name not in usual}
            | {"groups": {group: role.value for group, role in stored_groups(session).items()}}
        )
    hosts = sorted(allowed_hosts(session))
    if hosts:
        content["allowed_hosts"] = hosts
    portals = portal_store.all_portals(session)
    owners = [owner_of(portal) for portal in portals]
    fields = secret_store.fields(session, owners)
    charging = charges.all_settings(session)
    contracts = provisioning.load_wanted(session).policies
    content["portals"] = [
        escaped(portal_content(portal, {}))
        | _charges(charging.get(portal.id))
        | _contracts(contracts.get(portal.name))
        | secrets_of("portal", portal.name, fields[owner], variables)
        for portal, owner in zip(portals, owners, strict=True)
    ]
    mapping = mappings.load_mapping(session)
    content["customers"] = _customers(mapping)
    content["products"] = _products(session, mapping)
    if mapping.renames:
        content["renames"] = [
            {"portal": one.portal, "pattern": one.pattern, "product": one.product_key} for one in mapping.renames
        ]
    if mapping.line_choices:
        content["lines"] = _lines(mapping)
    return content


def _charges(stored: charges.StoredSettings | None) -> dict[str, Any]:
    if stored is None:
        return {}
    return {"charges": escaped(stored.settings.model_dump(mode="json", exclude_defaults=True))}


def _contracts(policy: ContractPolicy | None) -> dict[str, Any]:
    if policy is None or policy == ContractPolicy():
        return {}
    told = policy.model_dump(mode="json", exclude_defaults=True)
    if "billed" in told:
        told["billed"] = sorted(told["billed"])
    return {"contracts": escaped(told)}


def secrets_of(kind: str, owner: str, fields: frozenset[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """The secrets of a portal or channel, as the variables they are filled from."""
    if not fields:
        return {}
    stem = re.sub(r"[^A-Z0-9]+", "_", owner.upper()).strip("_") or kind.upper()
    stem = f"P_{stem}" if stem[0].isdigit() else stem
    return {
        "secrets": {
            name: _variable(variables.get(f"{kind}:{owner}:{name}", f"{stem}_{name.upper()}"))
            for name in sorted(fields)
        }
    }


def _variable(name: str) -> str:
    return f"${{{name}}}"


def escaped(value: Any) -> Any:
    """Settings that look like a variable are written so that they are read back as they are."""
    if isinstance(value, dict):
        return {key: escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [escaped(inner) for inner in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _customers(mapping: WorkspaceMapping) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for key, one in sorted(mapping.customers.items()):
        entry: dict[str, Any] = {"portal": key.portal, "customer": key.customer_id}
        if one.ignored is not None:
            entries.append(entry | {"ignore": one.ignored})
        elif one.company_id is not None:
            entries.append(entry | {"company_id": one.company_id})
    return entries


def _products(session: Session, mapping: WorkspaceMapping) -> list[dict[str, Any]]:
    known = mappings.find_products(session)
    variants = Counter((key.portal, key.product_key) for key in known)
    entries = [_rule(rule, variants) for rule in mapping.rules]
    entries += [
        _product(key, variants) | {"ignore": reason} for key, reason in sorted(mapping.ignored_products.items())
    ]
    return entries


def _product(key: ProductKey, variants: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """A product; term and billing frequency are told where they are known, or where they tell it from another."""
    entry = {"portal": key.portal, "product": key.product_key}
    several = variants[key.portal, key.product_key] > 1
    for name in ("term", "billing_frequency"):
        if getattr(key, name) or several:
            entry[name] = getattr(key, name)
    return entry


def _rule(rule: ProductRule, variants: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    named = len(rule.sources) > 1 or rule.formula != SUM
    # A single product that is called after its name, and not after its key, keeps that too.
    named = named or any(source.name != default_name(source.product.product_key) for source in rule.sources)
    sources = [_product(source.product, variants) | ({"name": source.name} if named else {}) for source in rule.sources]
    entry: dict[str, Any] = sources[0] if len(sources) == 1 else {"sources": sources}
    entry |= {f"{rule.item.kind.value}_id": rule.item.id}
    usual = ProductRule(id=0, item=ItemRef(LineKind.SERVICE, 0), sources=())
    for name in ("formula", "minimum", "included", "maximum", "rounding", "match_period", "label"):
        value = getattr(rule, name)
        if value != getattr(usual, name):
            entry[name] = value.value if isinstance(value, Rounding) else plain(value)
    return entry


def plain(value: object) -> object:
    """A number as YAML has it: whole ones without a point, others exactly, as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value


def _lines(mapping: WorkspaceMapping) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for key, line in sorted(mapping.line_choices.items()):
        entry: dict[str, Any] = {"company_id": key.company_id, f"{key.item.kind.value}_id": key.item.id}
        if key.billing_frequency:
            entry["billing_frequency"] = key.billing_frequency
        field = "contract_service_id" if line.kind is LineKind.SERVICE else "contract_service_bundle_id"
        entries.append(entry | {field: line.id})
    return entries
