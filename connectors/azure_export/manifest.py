"""The connector `azure_export`: cost exports of Azure and reconciliation files of Partner Center, brought by upload or pick-up."""

from __future__ import annotations

from datetime import datetime

from connectors._kit.contract import ConnectorKind, Feed, Manifest, NoSecrets
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import SettingsError
from core.domain.text import T
from core.domain.usage import Reading


class AzureExport:
    """There is nothing to fetch: the files of an export are brought. `core.files.consumption` reads them by these settings."""

    def __init__(self, portal: str, settings: ConsumptionSettings) -> None:
        self.portal = portal
        self.settings = settings

    def test(self) -> None:
        """Nothing can fail before there is a file."""

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: this portal waits for its files."""
        raise SettingsError(
            T("This portal is fed by files; there is nothing to fetch."),
            place=self.portal,
            remedy=T("Upload a cost export with its manifest.json on the page Consumption."),
            kind="nothing_to_fetch",
        )


MANIFEST = Manifest(
    slug="azure_export",
    name="Azure cost export",
    kind=ConnectorKind.API,
    counts=T("Azure consumption as amounts per customer, from files of Cost Management or Partner Center"),
    connect=lambda portal, settings, _secrets: AzureExport(portal, settings),
    settings=ConsumptionSettings,
    secrets=NoSecrets,
    feed=Feed.PUSH,
    consumption=True,
    guide=(
        T(
            "In the Azure portal, under Cost Management → Exports, make a daily export of actual cost, month to date, as CSV."
        ),
        T("Bring the files of a run together with their manifest.json: as they are, packed with gzip, or in one ZIP."),
        T("A later run of the same month replaces the earlier one; nothing is counted twice."),
    ),
)
