"""A portal that is read from the sample data of another connector (S1-83)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors._kit.contract import ConnectorKind, Manifest, NoSecrets
from core.domain.text import T
from core.domain.usage import Origin, Reading, UsageLine

FOLDER = Path(__file__).resolve().parent.parent


def samples() -> tuple[str, ...]:
    """Connectors that have sample data."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/demo.json")))


def _known(slug: str) -> str:
    if slug not in samples():
        raise ValueError(f"there are: {', '.join(samples())}")
    return slug


class SampleSettings(BaseModel):
    """Field names are those of the workspace file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    of: Annotated[str, AfterValidator(_known)] = Field(
        title="Sample of",
        description="Whose sample data: pax8, duo, datto_rmm … as in the addresses of the connectors' pages.",
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample data of one connector, the same at each reading."""

    portal: str
    of: str

    def test(self) -> None:
        """There is nothing to reach."""

    def read(self, now: datetime) -> Reading:
        records = json.loads((FOLDER / self.of / "demo.json").read_text(encoding="utf-8"))
        lines = tuple(_line(record, self.of, now.date()) for record in records)
        return Reading(portal=self.portal, taken_at=now, lines=lines, notes=(T("This is sample data."),))


def _next(day: int, today: date) -> date:
    """The first date from today on that is this day of a month."""
    if today.day <= day:
        return today.replace(day=day)
    return (today.replace(day=1) + timedelta(days=32)).replace(day=day)


def _line(record: dict[str, Any], of: str, today: date) -> UsageLine:
    """One line. `ends_on_day` is a day of the month (up to 28): the term ends on the next one, so that a sample stays of today."""

    def words(name: str) -> str:
        return str(record.get(name) or "")

    attributes = {name: str(value) for name, value in record.get("attributes", {}).items()}
    if "ends_on_day" in record:
        attributes["commitment_end"] = _next(int(record["ends_on_day"]), today).isoformat()
    return UsageLine(
        customer_id=words("customer_id"),
        customer=words("customer"),
        product_key=words("product_key"),
        product=words("product"),
        quantity=Decimal(str(record["quantity"])),
        unit=words("unit"),
        term=words("term"),
        billing_frequency=words("billing_frequency"),
        subscription_id=words("subscription_id"),
        unit_cost=Decimal(words("unit_cost")) if record.get("unit_cost") else None,
        unit_price=Decimal(words("unit_price")) if record.get("unit_price") else None,
        currency=words("currency"),
        attributes=attributes,
        origin=Origin(f"sample of {of}"),
    )


def _open(portal: str, settings: SampleSettings, _secrets: NoSecrets) -> Sample:
    return Sample(portal, settings.of)


MANIFEST = Manifest(
    slug="sample",
    name="Sample data",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("What a portal of your choice would give, for looking around"),
    settings=SampleSettings,
    connect=_open,
    guide=(
        T("Choose a portal to see what its connector counts, without an account there."),
        T("The customers are those of the sandbox Autotask; nothing here belongs on a real contract."),
    ),
)
