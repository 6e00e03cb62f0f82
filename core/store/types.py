"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext

from sqlalchemy import JSON, BigInteger, DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

DECIMALS = 6
SCALE = 10**DECIMALS
LARGEST = Decimal(2**63 - 1).scaleb(-DECIMALS)
OPEN_END = datetime(9999, 12, 31, tzinfo=UTC)
"""`valid_to` of an interval that has not ended: makes "as of" one range condition on one index."""


class UTCDateTime(TypeDecorator[datetime]):
    """A UTC instant: aware going in, aware and in UTC coming out (SQLite itself forgets the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal with up to six decimals, kept as a whole number of millionths: exact, sortable, and summed in SQL without floats.

    Refuses (ValueError) what would have to be rounded: `to_millionths` rounds where a rule allows it.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        amount = Decimal(value)
        if not amount.is_finite() or amount.copy_abs() > LARGEST:
            raise ValueError(f"{value} does not fit an exact decimal column")
        with localcontext(prec=60):
            scaled = amount * SCALE
            whole = int(scaled)
            if scaled != whole:
                raise ValueError(f"{value} has more than {DECIMALS} decimals")
        return whole

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        units, rest = divmod(int(value), SCALE)
        return Decimal(units) if not rest else (Decimal(int(value)) / SCALE).normalize()


class JsonDocument(TypeDecorator[object]):
    """JSON that needs no exact bytes (settings, policies, progress): text on SQLite, JSONB on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[object]:
        kind: TypeEngine[object] = JSONB(none_as_null=True) if dialect.name == "postgresql" else JSON(none_as_null=True)
        return dialect.type_descriptor(kind)


def to_millionths(amount: Decimal) -> Decimal:
    """The amount as history keeps it: six decimals, half to even. Only noise of a portal's floats is beyond them."""
    if amount == amount.to_integral_value():
        return amount
    with localcontext(prec=60):
        return amount.quantize(Decimal(1).scaleb(-DECIMALS)).normalize()
