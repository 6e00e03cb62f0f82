"""What is wrong with settings, field by field, in words: pydantic's findings for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.domain.errors import SettingsError
from core.domain.text import T, Text


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong field. `path` is where it is, from the top of the settings: `policy.increase`, `product_columns.0`."""

    path: str
    message: Text


def problems(model: type[BaseModel], values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Everything that is wrong with `values` as settings of `model`; empty when they are right. Never shows a value."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        return problems_of(error, model)
    return ()


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """A validation error as problems; where a value could be of several kinds and is none, that is told once."""
    found: dict[str, Problem] = {}
    for detail in error.errors(include_input=False, include_url=False):
        path = _path(detail, model)
        found.setdefault(path, Problem(path, _words(detail, model)))
    torn = [path for path in found if path and any(other.startswith(f"{path}.") for other in found)]
    for path in torn:
        found[path] = Problem(path, T("This value does not fit here."))
    return tuple(p for p in found.values() if not any(p.path.startswith(f"{path}.") for path in torn))


def checked(model: type[BaseModel], values: Mapping[str, Any], place: str) -> Any:
    """`values` as an instance of `model`; raises SettingsError that names every wrong field and `place`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        wrong = problems_of(error, model)
    if len(wrong) == 1:
        text = T("The setting {name} is not right: {problem}", name=wrong[0].path or "-", problem=wrong[0].message)
    else:
        told = [T("{name}: {problem}", name=p.path or "-", problem=p.message) for p in wrong]
        all_told = reduce(lambda before, one: T("{before} {one}", before=before, one=one), told)
        text = T("These settings are not right: {problems}", problems=all_told)
    raise SettingsError(text, place=place)


def _path(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """The keys a person typed; pydantic's names of union branches are left out."""
    first, *rest = detail["loc"] or ("",)
    if first not in model.model_fields:
        return str(first)
    branches = ("constrained-", "function-", "dict[", "list[", "tagged-", "is-instance", "lax-or-strict")
    inner = [
        str(p)
        for p in rest
        if isinstance(p, int)
        or (p not in ("str", "int", "bool") and not p.startswith(branches) and not p[:1].isupper())
    ]
    return ".".join([str(first), *inner])


PLAIN: Mapping[str, Text] = {
    "missing": T("This is needed."),
    "string_type": T("A text is needed."),
    "string_too_short": T("A text is needed."),
    "bool_type": T("Only yes or no fits (true or false)."),
    "bool_parsing": T("Only yes or no fits (true or false)."),
    "int_type": T("A whole number is needed."),
    "int_parsing": T("A whole number is needed."),
    "int_from_float": T("A whole number is needed."),
    "list_type": T("A list is needed."),
    "tuple_type": T("A list is needed."),
    "dict_type": T("Names with values are needed here."),
    "model_type": T("Names with values are needed here."),
    "model_attributes_type": T("Names with values are needed here."),
}
"""Words for pydantic's error types that need no value."""


def _words(detail: ErrorDetails, model: type[BaseModel]) -> Text:
    context = detail.get("ctx", {})
    match detail["type"]:
        case plain if plain in PLAIN:
            return PLAIN[plain]
        case "extra_forbidden":
            return _unknown(str(detail["loc"][-1]), _model_around(detail["loc"], model))
        case "enum" | "literal_error":
            return T("Choose one of {choices}.", choices=_choices(context))
        case "value_error":
            cause = context.get("error")
            inner = cause.args[0] if isinstance(cause, ValueError) and cause.args else ""
            return inner if isinstance(inner, Text) else T(str(inner).replace("{", "{{").replace("}", "}}"))
        case "greater_than_equal":
            return T("This must be {least} or more.", least=str(context.get("ge", "")))
        case "less_than_equal":
            return T("This must be {most} or less.", most=str(context.get("le", "")))
        case _:
            return T("This value does not fit: {reason}.", reason=detail["msg"])


def _choices(context: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", "))


def _unknown(name: str, model: type[BaseModel] | None) -> Text:
    known = tuple(sorted(model.model_fields)) if model else ()
    close = get_close_matches(name, known, n=1)
    if close:
        return T("There is no such setting. Is {name} meant?", name=close[0])
    if known:
        return T("There is no such setting. There are: {known}.", known=known)
    return T("There is no such setting here.")


def _model_around(location: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model in which the last part of a location was looked for."""
    here: Any = model
    for part in location[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
        here = _model_in(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _model_in(annotation: Any) -> Any:
    """The first model inside a list, a union or the like; the annotation itself where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if isinstance(found := _model_in(inner), type)), annotation)
