"""What is needed to reach one Autotask tenant, and how hard it may be used."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AutotaskLimits(BaseModel):
    """How much of Autotask's shared budget we take (Autotask reference §5). Seconds, counts and shares between 0 and 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_flight: Annotated[int, Field(ge=1, le=3)] = 2
    """Requests at the same time per entity: Autotask allows 3 and frees a slot a little after it answered."""
    slot_linger: Annotated[float, Field(ge=0, le=1)] = 0.02
    """So long a place counts as taken after its answer."""
    page_size: Annotated[int, Field(ge=1, le=500)] = 500
    ids_per_query: Annotated[int, Field(ge=1, le=500)] = 500
    pages_per_cursor: Annotated[int, Field(ge=1)] = 50
    """Autotask keeps the last 50 pages of a query; then reading goes on by id."""
    hourly_limit: Annotated[int, Field(ge=1)] = 10_000
    """Until Autotask tells its own figure."""
    slow_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """From this share of the hourly limit on, bulk reads pause before each request."""
    refuse_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """From this share on, bulk reads are refused; writes and their verification go on."""
    slow_pause: Annotated[float, Field(ge=0)] = 1.0
    ask_every: Annotated[int, Field(ge=1)] = 300
    """After so many own requests Autotask is asked how much of the limit all integrations have used."""
    attempts: Annotated[int, Field(ge=1)] = 5
    first_wait: Annotated[float, Field(ge=0)] = 0.5
    longest_wait: Annotated[float, Field(ge=0)] = 30.0
    total_wait: Annotated[float, Field(ge=0)] = 180.0
    connect_timeout: Annotated[float, Field(gt=0)] = 30.0
    """Cold connections to a zone can take more than 10 s (reference §10.17)."""
    read_timeout: Annotated[float, Field(gt=0)] = 120.0


class AutotaskSettings(BaseModel):
    """The connection. `base_url` (`https://webservices19.autotask.net/ATServicesRest/`) skips the search for the zone."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    user_name: Annotated[str, Field(min_length=1)]
    secret: SecretStr
    integration_code: SecretStr
    base_url: str = ""
    discovery_url: str = "https://webservices.autotask.net/ATServicesRest/"
    ca: str = ""
    """PEM text or path of an authority to trust besides the public ones (a proxy that inspects traffic)."""
    pinned_certificate: str = ""
    """PEM text or path of the one certificate to trust instead."""
    limits: AutotaskLimits = AutotaskLimits()

    @property
    def secrets(self) -> tuple[str, str]:
        """Values that must never be seen."""
        return self.secret.get_secret_value(), self.integration_code.get_secret_value()
