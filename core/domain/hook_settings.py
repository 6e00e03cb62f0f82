"""Settings of the connector `webhook`: who may send, what an event means, and how much is taken."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.domain.hooks import Verification
from core.domain.selection import RecordMapping, compile_path
from core.domain.text import T

MOST_BYTES = 5 * 1024 * 1024


class Holds(StrEnum):
    """What absence from an event that says it is complete proves (M2)."""

    PORTAL = "portal"
    """Everything of the portal is in it."""
    CUSTOMERS = "customers"
    """Everything of the customers it names is in it."""


class WebhookSettings(BaseModel):
    """Field names are those of the workspace file. `mapping` is for bodies of another shape than our own."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    verification: Verification = Field(
        Verification(), title="Signature", description="How the sender shows who it is. Choose the strongest it can do."
    )
    mapping: RecordMapping | None = Field(
        None,
        title="Mapping",
        description="Where customer, product and quantity stand. Empty: our own layout of events.",
    )
    everything: bool = Field(
        False,
        title="Events hold everything",
        description="With a mapping of your own: what is not in an event is gone. Otherwise an event changes only what it names.",
    )
    complete_holds: Holds = Field(
        Holds.PORTAL,
        title="A complete event holds",
        description="Everything of the portal, or everything of the customers that it names.",
    )
    time_path: str = Field(
        "timestamp", title="Time of the event", description="Where the event tells when it was true, such as timestamp."
    )
    allowed_networks: tuple[str, ...] = Field(
        (),
        title="Allowed addresses",
        description="Networks the sender may come from, such as 203.0.113.0/24. Empty: any.",
    )
    most_bytes: int = Field(
        MOST_BYTES,
        ge=1024,
        le=50 * 1024 * 1024,
        title="Largest body (bytes)",
        description="Larger ones are refused while they come in. Usually 5 MB.",
    )
    requests_per_minute: int = Field(
        60, ge=1, le=100_000, title="Requests per minute", description="More are asked to come back later. Usually 60."
    )
    settle_seconds: float = Field(
        3.0,
        ge=0,
        le=600,
        title="Quiet time before a sync (seconds)",
        description="A sync follows when so long no further event came. Usually 3.",
    )
    settle_at_most: float = Field(
        30.0,
        ge=0,
        le=3600,
        title="Longest wait for a sync (seconds)",
        description="However many events come, a sync follows after this time. Usually 30.",
    )
    switched_off: bool = Field(
        False, title="Address switched off", description="Senders are told that the address is gone, and stop."
    )

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(T("{network} is no address and no network.", network=network)) from error
        return networks

    @field_validator("time_path")
    @classmethod
    def _path(cls, path: str) -> str:
        compile_path(path)
        return path
