"""How StreamOne Ion is connected, and what is counted."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors.td_synnex.source import StreamOneIon
from core.domain.text import T


class StreamOneIonSettings(ConnectorSettings):
    """Field names are those of the workspace file."""

    account_id: str = Field(title="Account number", description="From Ion: Settings → Account information.")
    count_suspended: bool = Field(
        False,
        title="Count suspended subscriptions",
        description="Only active subscriptions count otherwise. The policy `suspended` acts only on those counted.",
    )
    count_trials: bool = Field(False, title="Count trials", description="Trials are left out otherwise.")
    count_usage: bool = Field(
        False, title="Count usage plans", description="Azure plans and alike, which report one licence without a price."
    )
    count_one_time: bool = Field(
        False, title="Count one-off purchases", description="Perpetual software, as products of their own."
    )


class StreamOneIonSecrets(ConnectorSecrets):
    refresh_token: SecretStr = Field(
        title="Refresh token",
        description="Made once in Ion. It changes with each use; ContractBridge keeps the newest. Use it nowhere else.",
    )


MANIFEST = Manifest(
    slug="td_synnex",
    name="TD SYNNEX StreamOne Ion",
    kind=ConnectorKind.API,
    counts=T("Products and seats of all end customers, with term and price"),
    settings=StreamOneIonSettings,
    secrets=StreamOneIonSecrets,
    connect=StreamOneIon,
    rotating="refresh_token",
    guide=(
        T("In Ion, open Settings → Account information; copy the account number."),
        T("Make a refresh token there for API v3, with the longest lifetime you accept."),
        T("Enter both here and nowhere else: a second program that uses the token locks both out."),
    ),
)
