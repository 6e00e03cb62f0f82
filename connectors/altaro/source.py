"""Altaro has three doors; the settings say which (Altaro §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.altaro.billing import Billing
from connectors.altaro.control_panel import ControlPanel
from connectors.altaro.local import Local

if TYPE_CHECKING:
    from connectors.altaro.manifest import AltaroSecrets, AltaroSettings


def connect(portal: str, settings: AltaroSettings, secrets: AltaroSecrets) -> Billing | Local | ControlPanel:
    """The source behind the chosen door. Raises SettingsError where something that it needs is missing."""
    match settings.door:
        case "local":
            return Local(portal, settings, secrets)
        case "control_panel":
            return ControlPanel(portal, settings, secrets)
        case _:
            return Billing(portal, settings, secrets)
