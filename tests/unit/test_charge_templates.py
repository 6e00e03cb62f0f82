"""Names and descriptions of charges: fixed text, variables, or both; nothing is evaluated (S1-63, S1-64)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.charges.template import NAME_LENGTH, VARIABLES, check, facts, preview, render
from core.domain.consumption import ConsumptionLine
from core.domain.errors import InputError
from tests.looking import tries

LINE = ConsumptionLine(
    customer_id="1", customer="Acme\nB.V.", resource_key="vm", resource="ERP server", amount=Decimal("284.6"), currency="EUR",
    period_start=date(2026, 10, 1), period_end=date(2026, 10, 31), quantity=Decimal(744), unit="hours",
    dimensions={"subscription": "Productie", "resource_group": "rg-erp", "tag:project": "Ärger", "product_type": "usage"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("template", "language", "text"),
    [
        ("Azure consumption October", "nl", "Azure consumption October"),
        ("{month} {year}", "nl", "oktober 2026"),
        ("{month|capital} {year}", "en", "October 2026"),
        ("{quantity}", "nl", "744 uur"),
        ("{quantity}", "en", "744 hours"),
        ("{resource}: {period}", "nl", "ERP server: 01-10/31-10"),
        ("{customer}", "nl", "Acme B.V."),
        ("{tag:Project|upper}/{resource_group}/{subscription}", "nl", "ÄRGER/rg-erp/Productie"),
        ("{tag:other}-", "nl", "-"),
        ("{{x}} {amount} {currency}", "nl", "{x} 284,60 EUR"),
        ("{resource|cut 5}", "nl", "ERP…"),
        ("a\\nb", "nl", "a\nb"),
        ("{product}", "nl", "Verbruik"),
    ],
)
def test_s1_64_templates(template: str, language: str, text: str) -> None:
    assert preview(template, LINE, language).text == text


def test_quantities_read_as_people_write_them() -> None:
    from core.domain.charges.language import quantity_words

    assert quantity_words(Decimal("4.2"), "TB", "nl") == "4,2 TB"
    assert quantity_words(Decimal("4.2"), "TB", "en") == "4.2 TB"
    assert quantity_words(Decimal("12500.5"), "GB", "nl") == "12.500,5 GB"
    assert quantity_words(Decimal(24), "1 Hour", "nl") == "24 uur"
    assert quantity_words(Decimal("3.5"), "1 GB/Month", "nl") == "3,5 GB/maand"
    assert quantity_words(Decimal(3), "100 Hours", "en") == "3 × 100 hours"
    assert quantity_words(None, "GB", "nl") == ""


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("x {nope}", 3),
        ("{", 1),
        ("ab}", 3),
        ("{month|shout}", 1),
        ("{month|cut}", 1),
        ("{month|cut x}", 1),
        ("{}", 1),
        ("{a.b}", 1),
    ],
)
def test_a_wrong_template_says_where(template: str, place: int) -> None:
    with pytest.raises(InputError, match=f"character {place}"):
        check(template)


def test_names_are_one_line_and_cut_at_autotasks_length() -> None:
    long = render("{customer}\\n{lines}" + "x" * 200, facts((LINE,), "nl"), limit=NAME_LENGTH)
    assert (len(long.text), long.too_long, "\n" in long.text) == (NAME_LENGTH, True, False)


@given(st.text(max_size=60))
@tries(150)
def test_any_text_is_a_template_or_an_error_in_words(text: str) -> None:
    try:
        shown = preview(text, LINE)
    except InputError as error:
        assert error.kind == "template"
    else:
        assert len(shown.text) <= shown.limit


@given(st.text(max_size=30))
@tries(60)
def test_values_never_bring_variables_or_lines_of_their_own(name: str) -> None:
    from dataclasses import replace

    values = facts((replace(LINE, resource=name + "{month}\r\nx"),), "nl")
    shown = render("{resource}", values).text
    assert "\n" not in shown
    assert "oktober" not in shown
    assert set(values) >= set(VARIABLES)
