"""A small safe language for quantities: `max(0, ceil(users * 1.1) - 5)`. Everything is `Decimal`: ceil(100 * 1.1) is 110.

A formula is checked once, when it is compiled: afterwards only dividing by zero or a senseless size can go wrong.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
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
_PARTS = (ast.BoolOp, ast.IfExp, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)
"""What else a tree may hold; operators are checked where they are used, because they have no place of their own."""

_SIGN = re.compile(r"\*\*|//|<<|>>|is\s+not|not\s+in|is|in|[-+*/%@&|^~<>=!]+")


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
        result = self._value(self._tree, values)
        if isinstance(result, bool):
            raise _wrong(self.text, T("it gives yes or no, not a quantity"))
        return result

    def steps(self, values: Mapping[str, Decimal]) -> tuple[Text, ...]:
        """How the result comes about, from the inside out; only the branch that counts. Raises InputError as `evaluate` does."""
        told = [T("{name} is {quantity}", name=name, quantity=values[name]) for name in sorted(self.names)]
        for node in _inside_out(self._tree, lambda test: bool(self._value(test, values))):
            part, value = ast.get_source_segment(self.text, node), self._value(node, values)
            if isinstance(value, bool):
                told.append(T("{part}: {value}", part=part, value=value))
            else:
                told.append(T("{formula} = {result}", formula=part, result=value))
        return tuple(told)

    def _value(self, node: ast.expr, values: Mapping[str, Decimal]) -> Decimal | bool:
        try:
            with self._one_at_a_time:
                self._evaluator.names = values
                result = self._evaluator.eval(self.text, previously_parsed=node)
        except (DecimalException, ZeroDivisionError) as error:
            raise _wrong(self.text, T("it divides by zero or gets too large for these quantities")) from error
        except InvalidExpression as error:
            raise _wrong(self.text, T("it cannot be computed"), detail=str(error)) from error
        if isinstance(result, bool):
            return result
        number = Decimal(result)
        if not number.is_finite() or number.copy_abs() > MAX_RESULT:
            raise _wrong(self.text, T("its result is far too large"))
        return number


def worked_example(text: str, values: Mapping[str, Decimal]) -> tuple[Text, ...]:
    """The formula worked out step by step for these quantities, for the editor; raises InputError."""
    formula = compile_formula(text, values)
    formula.evaluate(values)
    return formula.steps(values)


def _inside_out(node: ast.expr, holds: Callable[[ast.expr], bool]) -> Iterator[ast.expr]:
    """The parts of a formula that have a value of their own, each after what it is made of."""
    if isinstance(node, ast.IfExp):
        yield from _inside_out(node.test, holds)
        yield from _inside_out(node.body if holds(node.test) else node.orelse, holds)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from _inside_out(argument, holds)
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _inside_out(child, holds)
    if not isinstance(node, ast.Name | ast.Constant):
        yield node


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
        position = len(source) - len(stripped) + (getattr(error, "offset", None) or len(stripped) + 1)
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
        elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
            _check_operators(node, text)
        elif isinstance(node, ast.Call):
            _check_call(node, text)
        elif isinstance(node, ast.Constant):
            _check_number(node, text)
        elif not isinstance(node, _PARTS):
            raise _not_allowed(text, _position(text, node), ast.get_source_segment(text, node) or type(node).__name__)
    return used


def _check_call(node: ast.Call, text: str) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name is None or name not in FUNCTIONS:
        problem = T(
            "position {position}: unknown function '{name}'; known: {known}",
            position=_position(text, node),
            name=name or (ast.get_source_segment(text, node.func) or "?"),
            known=", ".join(sorted(FUNCTIONS)),
        )
        raise _wrong(text, problem)
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise _not_allowed(text, _position(text, node), ast.get_source_segment(text, node) or name)
    _, fewest, most = FUNCTIONS[name]
    if not fewest <= len(node.args) <= most:
        problem = T(
            "position {position}: {name} takes {fewest} to {most} values",
            position=_position(text, node),
            name=name,
            fewest=fewest,
            most=most,
        )
        raise _wrong(text, problem)
    if name == "round" and len(node.args) == 2:
        digits = node.args[1]
        if not (isinstance(digits, ast.Constant) and type(digits.value) is int and 0 <= digits.value <= 6):
            raise _wrong(text, T("position {position}: round takes 0 to 6 decimals", position=_position(text, node)))


def _check_operators(node: ast.BinOp | ast.UnaryOp | ast.Compare, text: str) -> None:
    operators = node.ops if isinstance(node, ast.Compare) else [node.op]
    for place, used in enumerate(operators):
        if type(used) not in _OPERATORS:
            start = _characters(text, _before_operator(node, place))
            sign = _SIGN.search(text, start)
            raise _not_allowed(
                text, (sign.start() if sign else start) + 1, sign.group() if sign else type(used).__name__
            )


def _before_operator(node: ast.BinOp | ast.UnaryOp | ast.Compare, place: int) -> int:
    match node:
        case ast.UnaryOp():
            return node.col_offset
        case ast.BinOp():
            return node.left.end_col_offset or 0
        case ast.Compare():
            return [node.left, *node.comparators][place].end_col_offset or 0


def _check_number(node: ast.Constant, text: str) -> None:
    if type(node.value) not in (int, float) or _number(text, node).copy_abs() > MAX_RESULT:
        raise _not_allowed(text, _position(text, node), ast.get_source_segment(text, node) or "?")


def _number(text: str, node: ast.Constant) -> Decimal:
    """The number as it is written: Python has already turned 1.1 into a float, its text is still exact."""
    if isinstance(node.value, int):
        return Decimal(node.value)
    try:
        return Decimal((ast.get_source_segment(text, node) or repr(node.value)).replace("_", ""))
    except DecimalException as error:
        raise _wrong(text, T("its result is far too large")) from error


def _unknown_name(text: str, node: ast.Name, names: frozenset[str]) -> InputError:
    problem = T(
        "position {position}: unknown name '{name}'; known: {known}",
        position=_position(text, node),
        name=node.id,
        known=", ".join(sorted(names)),
    )
    return _wrong(text, problem)


def _not_allowed(text: str, position: int, part: str) -> InputError:
    problem = T(
        "position {position}: '{part}' is not allowed; numbers, names, + - * / // %, comparisons, `a if b else c` and {known} are",
        position=position,
        part=part,
        known=", ".join(sorted(FUNCTIONS)),
    )
    return _wrong(text, problem)


def _position(text: str, node: ast.AST) -> int:
    """Where the part begins, counted from 1."""
    return _characters(text, getattr(node, "col_offset", 0)) + 1


def _characters(text: str, offset: int) -> int:
    """Python counts bytes; people count characters."""
    return len(text.encode()[:offset].decode(errors="ignore"))


def _wrong(text: str, problem: Text, *, detail: str = "") -> InputError:
    return InputError(
        T("Formula '{formula}': {problem}.", formula=text, problem=problem), kind="formula", detail=detail
    )
