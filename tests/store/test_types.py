"""Column types mean the same on both engines: exact decimals, aware instants, JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, func, select
from sqlalchemy.exc import StatementError

from core.store.db import Database
from core.store.types import LARGEST, ExactDecimal, JsonDocument, UTCDateTime, to_millionths
from tests.looking import tries

VALUES = Table(
    "values_of_a_test",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("amount", ExactDecimal),
    Column("at", UTCDateTime),
    Column("data", JsonDocument),
)
on_database = tries(25)
amounts = st.decimals(min_value=-LARGEST, max_value=LARGEST, places=6, allow_nan=False, allow_infinity=False)
instants = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(9998, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))]),
)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé"), inner),
    max_leaves=8,
)


@pytest.fixture
def kept(database: Database) -> Database:
    VALUES.metadata.create_all(database.engine)
    return database


def round_trip(database: Database, **values: object) -> tuple[object, ...]:
    with database.write() as session:
        session.execute(VALUES.delete())
        session.execute(VALUES.insert().values(**values))
    with database.session() as session:
        return tuple(session.execute(select(*(VALUES.c[name] for name in values))).one())


@on_database
@given(amount=amounts)
def test_m12_decimals_come_back_exactly(kept: Database, amount: Decimal) -> None:
    assert round_trip(kept, amount=amount) == (amount,)


@on_database
@given(at=instants)
def test_instants_come_back_aware_and_in_utc(kept: Database, at: datetime) -> None:
    (found,) = round_trip(kept, at=at)
    assert isinstance(found, datetime)
    assert found == at
    assert found.utcoffset() == timedelta(0)


@on_database
@given(data=documents)
def test_json_comes_back_equal(kept: Database, data: object) -> None:
    assert round_trip(kept, data=data) == (data,)


def test_m12_sums_in_sql_have_no_float_noise(kept: Database) -> None:
    with kept.write() as session:
        session.execute(VALUES.insert(), [{"amount": Decimal("0.1")}] * 3 + [{"amount": Decimal("1e12")}])
        total = session.execute(select(func.sum(VALUES.c.amount))).scalar_one()
        small = session.execute(select(func.count()).where(VALUES.c.amount < Decimal("0.2"))).scalar_one()
    assert total == Decimal("1000000000000.3")
    assert small == 3


@pytest.mark.parametrize("amount", [Decimal("0.0000001"), LARGEST + 1, Decimal("NaN"), Decimal("Infinity")])
def test_m12_what_would_be_rounded_is_refused(kept: Database, amount: Decimal) -> None:
    with pytest.raises(StatementError):
        round_trip(kept, amount=amount)


def test_an_instant_without_a_zone_is_refused(kept: Database) -> None:
    with pytest.raises(StatementError):
        round_trip(kept, at=datetime(2026, 10, 1))


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False))
def test_millionths_are_the_nearest_and_fit(amount: Decimal) -> None:
    rounded = to_millionths(amount)
    assert abs(rounded - amount) <= Decimal("0.0000005")
    assert rounded * 10**6 == int(rounded * 10**6)
