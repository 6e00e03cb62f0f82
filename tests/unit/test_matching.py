"""Suggestions of names: equal after normalisation is exact, everything else is a question (M9, S1-31, S1-32)."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.matching import CLOSE, Suggestion, suggest
from core.domain.names import normalise, repair

COMPANIES = [
    (1, "Café Jansen"),
    (2, "ACME B.V."),
    (3, "Müller AG, Zürich"),
    (4, "J. de Vries & Zonen"),
    (5, "Bakker Transport"),
    (6, "Bakker Advies"),
    (7, "Noordzee Groep"),
]


def best(
    name: str, aliases: dict[str, int] | None = None, companies: list[tuple[int, str]] | None = None
) -> list[Suggestion]:
    return suggest([name], COMPANIES if companies is None else companies, aliases or {})[0]


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Jansen Cafe B.V.", 1),
        ("CAFÉ  JANSEN", 1),
        ("Cafe Jansen NV", 1),
        ("acme", 2),
        ("Acme BV", 2),
        ("Acme b. v.", 2),
        ("Acme, Inc.", 2),
        ("ACME Limited", 2),
        ("Zürich Muller GmbH", 3),
        ("Vries en Zonen, J de", 4),
        ("V.O.F. J. de Vries und Zonen", 4),
        ("Noordzee-Groep", 7),
    ],
)
def test_s1_32_spelling_variants_land_on_the_same_company(name: str, same: int) -> None:
    (found,) = best(name)
    assert (found.id, found.score, found.exact) == (same, 100, True)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Noordzee BV", 7),  # the group may well be another company
        ("Acme Holding BV", 2),
        ("Acme Nederland", 2),
        ("Cafe Janssen", 1),
        ("Muller Zurig", 3),
        ("Noordzeegroep", 7),
        ("MÃ¼ller AG ZÃ¼rich", 3),
    ],
)
def test_m9_what_is_only_alike_is_suggested_never_exact(name: str, first: int) -> None:
    found = best(name)
    assert found[0].id == first
    assert not any(suggestion.exact for suggestion in found)
    assert all(suggestion.score <= CLOSE for suggestion in found)
    assert str(found[0].reason)


def test_m9_two_companies_of_one_name_are_both_suggested_and_none_is_exact() -> None:
    found = best("Acme", companies=[(1, "Acme BV"), (2, "Acme N.V."), (3, "Other")])
    assert [(s.id, s.score, s.exact) for s in found] == [(1, 100, False), (2, 100, False)]


def test_s1_32_a_confirmed_name_is_an_alias() -> None:
    (found,) = best("Old Name Ltd", {"old name": 5})
    assert (found.id, found.exact, str(found.reason)) == (5, True, "linked to this name before")


def test_m9_an_alias_that_contradicts_a_name_leaves_both() -> None:
    found = best("Acme", {"Acme Ltd": 5})
    assert {suggestion.id for suggestion in found} == {2, 5}
    assert not any(suggestion.exact for suggestion in found)


def test_an_alias_of_a_company_that_is_gone_is_nothing() -> None:
    assert best("Old Name", {"Old Name": 99}) == []


def test_nothing_alike_and_nothing_at_all() -> None:
    assert best("Xylofoon Qwerty") == []
    assert best("  ...  ") == []
    assert best("BV", companies=[(1, "B.V.")])[0].exact
    assert suggest([], COMPANIES, {}) == []
    assert suggest(["Acme"], [], {}) == [[]]


def test_the_trail_tells_what_was_done() -> None:
    steps = [str(step) for step in normalise("MÃ¼ller & Co. B.V.").trail]
    assert steps == ["read as Müller & Co. B.V.", "without co, bv", "compared as muller"]


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("MÃ¼ller", "Müller"),
        ("CafÃ©", "Café"),
        ("â€œA Bâ€�", "â€œA Bâ€�"),
        ("Åse", "Åse"),
        ("São", "São"),
        ("Müller", "Müller"),
    ],
)
def test_doubly_encoded_names_are_repaired_and_others_left(broken: str, whole: str) -> None:
    assert repair(broken) == whole


@given(st.text(max_size=40), st.permutations(["holding", "oost", "west", "b.v.", "&"]))
def test_normalising_ignores_case_order_and_legal_form(name: str, words: list[str]) -> None:
    assert normalise(" ".join(words)).form == "holding oost west"
    assert normalise(name) == normalise(name)
    if name.isascii():
        assert normalise(f"  {name.upper()} ").form == normalise(name).form


@given(
    st.lists(st.text(alphabet="abc BV.", max_size=8), max_size=6),
    st.lists(st.text(alphabet="abc BV.", max_size=8), max_size=6),
)
def test_m9_exact_means_the_same_name_and_no_other(names: list[str], companies: list[str]) -> None:
    candidates = list(enumerate(companies))
    for name, found in zip(names, suggest(names, candidates, {}), strict=True):
        same = [number for number, company in candidates if normalise(company).form == normalise(name).form]
        exact = [suggestion.id for suggestion in found if suggestion.exact]
        assert exact == (same if len(same) == 1 and normalise(name).form else [])
        assert len(found) <= 3
        assert len({suggestion.id for suggestion in found}) == len(found)


def test_two_thousand_names_against_two_thousand_companies_are_compared_at_once() -> None:
    """Far from the some 0.2 s it takes, so that a busy machine does not matter; a comparison per pair in Python takes minutes."""
    draw = random.Random(1)
    words = [
        "jansen",
        "bakker",
        "visser",
        "smit",
        "meijer",
        "bos",
        "vos",
        "peters",
        "techniek",
        "bouw",
        "advies",
        "zorg",
    ]
    names = [f"{' '.join(draw.sample(words, 2))} {draw.randint(1, 900)} BV" for _ in range(2000)]
    companies = [(n, f"{' '.join(draw.sample(words, 2))} {draw.randint(1, 900)}") for n in range(2000)]
    begin = time.process_time()
    found = suggest(names, companies, {})
    assert time.process_time() - begin < 5
    assert len(found) == 2000
