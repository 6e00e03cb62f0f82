"""The language of quantities: exact, small, and with errors that say what is allowed (M12)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import InputError
from core.domain.formula import MAX_LENGTH, compile_formula, worked_example

NAMES = ("quantity", "users", "guests")


def result(text: str, **values: int | str) -> Decimal:
    return compile_formula(text, NAMES).evaluate({name: Decimal(value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("quantity", {"quantity": 7}, 7),
        ("ceil(100*1.1)", {}, 110),
        ("max(0, ceil(users * 1.1) - 5)", {"users": 100}, 105),
        ("max(0, ceil(users * 1.1) - 5)", {"users": 3}, 0),
        ("users if users > 3 else 0", {"users": 3}, 0),
        ("users + guests if users >= 3 and not guests == 0 else 1", {"users": 3, "guests": 2}, 5),
        ("round(2.5)", {}, 3),
        ("round(0.125, 2)", {}, "0.13"),
        ("floor(-0.5)", {}, -1),
        ("abs(users - 10)", {"users": 4}, 6),
        ("min(users, guests, 3)", {"users": 9, "guests": 8}, 3),
        ("users // 4 * 4 + users % 4", {"users": 11}, 11),
        ("1_000 + .5 + 1e2", {}, "1100.5"),
        ("(users > 5) * 3", {"users": 6}, 3),
        ("  users\n +1 ", {"users": 1}, 2),
        ("-users", {"users": 1}, -1),
    ],
)
def test_m12_formulas_are_exact(text: str, values: dict[str, int], expected: int | str) -> None:
    assert result(text, **values) == Decimal(expected)


@given(st.integers(0, 10**6), st.decimals(0, 100, places=3))
def test_m12_ceil_is_that_of_exact_arithmetic(users: int, factor: Decimal) -> None:
    value = compile_formula(f"ceil(users * {factor})", NAMES).evaluate({"users": Decimal(users)})
    assert value == (users * factor).to_integral_value(ROUND_CEILING)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user + 1", "position 1: unknown name 'user'; known: guests, quantity, users"),
        ("users + gast", "position 9: unknown name 'gast'"),
        ("users ** 2", "position 7: '**' is not allowed"),
        ("9**9**9", "position 2: '**' is not allowed"),
        ("users << 2", "position 7: '<<' is not allowed"),
        ("~users", "position 1: '~' is not allowed"),
        ("users is users", "position 7: 'is' is not allowed"),
        ("users in users", "position 7: 'in' is not allowed"),
        ("sum(users)", "position 1: unknown function 'sum'; known: abs, ceil, floor, max, min, round"),
        ("__import__('os')", "position 1: unknown function '__import__'"),
        ("users.__class__", "position 1: 'users.__class__' is not allowed"),
        ("[n for n in users]", "position 1: '[n for n in users]' is not allowed"),
        ("(lambda: 1)()", "position 1: unknown function"),
        ("'text' * 5", "position 1: ''text'' is not allowed"),
        ("True", "position 1: 'True' is not allowed"),
        ("1e999", "position 1: '1e999' is not allowed"),
        ("1e99999999", "position 1: '1e99999999' is not allowed"),
        ("99999999999", "position 1: '99999999999' is not allowed"),
        ("f'{users}'", "is not allowed"),
        ("max(*users)", "is not allowed"),
        ("round(users, ndigits=2)", "is not allowed"),
        ("max(1)", "position 1: max takes 2 to 20 values"),
        ("ceil(users", "cannot be read"),
        ("1 +", "position 4 cannot be read"),
        ("users guests", "cannot be read"),
        ("round(users, 9)", "round takes 0 to 6 decimals"),
        ("round(users, guests)", "round takes 0 to 6 decimals"),
        ("", "it is empty"),
        ("users " + "+ 1" * 100, f"longer than {MAX_LENGTH} characters"),
    ],
)
def test_m12_what_is_not_of_the_language_is_named_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        compile_formula(text, NAMES)
    assert words in str(error.value)
    assert error.value.kind == "formula"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("users / (users - users)", "divides by zero"),
        ("users % 0", "divides by zero"),
        ("users // 0", "divides by zero"),
        ("users > 3", "yes or no"),
        ("users * 1000000 * 1000000", "far too large"),
        ("999999999 * 999999999 * 999999999 * 999999999", "far too large"),
    ],
)
def test_m12_what_has_no_result_says_so(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        result(text, users=5)
    assert words in str(error.value)


@given(st.text(alphabet="users()+-*/.,%<>=!0123456789 ifelsmaxcn_'[]{}:^|&~@\n", max_size=60))
def test_any_text_is_a_formula_or_an_input_error(text: str) -> None:
    try:
        value = compile_formula(text, NAMES).evaluate(dict.fromkeys(NAMES, Decimal(3)))
    except InputError as error:
        assert str(error)
    else:
        assert isinstance(value, Decimal)


def test_a_formula_is_parsed_once_and_serves_several_threads() -> None:
    formula = compile_formula("users * 2 + guests", NAMES)
    assert compile_formula("users * 2 + guests", set(NAMES)) is formula
    assert formula.names == {"users", "guests"}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: formula.evaluate({"users": Decimal(n), "guests": Decimal(1)}), range(2000)))
    assert found == [2 * n + 1 for n in range(2000)]


def test_a_worked_example_tells_every_step() -> None:
    steps = worked_example("max(0, ceil(users * 1.1) - 5)", {"users": Decimal(100), "quantity": Decimal(100)})
    assert [str(step) for step in steps] == [
        "users is 100",
        "users * 1.1 = 110.0",
        "ceil(users * 1.1) = 110",
        "ceil(users * 1.1) - 5 = 105",
        "max(0, ceil(users * 1.1) - 5) = 105",
    ]


def test_a_worked_example_takes_the_branch_that_counts() -> None:
    steps = worked_example("users * 2 if users > 5 else 1", {"users": Decimal(3)})
    assert [str(step) for step in steps] == ["users is 3", "users > 5: False", "users * 2 if users > 5 else 1 = 1"]
    with pytest.raises(InputError):
        worked_example("usrs", {"users": Decimal(3)})
