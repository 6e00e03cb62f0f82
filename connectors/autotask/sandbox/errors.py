"""What the sandbox says when it refuses: texts seen on live systems (Autotask reference §6)."""

from __future__ import annotations

POSTED = (
    "Unable to make changes as it would result in the deletion/modification of an already approved and posted "
    "contract period"
)
DUPLICATE_PERIOD = "Attempt to insert duplicate data into contract_service_period."
NO_MATCH = (
    "No message. No matching records found. "
    "The logged in Resource may not have the required permissions to delete the data."
)


class Refusal(Exception):
    """The `errors` body of validation and business rules; `status` None means the switch `validation_status`."""

    def __init__(self, *errors: str, status: int | None = None) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors
        self.status = status


class Malformed(Refusal):
    """JSON or a query that cannot be read; its status is the switch `malformed_status`."""


class RoutingError(Exception):
    """ASP.NET's own answers: `{"Message": ...}` with 404, 405 or 415."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def no_right(action: str) -> Refusal:
    return Refusal(f"The logged in Resource does not have the adequate permissions to {action} this entity type.")


def not_found(path: str) -> RoutingError:
    return RoutingError(404, f"No HTTP resource was found that matches the request URI '{path}'.")


def wrong_verb(method: str) -> RoutingError:
    return RoutingError(405, f"The requested resource does not support http method '{method}'.")


def missing_value(field: str) -> Refusal:
    return Refusal(f"Value does not exist for the required field {field}")


def no_such_field(field: str, entity: str) -> Refusal:
    return Refusal(f"Unable to find {field} in the {entity} Entity.")


def no_such_pick(value: object, field: str) -> Refusal:
    return Refusal(f"Picklist value [{value}] does not exist for {field}.")


def no_such_entity(field: str) -> Refusal:
    return Refusal(f"Value does not reference an existing entity for {field} . ")


def bad_reference(field: str, entity: str) -> Refusal:
    return Refusal(f"Reference value on field: {field} of type: {entity} does not exist or is invalid.")


def outside_contract(entity: str) -> Refusal:
    return Refusal(
        f"{entity} effectiveDate must be between the start date and end date of the Contract referenced by contractID."
    )
