"""entityInformation, fields with picklists, user-defined fields (Autotask reference §8.11)."""

from __future__ import annotations

from typing import Any

from connectors.autotask.sandbox.entities import ENTITIES
from connectors.autotask.sandbox.entities.picklists import PICKLISTS
from connectors.autotask.sandbox.errors import RoutingError
from connectors.autotask.sandbox.schema import METADATA_TYPE, EntitySpec, FieldSpec
from connectors.autotask.sandbox.state import State

NO_ACCESS, ALL_RECORDS, SOME_RECORDS = 0, 1, 2


def information(state: State, spec: EntitySpec) -> dict[str, Any]:
    """What can be done with one entity, which of it this user may, and flags."""
    verbs = spec.verbs | (spec.parent.verbs | spec.parent.item_verbs if spec.parent else frozenset())
    can = {
        "Create": "POST" in verbs,
        "Delete": "DELETE" in verbs,
        "Query": "query" in verbs,
        "Update": "PATCH" in verbs,
    }
    return {
        "info": {
            "name": spec.singular,
            **{f"can{what}": able for what, able in can.items()},
            **{f"userAccessFor{what}": _access(state, spec, what.lower(), able) for what, able in can.items()},
            "hasUserDefinedFields": spec.udf_type is not None,
            "supportsWebhookCallouts": spec.name in ("Companies", "Tickets"),
        }
    }


def _access(state: State, spec: EntitySpec, action: str, able: bool) -> int:
    right = f"{spec.name}:{action}"
    if not able or right in state.switches.withheld:
        return NO_ACCESS
    return SOME_RECORDS if right in state.switches.restricted else ALL_RECORDS


def fields(spec: EntitySpec) -> dict[str, Any]:
    """Metadata of every field."""
    return {"fields": [_field(spec, known) for known in spec.fields.values()]}


def _field(spec: EntitySpec, known: FieldSpec) -> dict[str, Any]:
    is_id = known.name == "id"
    return {
        "name": known.name,
        "dataType": METADATA_TYPE[known.type],
        "length": known.length,
        "isRequired": is_id or known.required,
        # create-only fields are told as read-only: such flags are no rules for creating (reference §8.11)
        "isReadOnly": is_id or known.read_only or known.create_only,
        "isQueryable": "query" in spec.verbs,
        "isReference": bool(known.reference),
        "referenceEntityType": ENTITIES[known.reference].singular if known.reference else "",
        "isPickList": bool(known.picklist),
        "picklistValues": _picklist(known.picklist) if known.picklist else None,
        "picklistParentValueField": "",
        "isSupportedWebhookField": False,
    }


def _picklist(name: str) -> list[dict[str, Any]]:
    return [
        {
            "value": str(value),
            "label": label,
            "isDefaultValue": False,
            "sortOrder": number,
            "parentValue": "",
            "isActive": True,
            "isSystem": name not in ("contractCategory", "queue"),
        }
        for number, (value, label) in enumerate(PICKLISTS[name].items(), start=1)
    ]


def user_defined_fields(state: State, spec: EntitySpec) -> dict[str, Any]:
    """The user-defined fields of an entity; 404 for entities without any (seen for some)."""
    if spec.udf_type is None:
        raise RoutingError(404, "This entity has no user-defined fields.")
    found = state.tables["UserDefinedFieldDefinitions"].by("udfType", spec.udf_type)
    return {"fields": [_udf(one) for one in found if one.get("isActive")]}


def _udf(definition: dict[str, Any]) -> dict[str, Any]:
    types = {3: "double", 4: "datetime"}
    return {
        "name": definition["name"],
        "label": definition["name"],
        "type": types.get(definition["dataType"], "string"),
        "length": 0,
        "description": definition.get("description"),
        "isRequired": definition.get("isRequired") or False,
        "isReadOnly": False,
        "isQueryable": True,
        "isReference": False,
        "referenceEntityType": "",
        "isPickList": definition["dataType"] == 5,
        "picklistValues": None,
        "picklistParentValueField": "",
        "defaultValue": definition.get("defaultValue"),
        "isSupportedWebhookField": False,
    }
