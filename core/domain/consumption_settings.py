"""What is taken of a billing export: chosen once for a portal, kept in the workspace file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AS_USUAL", "BillingFiles", "ConsumptionSettings"]


class BillingFiles(BaseModel):
    """What every portal that reads billing files lets people choose. Field names are those of the workspace file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    metric: Literal["actual", "amortized"] = Field(
        "actual",
        title="Cost",
        description="actual: as invoiced. amortized: reservations and saving plans spread over their term. Runs of the "
        "other one are left out.",
    )
    tags: tuple[str, ...] = Field(
        (),
        title="Tags",
        description="Names of the tags that charges may be split by, one per line; empty: all. Fewer tags make fewer lines.",
    )
    licences: bool = Field(
        False,
        title="Charge licences too",
        description="Lines of a reconciliation file that bill licences become amounts as well. Usually off: licences are "
        "counted as seats.",
    )
    final_after_days: int = Field(
        7,
        ge=0,
        le=60,
        title="Final after (days)",
        description="So many days after its end a month counts as final that has no invoice number yet. Usually 7: from the 8th.",
    )


class ConsumptionSettings(BillingFiles):
    """How the files of a cloud's billing are read."""

    customer: Literal["automatic", "tenant", "subscription", "invoice_section"] = Field(
        "automatic",
        title="Customer is",
        description="What stands for a customer. automatic: the customer tenant where the file has one, else the subscription.",
    )


AS_USUAL = ConsumptionSettings()
