"""How an endpoint of one's own is connected."""

from __future__ import annotations

from connectors._kit.contract import ConnectorKind, Manifest
from connectors.rest.settings import RestSecrets, RestSettings
from connectors.rest.source import RestSource
from core.domain.text import T

MANIFEST = Manifest(
    slug="rest",
    name="REST endpoint",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything an address can tell: licences, seats, devices, usage"),
    settings=RestSettings,
    secrets=RestSecrets,
    connect=RestSource,
    rotating="refresh_token",
    placed=True,
    guide=(
        T("Give the address that answers with your customers, products and quantities, and how to sign in there."),
        T("Fetch an example and click where customer, product and quantity stand. No code is needed."),
        T("Look at the lines on the preview, then let it be read on a schedule like every other portal."),
    ),
)
