"""E-mail through Microsoft Graph (`sendMail`): the way for Microsoft 365 mailboxes (alerts reference §B3)."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from core.domain.errors import OutcomeUnknown, RateLimited, RemoteError, SettingsError
from core.domain.notice import Delivery, Notice
from core.domain.posting import Post, Posted
from core.domain.text import T
from core.notify.mail import html_of, subject_of, without_attachments
from core.notify.tokens import ClientCredentials
from core.notify.wording import Wording, one_line

SCOPE = "https://graph.microsoft.com/.default"
MOST_ATTACHED = 3_000_000
"""Bytes of all attachments: a request may have 4 MB, base64 makes four bytes of three."""


class GraphSettings(BaseModel):
    """A mailbox of Microsoft 365; the client secret is kept apart. Needs the application permission Mail.Send."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    tenant: str = Field(title="Tenant", description="The Microsoft tenant, by its id or domain.")
    client_id: str = Field(
        title="Client id", description="The app registration with the application permission Mail.Send."
    )
    mailbox: str = Field(title="Mailbox", description="The address that mail is sent from: alerts@example.com")
    base_url: str = Field(
        "", title="Address", description="Only for a proxy, a sovereign cloud or a test server. Usually empty."
    )
    auth_url: str = Field(
        "", title="Sign-in address", description="Only for a sovereign cloud or a test server. Usually empty."
    )

    @property
    def token_url(self) -> str:
        """Microsoft's token endpoint of the tenant."""
        return f"{(self.auth_url or 'https://login.microsoftonline.com').rstrip('/')}/{quote(self.tenant)}/oauth2/v2.0/token"


class GraphChannel:
    """Sends as one mailbox to all recipients, in To."""

    def __init__(
        self, settings: GraphSettings, recipients: tuple[str, ...], words: Wording, *, post: Post, client_secret: str
    ) -> None:
        self._settings = settings
        self._recipients = recipients
        self._words = words
        self._post = post
        self._tokens = ClientCredentials(post, settings.token_url, settings.client_id, client_secret, SCOPE)

    def send(self, notice: Notice, message_id: str) -> Delivery:
        """Hand the mail to Microsoft, which accepts it and delivers later. A token that is refused is renewed once."""
        if sum(len(part.content) for part in notice.attachments) > MOST_ATTACHED:
            notice = without_attachments(notice)
        body = json.dumps(self._message(notice, message_id)).encode()
        answer = self._exchange(body, renewed=False)
        if answer.status == 401:
            answer = self._exchange(body, renewed=True)
        if answer.status == 202:
            return Delivery(reference=answer.headers.get("request-id", ""))
        if answer.status == 413 and notice.attachments:
            return self.send(without_attachments(notice), message_id)
        raise self._refused(answer)

    def _message(self, notice: Notice, message_id: str) -> dict[str, object]:
        headers = [{"name": "x-contractbridge-message", "value": message_id}]
        if notice.run is not None:
            headers.append({"name": "x-contractbridge-run", "value": str(notice.run)})
        return {
            "message": {
                "subject": subject_of(notice, self._words),
                "body": {"contentType": "HTML", "content": html_of(notice, self._words)},
                "toRecipients": [{"emailAddress": {"address": address}} for address in self._recipients],
                "internetMessageHeaders": headers,
                "attachments": [
                    {
                        "@odata.type": "#microsoft.graph.fileAttachment",
                        "name": one_line(part.name),
                        "contentType": part.media_type,
                        "contentBytes": base64.b64encode(part.content).decode(),
                    }
                    for part in notice.attachments
                ],
            },
            "saveToSentItems": False,
        }

    def _exchange(self, body: bytes, *, renewed: bool) -> Posted:
        base = (self._settings.base_url or "https://graph.microsoft.com/v1.0").rstrip("/")
        headers = {
            "Authorization": f"Bearer {self._tokens.token(renewed=renewed)}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        try:
            return self._post(f"{base}/users/{quote(self._settings.mailbox)}/sendMail", headers, body)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(
                T("Microsoft did not answer; the mail may have been sent."), detail=error.detail
            ) from error

    def _refused(self, answer: Posted) -> RemoteError | SettingsError:
        code, said = answer.error()
        if answer.status == 429 or (answer.status in (503, 504) and answer.retry_after is not None):
            return RateLimited(T("Microsoft takes no more mail at the moment."), retry_after=answer.retry_after)
        if answer.status >= 500:
            return RemoteError(
                T("Microsoft's mail service does not work at the moment."),
                retryable=True,
                detail=said[:200],
                status=answer.status,
            )
        if code == "ErrorSendAsDenied":
            return SettingsError(
                T("The app may not send as {mailbox}.", mailbox=self._settings.mailbox),
                remedy=T("Use the address of the mailbox itself."), detail=said[:200], kind=code,
            )  # fmt: skip
        if answer.status == 403:
            return SettingsError(
                T("Microsoft refuses to send mail from {mailbox}.", mailbox=self._settings.mailbox),
                remedy=T(
                    "Give the app the application permission Mail.Send with admin consent, and put this mailbox in the scope it is "
                    "restricted to."
                ),
                detail=said[:200], kind=code or "forbidden",
            )  # fmt: skip
        if answer.status == 404:
            return SettingsError(
                T("The mailbox {mailbox} does not exist or has no Exchange licence.", mailbox=self._settings.mailbox),
                remedy=T("Check the address of the mailbox."), detail=said[:200], kind=code or "no_mailbox",
            )  # fmt: skip
        if answer.status == 401:
            return SettingsError(
                T("Microsoft does not accept the sign-in of the notification channel."),
                remedy=T("Check tenant, client id and client secret; the secret may have expired."), kind="sign_in",
            )  # fmt: skip
        return RemoteError(
            T("Microsoft did not take the mail ({reason}).", reason=code or str(answer.status)),
            retryable=False, detail=said[:200], kind="refused", status=answer.status,
        )  # fmt: skip
