"""Licence statements: on the MSP's paper, on their day, to their addresses, once."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from PIL import Image
from pypdf import PdfReader

from core.domain.errors import InputError
from core.services.context import Context
from core.services.reports import statement as papers
from core.services.reports import statements

from .conftest import ADMIN, OPERATOR, StandingClock


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def logo(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 80), "#0B6375").save(out, kind)
    return out.getvalue()


def test_a_statement_tells_the_customer_what_they_use_and_nothing_else(seeded: Context) -> None:
    papers.save_sender(seeded, ADMIN, "IT Beheer Utrecht", logo())
    pdf = papers.statement(seeded, OPERATOR, 7, date(2026, 11, 20))
    text = " ".join(text_of(pdf).split())
    assert "Licentieoverzicht voor Acme B.V." in text
    assert "Licenties in gebruik op 20-11-2026." in text
    assert "Business Premium 187 182 +5 10-11-2026" in text
    assert "IT Beheer Utrecht" in text
    assert not any(word in text for word in ("SentinelOne", "284,60", "€", "ContractBridge", "Acme 7"))
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == 1
    assert "Licence statement for Acme B.V." in text_of(
        papers.statement(seeded, OPERATOR, 7, date(2026, 11, 20), language="en")
    )


def test_a_statement_of_nobody_is_refused(seeded: Context) -> None:
    with pytest.raises(InputError) as caught:
        papers.statement(seeded, OPERATOR, 8, date(2026, 11, 20))
    assert caught.value.kind == "unknown_company"


@pytest.mark.parametrize("picture", [b"no picture", b"<svg/>", b"x" * 1_000_001])
def test_only_a_picture_is_a_logo(seeded: Context, picture: bytes) -> None:
    with pytest.raises(InputError, match="logo"):
        papers.save_sender(seeded, ADMIN, "MSP", picture)
    papers.save_sender(seeded, ADMIN, "MSP", logo("JPEG"))
    papers.save_sender(seeded, ADMIN, "MSP 2")
    kept = papers.sender(seeded, ADMIN)
    assert (kept.name, kept.logo == logo("JPEG")) == ("MSP 2", True)
    papers.save_sender(seeded, ADMIN, "MSP 2", b"")
    assert papers.sender(seeded, ADMIN).logo == b""


def test_a_statement_is_due_once_a_month(seeded: Context, clock: StandingClock) -> None:
    statements.save_schedule(seeded, OPERATOR, 7, day=25, recipients=["a@acme.nl", " a@acme.nl", "b@acme.nl"])
    assert statements.due(seeded, OPERATOR) == []
    clock.instant = datetime(2026, 11, 27, 9, tzinfo=UTC)
    (one,) = statements.due(seeded, OPERATOR)
    assert (one.day, one.recipients, one.company, one.language) == (
        date(2026, 11, 25), ("a@acme.nl", "b@acme.nl"), "Acme B.V.", "nl",
    )  # fmt: skip
    assert statements.claim(seeded, OPERATOR, one)
    assert not statements.claim(seeded, OPERATOR, one)
    assert statements.due(seeded, OPERATOR) == []
    statements.give_back(seeded, OPERATOR, one)
    assert statements.due(seeded, OPERATOR) == [one]
    assert statements.claim(seeded, OPERATOR, one)
    clock.instant = datetime(2026, 12, 25, 9, tzinfo=UTC)
    assert [due.month for due in statements.due(seeded, OPERATOR)] == [date(2026, 12, 1)]


def test_a_day_that_has_passed_waits_for_the_next_month(seeded: Context, clock: StandingClock) -> None:
    statements.save_schedule(seeded, OPERATOR, 7, day=3, recipients=["a@acme.nl"])
    assert statements.due(seeded, OPERATOR) == []
    clock.instant = datetime(2026, 12, 3, 9, tzinfo=UTC)
    assert len(statements.due(seeded, OPERATOR)) == 1
    statements.save_schedule(seeded, OPERATOR, 7, day=statements.LAST_DAY, recipients=["a@acme.nl"])
    assert statements.due(seeded, OPERATOR) == []
    clock.instant = datetime(2026, 12, 31, 9, tzinfo=UTC)
    assert [one.day for one in statements.due(seeded, OPERATOR)] == [date(2026, 12, 31)]
    statements.save_schedule(seeded, OPERATOR, 7, day=28, recipients=["a@acme.nl"], enabled=False)
    assert statements.due(seeded, OPERATOR) == []
    statements.remove_schedule(seeded, OPERATOR, 7)
    assert statements.schedules(seeded, OPERATOR) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"day": 29}, "day"),
        ({"day": -1}, "day"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["no address"]}, "recipients"),
        ({"recipients": ["a@b.nl\r\nBcc: x@y.nl"]}, "recipients"),
        ({"language": "xx"}, "language"),
        ({"company_id": 99}, "unknown_company"),
    ],
)
def test_what_cannot_be_sent_is_refused(seeded: Context, changes: dict, kind: str) -> None:
    values = {"company_id": 7, "day": 1, "recipients": ["a@acme.nl"]} | changes
    with pytest.raises(InputError) as caught:
        statements.save_schedule(seeded, OPERATOR, values.pop("company_id"), **values)
    assert caught.value.kind == kind
