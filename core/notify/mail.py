"""A notice as an e-mail: plain text and HTML, safe headers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape

from core.domain.notice import Notice, Severity
from core.domain.text import T
from core.notify.wording import Worded, Wording, one_line, worded

COLOURS = {Severity.INFO: "#2b6cb0", Severity.WARNING: "#b45309", Severity.CRITICAL: "#b91c1c"}
CELL = "padding:3px 16px 3px 0;vertical-align:top"
MUTED = "color:#52606d"


def subject_of(notice: Notice, words: Wording) -> str:
    """One line, without anything that could end the header."""
    return one_line(words(notice.title))[:200]


def text_of(notice: Notice, words: Wording) -> str:
    """The mail for readers without HTML."""
    text = worded(notice, words)
    parts = [text.title, ""]
    parts += [f"{name}: {value}" for name, value in text.facts]
    if text.facts and text.lines:
        parts.append("")
    parts += [f"- {line}" for line in text.lines]
    if text.link:
        parts += ["", f"{text.link_title}: {text.link}"]
    if text.closing:
        parts += ["", text.closing]
    return "\n".join(parts) + "\n"


def html_of(notice: Notice, words: Wording) -> str:
    """The mail as most people read it; every value is escaped."""
    text = worded(notice, words)
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8"></head>'
        '<body style="margin:0;padding:24px;background:#f5f7fa;font-family:Segoe UI,Helvetica,Arial,sans-serif;color:#1f2933">'
        '<div style="max-width:640px;margin:0 auto;background:#ffffff;border:1px solid #e4e7eb;border-radius:6px;'
        f'border-top:4px solid {COLOURS[notice.severity]};padding:24px">'
        f'<h1 style="font-size:18px;line-height:1.4;margin:0 0 16px">{escape(text.title)}</h1>'
        f"{_facts(text)}{_lines(text)}{_link(text)}{_closing(text)}</div></body></html>"
    )


def _facts(text: Worded) -> str:
    if not text.facts:
        return ""
    rows = "".join(
        f'<tr><td style="{CELL};{MUTED}">{escape(name)}</td><td style="{CELL}">{escape(value)}</td></tr>'
        for name, value in text.facts
    )
    return f'<table role="presentation" style="border-collapse:collapse;font-size:14px;margin:0 0 16px">{rows}</table>'


def _lines(text: Worded) -> str:
    if not text.lines:
        return ""
    items = "".join(f'<li style="margin:0 0 6px">{escape(line)}</li>' for line in text.lines)
    return f'<ul style="font-size:14px;line-height:1.5;margin:0 0 20px;padding:0 0 0 20px">{items}</ul>'


def _link(text: Worded) -> str:
    if not text.link:
        return ""
    style = (
        "display:inline-block;background:#2b6cb0;color:#ffffff;text-decoration:none;padding:9px 16px;border-radius:4px;"
        "font-size:14px"
    )
    return f'<p style="margin:0 0 16px"><a href="{escape(text.link)}" style="{style}">{escape(text.link_title)}</a></p>'


def _closing(text: Worded) -> str:
    return f'<p style="font-size:12px;{MUTED};margin:16px 0 0">{escape(text.closing)}</p>' if text.closing else ""


def message(
    notice: Notice, words: Wording, *, sender: tuple[str, str], to: tuple[str, ...], message_id: str, now: datetime
) -> EmailMessage:
    """The whole message; `sender` is name and address. Sent again it is the same message: date and id come from outside."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = subject_of(notice, words)
    mail["From"] = formataddr((one_line(sender[0]), sender[1]))
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message_id}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if notice.run is not None:
        mail["X-ContractBridge-Run"] = str(notice.run)
    mail.set_content(text_of(notice, words))
    mail.add_alternative(html_of(notice, words), subtype="html")
    for part in notice.attachments:
        main, _, sub = part.media_type.partition("/")
        mail.add_attachment(part.content, maintype=main, subtype=sub or "octet-stream", filename=one_line(part.name))
    return mail


def without_attachments(notice: Notice) -> Notice:
    """The same notice for a mailbox that refused its size; it says that the attachment is missing."""
    note = T("The attachment was too large for the mailbox; it is on the page.")
    return replace(notice, attachments=(), lines=(*notice.lines, note))
