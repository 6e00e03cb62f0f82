"""A real SMTP server (aiosmtpd) that can be told to misbehave; it keeps what it was told, byte for byte."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.ports import free_port


@dataclass
class Mailbox:
    """What arrived. `replies` maps recipients to what RCPT answers; `at_end` is the reply to the mail itself."""

    replies: Mapping[str, str] = field(default_factory=dict)
    at_end: str = "250 2.0.0 Ok: queued as 4711"
    drop_at_end: bool = False
    sign_in_reply: str = ""
    mails: list[bytes] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    signed_in: list[tuple[str, Any]] = field(default_factory=list)
    port: int = 0

    def read(self, number: int = -1) -> EmailMessage:
        return message_from_bytes(self.mails[number], policy=policy.default)  # type: ignore[return-value]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, "250 2.1.5 Ok")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.drop_at_end:
            server.transport.close()
            return ""
        if self.at_end.startswith("250"):
            self.mails.append(bytes(envelope.content or b""))
            self.to.append(list(envelope.rcpt_tos))
        return self.at_end

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.signed_in.append((mechanism, data))
        if self.sign_in_reply:
            return AuthResult(success=False, handled=False, message=self.sign_in_reply)
        return AuthResult(success=True)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        self.signed_in.append(("XOAUTH2", args[1]))
        if self.sign_in_reply:
            self.signed_in.append(("challenge answered with", await server.challenge_auth(b'{"status":"401"}')))
            return AuthResult(success=False, handled=False, message=self.sign_in_reply)
        return AuthResult(success=True)


@contextmanager
def mail_server(
    box: Mailbox, tls: Mapping[str, str] | None = None, *, starttls: bool = True, implicit: bool = False
) -> Iterator[Mailbox]:
    """Serve on a free loopback port; `tls` are the certificate's files as `fakes.self_signed` gives them."""
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(Path(tls["ssl_certfile"]), Path(tls["ssl_keyfile"]))
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=0,
        ready_timeout=60,
        ssl_context=context if implicit else None,
        tls_context=context if starttls and not implicit else None,
        authenticator=box.authenticate,
        auth_required=False,
        auth_require_tls=not implicit,
    )
    controller.port = free_port()
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()
