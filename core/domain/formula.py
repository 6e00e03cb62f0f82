"""A small safe language for quantities: `max(0, ceil(users * 1.1) - 5)`. Everything is `Decimal`: ceil(100 * 1.1) is 110.

A formula is checked once, when it is compiled: afterwards only dividing by zero or a senseless size can go wrong.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from functools import lru_cache
from threading import Lock
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from core.domain.errors import InputError
from core.domain.text import T, Text

MAX_LENGTH = 200
MAX_RESULT = Decimal(10) ** 9
"""No contract line has a milliard units: a larger result is a mistake in the formula."""

ONE = Decimal(1)


def _ceil(value: Decimal) -> Decimal:
    return Decimal(value).quantize(ONE, ROUND_CEILING)


def _floor(value: Decimal) -> Decimal:
    return Decimal(value).quantize(ONE, ROUND_FLOOR)


def _round(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    """Half goes up (away from zero), as people round; `digits` 0 to 6."""
    return Decimal(value).quantize(ONE.scaleb(-int(digits)), ROUND_HALF_UP)


FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (abs, 1, 1),
    "ceil": (_ceil, 1, 1),
    "floor": (_floor, 1, 1),
    "max": (max, 2, 20),
    "min": (min, 2, 20),
    "round": (_round, 1, 2),
}
"""What a formula may call, with the fewest and the most arguments."""

_CALLABLES = {name: function for name, (function, _, _) in FUNCTIONS.items()}

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SYNTAX = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.boolop)


class Formula:
    """A checked formula. `names` are those it really uses. Safe for several threads."""

    def __init__(self, text: str, tree: ast.expr, names: Iterable[str]) -> None:
        self.text = text
        self.names = frozenset(names)
        self._tree = tree
        self._evaluator = SimpleEval(operators=_OPERATORS, functions=_CALLABLES, names={})
        # The evaluator keeps the names of the evaluation that is under way.
        self._one_at_a_time = Lock()

    def evaluate(self, values: Mapping[str, Decimal]) -> Decimal:
        """The result for these quantities; raises InputError where it has none (division by zero, far too large)."""
        if isinstance(self._tree, ast.Name):
            return values[self._tree.id]
        try:
            with self._one_at_a_time:
                self._evaluator.names = values
                result = self._evaluator.eval(self.text, previously_parsed=self._tree)
        except (DecimalException, ZeroDivisionError) as error:
            raise _wrong(self.text, T("it divides by zero or gets too large for these quantities")) from error
        except InvalidExpression as error:
            raise _wrong(self.text, T("it cannot be computed"), detail=str(error)) from error
        if isinstance(result, bool) or not isinstance(result, Decimal):
            raise _wrong(self.text, T("it gives yes or no, not a quantity"))
        if not result.is_finite() or abs(result) > MAX_RESULT:
            raise _wrong(self.text, T("its result is far too large"))
        return result


@lru_cache(maxsize=2048)
def _compile(text: str, names: frozenset[str]) -> Formula:
    if not text.strip():
        raise _wrong(text, T("it is empty; write `quantity` to take the number as it is"))
    if len(text) > MAX_LENGTH:
        raise _wrong(text[:40] + "…", T("it is longer than {limit} characters", limit=MAX_LENGTH))
    source = text.replace("\n", " ").replace("\r", " ")
    stripped = source.lstrip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        position = len(source) - len(stripped) + (getattr(error, "offset", None) or 1)
        raise _wrong(text, T("position {position} cannot be read", position=position)) from error
    used = _check(tree, stripped, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = _number(stripped, node)  # type: ignore[assignment]
    return Formula(stripped, tree, used)


def compile_formula(text: str, names: Iterable[str]) -> Formula:
    """Check a formula over the quantities `names`; raises InputError with the position and what is allowed."""
    return _compile(text, frozenset(names))


def _check(tree: ast.expr, text: str, names: frozenset[str]) -> set[str]:
    """Names the tree uses; raises InputError at the first thing that is not of the language."""
    used: set[str] = set()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if id(node) not in called:
                if node.id not in names:
                    raise _unknown_name(text, node, names)
                used.add(node.id)
        elif isinstance(node, ast.Call):
            _check_call(node, text)
        elif isinstance(node, ast.Constant):
            _check_number(node, text)
        elif not isinstance(node, (*_SYNTAX, ast.expr_context)) and type(node) not in _OPERATORS:
            raise _not_allowed(text, node)
    return used


def _check_call(node: ast.Call, text: str) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name is None or name not in FUNCTIONS:
        problem = T(
            "position {position}: unknown function '{name}'; known: {known}",
            position=node.col_offset + 1,
            name=name or (ast.get_source_segment(text, node.func) or "?"),
            known=", ".join(sorted(FUNCTIONS)),
        )
        raise _wrong(text, problem)
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise _not_allowed(text, node)
    _, fewest, most = FUNCTIONS[name]
    if not fewest <= len(node.args) <= most:
        problem = T(
            "position {position}: {name} takes {fewest} to {most} values",
            position=node.col_offset + 1,
            name=name,
            fewest=fewest,
            most=most,
        )
        raise _wrong(text, problem)
    if name == "round" and len(node.args) == 2:
        digits = node.args[1]
        if not (isinstance(digits, ast.Constant) and type(digits.value) is int and 0 <= digits.value <= 6):
            raise _wrong(text, T("position {position}: round takes 0 to 6 decimals", position=node.col_offset + 1))


def _check_number(node: ast.Constant, text: str) -> None:
    if type(node.value) not in (int, float) or abs(_number(text, node)) > MAX_RESULT:
        raise _not_allowed(text, node)


def _number(text: str, node: ast.Constant) -> Decimal:
    """The number as it is written: Python has already turned 1.1 into a float, its text is still exact."""
    if isinstance(node.value, int):
        return Decimal(node.value)
    return Decimal((ast.get_source_segment(text, node) or repr(node.value)).replace("_", ""))


def _unknown_name(text: str, node: ast.Name, names: frozenset[str]) -> InputError:
    problem = T(
        "position {position}: unknown name '{name}'; known: {known}",
        position=node.col_offset + 1,
        name=node.id,
        known=", ".join(sorted(names)),
    )
    return _wrong(text, problem)


def _not_allowed(text: str, node: ast.AST) -> InputError:
    part = ast.get_source_segment(text, node) or type(node).__name__
    problem = T(
        "position {position}: '{part}' is not allowed; numbers, names, + - * / // %, comparisons, `a if b else c` and {known} are",
        position=getattr(node, "col_offset", 0) + 1,
        part=part,
        known=", ".join(sorted(FUNCTIONS)),
    )
    return _wrong(text, problem)


def _wrong(text: str, problem: Text, *, detail: str = "") -> InputError:
    return InputError(
        T("Formula '{formula}': {problem}.", formula=text, problem=problem), kind="formula", detail=detail, place=""
    )
