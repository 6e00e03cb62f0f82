"""Reads Ingram Micro's marketplace: the shared reading of CloudBlue's SimpleAPI with Ingram's ways to sign in (Ingram §3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from connectors._cloudblue.sign_in import Marketplace, OpenId
from connectors._cloudblue.simple_api import SimpleApi
from core.domain.errors import SettingsError
from core.domain.text import T
from core.domain.usage import Reading

if TYPE_CHECKING:
    from connectors.ingram.manifest import IngramSecrets, IngramSettings

BASE_URL = "https://api.cloud.im/marketplace/eu"
MOVED = T(
    "The marketplace does not answer at this address: use the base URL of the Marketplace API page in the control panel."
)


class Ingram:
    """A reseller's marketplace."""

    def __init__(self, portal: str, settings: IngramSettings, secrets: IngramSecrets) -> None:
        self._portal = portal
        self.market = SimpleApi(
            Marketplace(
                name="Ingram Micro",
                base_url=settings.base_url or BASE_URL,
                marketplace=settings.marketplace,
                user=settings.user,
                password=secrets.password.get_secret_value(),
                subscription_key=secrets.subscription_key.get_secret_value(),
                count_hold=settings.count_hold,
                client_id=settings.client_id,
                openid=_openid(portal, settings, secrets),
                moved=MOVED,
            )
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.market.test()

    def read(self, now: datetime) -> Reading:
        return self.market.read(self._portal, now)


def _openid(portal: str, settings: IngramSettings, secrets: IngramSecrets) -> OpenId | None:
    if settings.sign_in != "openid":
        return None
    needed = {
        "auth_url": settings.auth_url,
        "openid_client": settings.openid_client,
        "openid_secret": secrets.openid_secret.get_secret_value(),
    }
    missing = tuple(name for name, value in needed.items() if not value)
    if missing:
        raise SettingsError(T("Signing in by OpenID still needs: {names}.", names=missing), place=portal)
    return OpenId(*needed.values())
