"""Text of broken exports can be kept: no NUL, no halves of characters, the same on both engines."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from core.domain.plan import Plan
from core.domain.text import T
from core.domain.usage import Reading
from core.store import audit, history, plans, workspace
from core.store.audit import Audited
from core.store.cleaning import clean, clean_json, clean_reading
from core.store.db import Database
from core.store.portals import Portal
from tests.store.conftest import NOW
from tests.store.test_history import line, reading, record

BROKEN = "a\x00b\ud800c\\u0000"
KEPT = "a\ufffdb\ufffdc\\u0000"


def test_a_reading_with_broken_text_is_recorded_once(database: Database, portal: Portal) -> None:
    broken = reading(
        line(BROKEN, BROKEN, 3, product=BROKEN, attributes={"note": BROKEN}),
        failed_customers={"other" + BROKEN: T("Why: {why}", why=BROKEN)},
    )
    assert record(database, portal, broken).new == 1
    assert record(database, portal, broken).unchanged == 1
    with database.session() as session:
        (found,) = history.known_lines(session)[portal.id]
        assert found.usage.customer_id == found.usage.product == found.usage.attributes["note"] == KEPT


def test_audit_settings_and_plans_take_broken_text(database: Database) -> None:
    with database.write() as session:
        workspace.put(session, {"a": {BROKEN: [BROKEN]}})
        assert workspace.get(session, "a") == {KEPT: [KEPT]}
        plans.save(session, Plan(date(2026, 10, 1), (), ()), NOW)
        audit.append(session, NOW, [Audited(actor=BROKEN, event="test.done", subject=BROKEN, after={"x": BROKEN})])
        assert audit.verify(session).ok


def test_a_clean_reading_is_left_as_it_is() -> None:
    given_reading: Reading = reading(line("acme", "é", 1))
    assert clean_reading(given_reading) is given_reading


@given(st.text())
def test_clean_text_stays(text: str) -> None:
    kept = clean(text)
    assert (kept == text) == ("\x00" not in text)
    assert json.loads(clean_json([text])) == [kept]
