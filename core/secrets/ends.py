"""When a credential ends, where it tells itself: a certificate, a JSON web token, a shared access signature of Azure."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

LONGEST = 100_000
_TOKEN = re.compile(r"[\w-]{4,}\.[\w-]{4,}\.[\w-]*", re.ASCII)


def ends(text: str) -> datetime | None:
    """The instant after which it is not good any more; None where it does not tell. Of several certificates the first to end."""
    if len(text) > LONGEST:
        return None
    for find in (_of_certificates, _of_token, _of_signature):
        found = find(text.strip())
        if found is not None:
            return found
    return None


def _of_certificates(text: str) -> datetime | None:
    if "-----BEGIN CERTIFICATE-----" not in text:
        return None
    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return None


def _of_token(text: str) -> datetime | None:
    if not _TOKEN.fullmatch(text):
        return None
    payload = text.split(".")[1]
    try:
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    end = told.get("exp") if isinstance(told, dict) else None
    return _instant(end) if isinstance(end, int | float) and not isinstance(end, bool) else None


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _of_signature(text: str) -> datetime | None:
    try:
        query = parse_qs(urlsplit(text).query or text.lstrip("?"))
        if "sig" not in query or "se" not in query:
            return None
        end = datetime.fromisoformat(query["se"][0])
    except ValueError:
        return None
    return end if end.tzinfo else end.replace(tzinfo=UTC)
