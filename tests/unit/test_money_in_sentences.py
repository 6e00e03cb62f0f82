"""Money in a sentence is read with its cents, in every language, also after it was stored."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text import Money, T
from core.i18n import translate
from core.store.codec import text_from_json, text_to_json

SENTENCE = T("{amount} is more than the limit of {limit}.", amount=Money(Decimal("12.5")), limit=Money(Decimal(1000)))


@pytest.mark.parametrize(
    ("language", "locale", "said"),
    [
        ("en", None, "€12.50 is more than the limit of €1,000.00."),
        ("nl", None, "€\u00a012,50 is meer dan de grens van €\u00a01.000,00."),
        ("en", "de_DE", "12,50\u00a0€ is more than the limit of 1.000,00\u00a0€."),
    ],
)
def test_s1_81_money_in_a_sentence_has_its_cents(language: str, locale: str | None, said: str) -> None:
    assert translate(SENTENCE, language, locale) == said


@pytest.mark.parametrize(
    ("money", "en", "nl"),
    [
        (Money(Decimal("-7"), "USD"), "−US$7.00", "US$\u00a0−7,00"),
        (Money(Decimal("0.0034")), "€0.0034", "€\u00a00,0034"),
        (Money(Decimal("1E+3"), "JPY"), "JP¥1,000", "JP¥\u00a01.000"),
        (Money(Decimal("12.5"), ""), "12.50", "12,50"),
    ],
)
def test_its_decimals_are_those_of_the_currency_or_more(money: Money, en: str, nl: str) -> None:
    text = T("{amount}", amount=money)
    assert (translate(text), translate(text, "nl")) == (en, nl)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.sampled_from(["EUR", "USD", ""]))
def test_it_comes_back_from_the_store_as_it_was(amount: Decimal, currency: str) -> None:
    text = T("{amount} and {several}", amount=Money(amount, currency), several=(Money(amount, currency), "x"))
    again = text_from_json(json.loads(json.dumps(text_to_json(text), sort_keys=True)))
    assert again is not None
    assert (again.values["amount"], str(again)) == (Money(amount, currency), str(text))
