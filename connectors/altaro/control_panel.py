"""Door C: the Control Panel API v0, of which only names are known (Altaro §9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey
from connectors._kit.http import Answer, Http
from connectors._kit.paging import Offset
from connectors._kit.reading import ReadingBuilder
from connectors._kit.select import text
from connectors._kit.throttle import Throttle
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.text import T
from core.domain.usage import Reading, Scope

if TYPE_CHECKING:
    from connectors.altaro.manifest import AltaroSecrets, AltaroSettings

BASE_URL = "https://cp.hornetsecurity.com/api/v0"
PAGES = Offset(size=100)


class ControlPanel:
    """The tree of customers below a token's own place."""

    def __init__(self, portal: str, settings: AltaroSettings, secrets: AltaroSecrets) -> None:
        token = secrets.token.get_secret_value()
        if not token:
            raise SettingsError(
                T("With control_panel, {field} is needed.", field="token"), place="token", kind="missing"
            )
        own = settings.header_style == "cp_token"
        self.portal = portal
        self.api = Api(
            http=Http("Hornetsecurity", tls=settings.tls, secrets=[token]),
            base_url=settings.base_url or BASE_URL,
            auth=ApiKey("CP-TOKEN", token) if own else ApiKey("Authorization", token, "Token "),
            headers={"APP-VERSION" if own else "App-ID": settings.app_id} if settings.app_id else {},
            throttle=Throttle(at_once=2, requests=20, seconds=1.0),
            fault=self._fault,
        )

    def test(self) -> None:
        """Raises what is wrong, in words."""
        self.api.get("hierarchy/", limit="1", offset="0")

    def read(self, now: datetime) -> Reading:
        """No quantities: nothing that is absent proves anything. How many places there are is said in the notes."""
        builder = ReadingBuilder(self.portal, now)
        places = {text(one, "id") for one in self.api.all(Call(path="hierarchy/"), PAGES, "hierarchy", key="id")}
        builder.note(
            T(
                "The Control Panel names {count} customers and users and tells no quantities: use a report link.",
                count=len(places),
            )
        )
        return builder.reading(Scope.LINES)

    def _fault(self, answer: Answer) -> RemoteError | None:
        """What the panel says about an error, where it says something (Altaro §9)."""
        if not answer.content.lstrip().startswith(b"{"):
            return None
        body = answer.json()
        told = str(body.get("error_message") or "")[:200] if isinstance(body, Mapping) else ""
        if not told or answer.status == 429 or answer.status >= 500:
            return None
        message = T("Hornetsecurity says: {text}", text=self.api.http.mask(told))
        if answer.status == 401:
            return Unauthorized(message, place=answer.where)
        return RemoteError(message, retryable=False, place=answer.where, status=answer.status)
