"""E-mail over SMTP: encrypted before anything is said, and each recipient told apart (alerts reference §B1)."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.domain.errors import ContractBridgeError, OutcomeUnknown, RemoteError, SettingsError
from core.domain.notice import Delivery, Notice, Refusal
from core.domain.text import T, Text
from core.notify.mail import message, without_attachments
from core.notify.wording import Wording

SECONDS = 30.0
TOO_LARGE = "too_large"
NAME_DIFFERS = (62, 64)
"""OpenSSL's codes for a certificate whose host name or address is another one."""


class SmtpSettings(BaseModel):
    """How mail is sent. The password or the client secret is kept apart."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    host: str = Field(title="Server", description="Name of the mail server: smtp.example.com")
    port: int = Field(
        587, ge=1, le=65535, title="Port", description="587 with STARTTLS, 465 with TLS from the start, 25 for a relay."
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        title="Encryption",
        description="None is only for a relay inside your own network, without a password.",
    )
    sender: str = Field(title="From address", description="Usually the mailbox that signs in.")
    sender_name: str = Field("ContractBridge", title="From name", description="What people see as the sender.")
    sign_in: Literal["none", "password", "oauth"] = Field(
        "password",
        title="Signing in",
        description="OAuth for Microsoft 365 mailboxes whose password sign-in is switched off.",
    )
    user: str = Field("", title="User name", description="Often the from address.")
    tenant: str = Field("", title="Tenant", description="For OAuth: the Microsoft tenant, by its id or domain.")
    client_id: str = Field("", title="Client id", description="For OAuth: the app registration.")
    auth_url: str = Field(
        "", title="Sign-in address", description="Only for a sovereign cloud or a test server. Usually empty."
    )
    ca_certificate: str = Field(
        "",
        title="Certificate authority",
        description="PEM text of the authority behind the server's certificate, if it is not a public one.",
    )

    @model_validator(mode="after")
    def _never_in_clear(self) -> SmtpSettings:
        if self.security == "none" and self.sign_in != "none":
            raise ValueError("Without encryption nobody signs in: choose STARTTLS or TLS.")
        if self.sign_in == "oauth" and not (self.tenant and self.client_id):
            raise ValueError("OAuth needs a tenant and a client id.")
        return self

    @property
    def token_url(self) -> str:
        """Microsoft's token endpoint of the tenant."""
        return f"{(self.auth_url or 'https://login.microsoftonline.com').rstrip('/')}/{self.tenant}/oauth2/v2.0/token"


OAUTH_SCOPE = "https://outlook.office365.com/.default"


class SmtpChannel:
    """`secret` gives the password, or with OAuth a token. All recipients stand in one mail, in To."""

    def __init__(
        self,
        settings: SmtpSettings,
        recipients: tuple[str, ...],
        words: Wording,
        *,
        secret: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._recipients = recipients
        self._words = words
        self._secret = secret
        self._now = now

    def send(self, notice: Notice, message_id: str) -> Delivery:
        """Send one mail to all recipients; without its attachments where these are too large."""
        try:
            return self._send(notice, message_id)
        except RemoteError as error:
            if error.kind != TOO_LARGE or not notice.attachments:
                raise
            return self._send(without_attachments(notice), message_id)

    def _send(self, notice: Notice, message_id: str) -> Delivery:
        own = self._settings
        mail = message(
            notice, self._words,
            sender=(own.sender_name, own.sender), to=self._recipients, message_id=message_id, now=self._now(),
        )  # fmt: skip
        smtp = self._connect()
        try:
            self._sign_in(smtp)
            return self._hand_over(smtp, mail.as_bytes())
        finally:
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()

    def _connect(self) -> smtplib.SMTP:
        own = self._settings
        try:
            if own.security == "tls":
                return smtplib.SMTP_SSL(own.host, own.port, timeout=SECONDS, context=self._tls())
            smtp = smtplib.SMTP(own.host, own.port, timeout=SECONDS)
            smtp.ehlo_or_helo_if_needed()
            if own.security == "starttls":
                self._encrypt(smtp)
            return smtp
        except ssl.SSLError as error:
            raise _certificate(own.host, error) from error
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, _decoded(error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise RemoteError(
                T("There is no connection to the mail server {host}, port {port}.", host=own.host, port=str(own.port)),
                retryable=True,
                remedy=T("Check name and port of the mail server, and that a firewall lets this server reach it."),
                detail=type(error).__name__,
                kind="not_sent",
            ) from error

    def _encrypt(self, smtp: smtplib.SMTP) -> None:
        if not smtp.has_extn("starttls"):
            smtp.close()
            raise SettingsError(
                T("The mail server {host} offers no encryption; nothing was sent.", host=self._settings.host),
                remedy=T("Use another port (465 with TLS from the start), or a server that knows STARTTLS."),
                kind="no_encryption",
            )
        smtp.starttls(context=self._tls())
        smtp.ehlo()

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._settings.ca_certificate:
            try:
                context.load_verify_locations(cadata=self._settings.ca_certificate)
            except (ssl.SSLError, ValueError) as error:
                raise SettingsError(
                    T("The certificate authority of the mail server cannot be read."),
                    remedy=T("Give its PEM text with the lines BEGIN and END CERTIFICATE."),
                    place="ca_certificate",
                ) from error
        return context

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        own = self._settings
        if own.sign_in == "none":
            return
        smtp.ehlo_or_helo_if_needed()
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        user = own.user or own.sender
        ways = ["XOAUTH2"] if own.sign_in == "oauth" else [way for way in ("PLAIN", "LOGIN") if way in offered]
        if not ways or ways[0] not in offered:
            raise SettingsError(
                T(
                    "The mail server offers no way to sign in that is known here (it offers: {ways}).",
                    ways=" ".join(offered) or "–",
                ),
                remedy=T("Ask its administrator whether signing in is switched on for this mailbox and port."),
                kind="sign_in",
            )
        smtp.user, smtp.password = user, self._secret()
        token = f"user={user}\x01auth=Bearer {smtp.password}\x01\x01"
        answers = {
            "PLAIN": smtp.auth_plain,
            "LOGIN": smtp.auth_login,
            # A refused token is answered with a challenge; the empty line after it brings the reason.
            "XOAUTH2": lambda challenge=None: token if challenge is None else "",
        }
        try:
            smtp.auth(ways[0], answers[ways[0]])
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, _decoded(error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise RemoteError(
                T("The mail server ended the connection while signing in."), retryable=True, kind="not_sent"
            ) from error

    def _hand_over(self, smtp: smtplib.SMTP, mail: bytes) -> Delivery:
        refused: dict[str, Refusal] = {}
        errors: list[ContractBridgeError] = []
        try:
            self._expect(smtp.mail(self._settings.sender, [f"size={len(mail)}"] if smtp.has_extn("size") else []))
            for address in self._recipients:
                code, said = smtp.rcpt(address)
                if code not in (250, 251):
                    error = _answered(code, _decoded(said), address)
                    errors.append(error)
                    refused[address] = Refusal(error.message, isinstance(error, RemoteError) and error.retryable)
        except (OSError, smtplib.SMTPException) as error:
            raise RemoteError(T("The mail server ended the connection."), retryable=True, kind="not_sent") from error
        if len(refused) == len(self._recipients):
            raise errors[0]
        try:
            code, said = smtp.data(mail)
        except smtplib.SMTPDataError as error:
            raise _answered(error.smtp_code, _decoded(error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise OutcomeUnknown(
                T("The mail server did not say whether it took the mail."), detail=type(error).__name__
            ) from error
        self._expect((code, said))
        return Delivery(delivered=True, reference=_decoded(said)[:120], refused=refused)

    @staticmethod
    def _expect(reply: tuple[int, bytes]) -> None:
        code, said = reply
        if code != 250:
            raise _answered(code, _decoded(said))


def _decoded(said: bytes | str) -> str:
    return " ".join((said.decode("utf-8", "replace") if isinstance(said, bytes) else said).split())


def _certificate(host: str, error: ssl.SSLError) -> SettingsError:
    named = isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in NAME_DIFFERS
    return SettingsError(
        T("The certificate of the mail server is for another name than {host}; nothing was sent.", host=host)
        if named
        else T("The certificate of the mail server {host} is not trusted; nothing was sent.", host=host),
        remedy=T("Enter the name the certificate is for, or the certificate authority behind it."),
        detail=str(error.reason),
        kind="certificate",
    )


def _answered(code: int, said: str, recipient: str = "") -> RemoteError | SettingsError:
    """The error that a reply of the server means (alerts reference §B1)."""
    enhanced = (re.match(r"\d\.\d{1,3}\.\d{1,3}", said) or [""])[0]
    if 400 <= code < 500:
        return RemoteError(
            T("The mail server takes no mail at the moment ({code}).", code=f"{code} {enhanced}".strip()),
            retryable=True, detail=said[:200], kind="busy", status=code,
        )  # fmt: skip
    if code == 552 or enhanced == "5.3.4":
        return RemoteError(
            T("The mail is too large for the mail server."), retryable=False, kind=TOO_LARGE, status=code
        )
    if recipient:
        return RemoteError(
            T("The mail server does not know or refuses {address}.", address=recipient),
            retryable=False, detail=said[:200], kind="recipient", status=code,
        )  # fmt: skip
    message, remedy = _stopped(code, enhanced, said)
    return SettingsError(message, remedy=remedy, detail=said[:200], kind="refused")


def _stopped(code: int, enhanced: str, said: str) -> tuple[Text, Text]:
    if enhanced == "5.7.139" or "SmtpClientAuthentication is disabled" in said:
        return (
            T("Signing in to send mail is switched off for this mailbox."),
            T("Switch on “Authenticated SMTP” for the mailbox in Exchange, or use the channel Microsoft 365 (Graph)."),
        )
    if enhanced == "5.7.30":
        return (
            T("Microsoft no longer lets this tenant send mail with a password."),
            T("Use the channel Microsoft 365 (Graph), or SMTP with OAuth."),
        )
    if enhanced == "5.7.60":
        return (
            T("The mailbox may not send as this from address."),
            T("Use the address of the mailbox that signs in as the from address."),
        )
    if code == 530:
        return (
            T("The mail server wants encryption or a sign-in first."),
            T("Choose STARTTLS and enter user name and password."),
        )
    if code in (534, 535):
        return T("The mail server does not accept the sign-in."), T("Check user name and password.")
    return (
        T("The mail server refuses the mail ({code}).", code=f"{code} {enhanced}".strip()),
        T("Check the from address and what this server allows."),
    )
