"""Microsoft Teams: a Workflows webhook with an Adaptive Card, and the retired connector (alerts reference §A)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from core.domain.errors import OutcomeUnknown, RateLimited, RemoteError, SettingsError
from core.domain.notice import Delivery, Notice, Severity
from core.domain.posting import Post, Posted
from core.domain.text import T, Text
from core.notify.wording import MOST_LINES, Worded, Wording, cut, worded

MOST_BYTES = 24_000
"""Of a card in UTF-16: Teams fails silently on somewhat more (alerts reference §A4)."""
MOST_FACTS = 12
HEADERS = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
MARKDOWN = re.compile(r"([\\*_\[\]()~#`])")
COLOURS = {Severity.INFO: "Accent", Severity.WARNING: "Warning", Severity.CRITICAL: "Attention"}
THEME = {Severity.INFO: "2B6CB0", Severity.WARNING: "C77700", Severity.CRITICAL: "C4314B"}
Json = dict[str, object]


class TeamsSettings(BaseModel):
    """Where a card goes is a secret of its own (`url`): whoever has the address can post."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["wrapper", "bare", "legacy"] = Field(
        "wrapper",
        title="Form of the message",
        description="Wrapper for the template “Send webhook alerts to a channel”; bare for a flow of your own that posts the "
        "card at once; legacy for an old connector address.",
    )


def escaped(text: str) -> str:
    """Text that a card shows literally, whatever Markdown a customer's name holds."""
    return MARKDOWN.sub(r"\\\1", text)


def adaptive_card(notice: Notice, words: Wording, most: int = MOST_LINES) -> Json:
    """The card alone: title, facts, lines and a link. Schema 1.4, only elements that need no bot."""
    text = worded(notice, words, most)
    body: list[Json] = [
        {"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": True, "color": COLOURS[notice.severity],
         "text": escaped(cut(text.title))},
    ]  # fmt: skip
    facts = [
        {"title": escaped(cut(name, 60)), "value": escaped(cut(value))} for name, value in _facts(notice, text, words)
    ]
    if facts:
        body.append({"type": "FactSet", "facts": facts})
    if text.lines:
        body.append(
            {"type": "TextBlock", "wrap": True, "text": "\n".join(f"- {escaped(cut(line))}" for line in text.lines)}
        )
    if text.closing:
        body.append(
            {"type": "TextBlock", "wrap": True, "isSubtle": True, "size": "Small", "text": escaped(cut(text.closing))}
        )
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if text.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": text.link_title, "url": text.link}]
    return card


def wrapped(card: Json) -> Json:
    """The form that the standard flow expects: a message with the card attached."""
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}]}


def message_card(notice: Notice, words: Wording, most: int = MOST_LINES) -> Json:
    """The form of the retired connector."""
    text = worded(notice, words, most)
    title = escaped(cut(text.title))
    section: Json = {
        "facts": [
            {"name": escaped(cut(name, 60)), "value": escaped(cut(value))}
            for name, value in _facts(notice, text, words)
        ],
        "text": "\n\n".join(escaped(cut(line)) for line in (*text.lines, text.closing) if line),
    }
    card: Json = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "summary": title,
        "themeColor": THEME[notice.severity],
        "title": title,
        "sections": [section],
    }
    if text.link:
        target = {"os": "default", "uri": text.link}
        card["potentialAction"] = [{"@type": "OpenUri", "name": text.link_title, "targets": [target]}]
    return card


def _facts(notice: Notice, text: Worded, words: Wording) -> tuple[tuple[str, str], ...]:
    facts = text.facts[:MOST_FACTS]
    return facts if notice.run is None else (*facts, (words(T("Run")), str(notice.run)))


def fitting(build: Callable[[int], Json], most_bytes: int = MOST_BYTES) -> bytes:
    """The message with as many lines as fit, as compact JSON."""
    for most in range(MOST_LINES, -1, -1):
        message = json.dumps(build(most), ensure_ascii=False, separators=(",", ":"))
        if _size(message.encode()) <= most_bytes:
            break
    return message.encode()


def _size(message: bytes) -> int:
    """As Teams counts: in UTF-16."""
    return len(message.decode().encode("utf-16-le"))


class TeamsChannel:
    """Posts to one address. Nothing that goes wrong shows the address: it is the only credential."""

    def __init__(self, settings: TeamsSettings, url: str, post: Post, words: Wording) -> None:
        if urlsplit(url).scheme not in ("https", "http") or not urlsplit(url).hostname:
            raise SettingsError(
                T("The address of the Teams channel is not a web address."),
                remedy=T("Copy the whole address from the flow “Send webhook alerts to a channel” in Teams."),
                place="url",
            )
        self._form = settings.form
        self._url = url
        self._post = post
        self._words = words

    def send(self, notice: Notice, message_id: str) -> Delivery:
        """Post the card. A flow only accepts it: whether it appeared nobody tells."""
        if self._form == "legacy":
            return self._send_legacy(notice)
        shape = wrapped if self._form == "wrapper" else lambda card: card
        answer = self._exchange(fitting(lambda most: shape(adaptive_card(notice, self._words, most))))
        self._raise_for(answer)
        reference = answer.headers.get("x-ms-workflow-run-id", "") or answer.headers.get("x-ms-tracking-id", "")
        return Delivery(reference=reference)

    def _send_legacy(self, notice: Notice) -> Delivery:
        retired = T("This Teams address is of the retired kind. Replace it with a Workflows address.")
        room = MOST_BYTES
        for _ in range(2):
            body = fitting(lambda most: message_card(notice, self._words, most), room)
            room = _size(body) // 2
            answer = self._exchange(body)
            self._raise_for(answer)
            said = answer.content.decode("utf-8", "replace").strip()
            if said == "1":
                return Delivery(delivered=True, notes=(retired,))
            found = re.search(r"HTTP error (\d{3})", said)
            if not found or found[1] != "413":
                break
        status = int(found[1]) if found else 0
        if status == 429:
            raise RateLimited(T("Teams takes no more messages at the moment."), retry_after=answer.retry_after)
        raise RemoteError(
            T("Teams did not take the message: the card is too large.")
            if status == 413
            else T("Teams did not take the message ({reason}).", reason=self._clean(said)[:120]),
            retryable=status >= 500,
            remedy=retired,
            kind="too_large" if status == 413 else "refused",
            status=status or None,
        )

    def _exchange(self, body: bytes) -> Posted:
        try:
            return self._post(self._url, HEADERS, body)
        except OutcomeUnknown as error:
            raise OutcomeUnknown(
                T("Teams did not answer; the message may have appeared."), detail=self._clean(error.detail)
            ) from None
        except RemoteError as error:
            raise RemoteError(error.message, retryable=error.retryable, remedy=error.remedy, kind=error.kind) from None

    def _raise_for(self, answer: Posted) -> None:
        if answer.status in (200, 201, 202):
            return
        if answer.status == 429:
            raise RateLimited(T("Teams takes no more messages at the moment."), retry_after=answer.retry_after)
        code, said = (self._clean(part) for part in answer.error())
        raise RemoteError(
            T("Teams did not take the message ({reason}).", reason=code or str(answer.status)),
            retryable=answer.status >= 500 or answer.status == 408,
            remedy=_remedy(answer.status),
            detail=said[:200],
            kind="gone" if answer.status in (401, 403, 404, 410) else "refused",
            status=answer.status,
        )

    def _clean(self, text: str) -> str:
        """Without the address and its signature, whatever the other side echoes."""
        query = parse_qs(urlsplit(self._url).query)
        for secret in (self._url, *query.get("sig", []), *re.findall(r"sig=([^&]+)", self._url)):
            if secret:
                text = text.replace(secret, "***")
        return text


def _remedy(status: int) -> Text:
    if status in (404, 410):
        return T(
            "The flow was removed or its owner left. Make a new one in Teams, with a co-owner, and enter its address."
        )
    if status in (401, 403):
        return T("The address is not complete or was renewed. Copy it again from the flow.")
    if status == 400:
        return T("Check that the flow is switched on and that the form of the message fits it.")
    return T("Try again later.")
