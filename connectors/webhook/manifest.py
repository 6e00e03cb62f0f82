"""The connector `webhook`: a portal that sends its numbers itself, to an address of its own (S1-58)."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Feed, Manifest
from core.domain.errors import SettingsError
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import check_secret
from core.domain.text import T
from core.domain.usage import Reading


class WebhookSecrets(ConnectorSecrets):
    """What sender and receiver share."""

    secret: SecretStr = Field(
        SecretStr(""),
        title="Secret",
        description="What the sender signs with, the key in its header, or its password. Empty where the address alone counts.",
    )


class WebhookSource:
    """There is nothing to fetch: events come by themselves."""

    def __init__(self, portal: str, settings: WebhookSettings, secrets: WebhookSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self.secrets = secrets

    def test(self) -> None:
        """Raises SettingsError when the secret does not fit the way of signing."""
        wrong = check_secret(self.settings.verification, self.secrets.secret.get_secret_value())
        if wrong is not None:
            raise SettingsError(wrong, place=self.portal, kind="secret")

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: this portal waits for its events."""
        raise SettingsError(
            T("This portal is fed by webhooks; there is nothing to fetch."),
            place=self.portal,
            remedy=T("Let the sender post to its address: the page Portals and the command portal hook make one."),
            kind="nothing_to_fetch",
        )


MANIFEST = Manifest(
    slug="webhook",
    name="Webhook",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything a portal or script sends by itself, as soon as it changes."),
    connect=WebhookSource,
    settings=WebhookSettings,
    secrets=WebhookSecrets,
    feed=Feed.PUSH,
    guide=(
        T("Choose how the sender signs. Standard Webhooks is best; many portals sign the body with a shared secret."),
        T("Enter the secret that the sender shows, or make one up and give it to the sender."),
        T("Copy the address: it is shown once. Give it to the sender, and let it send a test."),
        T(
            "If its events look different from ours, map one: paste its body and point at customer, product and quantity."
        ),
    ),
)
