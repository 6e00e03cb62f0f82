"""Export jobs of Microsoft Graph for partner billing: asked for, waited for, fetched in parts (Azure reference §4.3)."""

from __future__ import annotations

import gzip
import io
import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.http import Answer, Http, Request
from connectors._kit.redact import redact_url
from connectors._kit.retry import Backoff, retrying
from connectors._kit.select import find, record, records, text
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T

__all__ = ["Export"]

POLL_SECONDS = 10.0
MOST_POLLS = 360
"""An hour of waiting at the usual pace."""
LONGEST_LINE = 1024 * 1024
"""Bytes of one record: a few kilobytes unpack to a line of gigabytes."""
BILLING = "reports/partners/billing"


@dataclass(slots=True)
class Export:
    """Runs export jobs. `files` fetches their parts, which need no sign-in: their address is the key, and is never logged."""

    api: Api
    files: Http
    backoff: Backoff = Backoff()
    sleep: Callable[[float], None] = time.sleep
    poll_seconds: float = POLL_SECONDS

    def records(self, what: str, body: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The records of one export (`usage/billed`, `reconciliation/unbilled` …), names in lower case, values as written.

        Raises RemoteError with Microsoft's own code and words where the job fails.
        """
        answer = self.api.fetch(Call(path=f"{BILLING}/{what}/export", method="POST", json=dict(body)))
        manifest = self._manifest(self._done(answer))
        root = text(manifest, "rootDirectory").rstrip("/")
        token = text(manifest, "sasToken", "").lstrip("?")
        self.files.mask.learn(token, *(part.partition("=")[2] for part in token.split("&") if part.startswith("sig=")))
        for blob in records(manifest, "blobs", place=what):
            yield from self._lines(f"{root}/{text(blob, 'name')}", token)

    def _done(self, answer: Answer) -> Mapping[str, Any]:
        """The operation after it has succeeded."""
        location = answer.headers.get("location", "")
        if answer.status == 200 and not location:
            return record(answer.json(), place=answer.where)
        if not location:
            raise ShapeChanged(T("The export gave no place to look for its result."), place=answer.where)
        for _ in range(MOST_POLLS):
            wait = answer.retry_after()
            self.sleep(self.poll_seconds if wait is None else wait)
            answer = self.api.fetch(Call(path=location))
            operation = record(answer.json(), place=answer.where)
            status = text(operation, "status", "").casefold()
            if status == "succeeded":
                return operation
            if status == "failed":
                raise RemoteError(
                    T(
                        "The export failed: {code} {words}",
                        code=text(operation, "error.code", "?"),
                        words=text(operation, "error.message", ""),
                    ),
                    retryable=False,
                    place=answer.where,
                    kind="export_failed",
                )
            if status not in ("notstarted", "running"):
                raise ShapeChanged(
                    T("The export is in the unknown state {status}.", status=status or "?"), place=answer.where
                )
        raise RemoteError(T("The export did not end in time."), retryable=True, place=redact_url(location))

    def _manifest(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        found = find(operation, "resourceLocation")
        if isinstance(found, str):
            found = self.api.fetch(Call(path=found)).json()
        return record(found if found is not None else operation, place="manifest")

    def _lines(self, address: str, token: str) -> Iterator[dict[str, str]]:
        """The records of one part: JSON lines, packed."""
        self._check(address)
        request = Request(method="GET", url=f"{address}?{token}" if token else address)

        def fetch() -> Answer:
            answer = self.files.send(request)
            if not answer.ok:
                raise RemoteError(
                    T("{name} answers with error {status}.", name=self.files.name, status=str(answer.status)),
                    retryable=answer.status >= 500 or answer.status == 429,
                    place=answer.where,
                    status=answer.status,
                )
            return answer

        answer = retrying(fetch, self.backoff)
        try:
            with (
                gzip.GzipFile(fileobj=io.BytesIO(answer.content))
                if _packed(answer)
                else io.BytesIO(answer.content) as lines
            ):
                while line := lines.readline(LONGEST_LINE + 1):
                    if len(line) > LONGEST_LINE:
                        raise ShapeChanged(T("A part of the export is damaged or not whole."), place=answer.where)
                    if line.strip():
                        yield _record(line, answer)
        except (OSError, EOFError, zlib.error) as error:
            raise ShapeChanged(T("A part of the export is damaged or not whole."), place=answer.where) from error

    def _check(self, address: str) -> None:
        """Parts come over https, or from where the interface itself is."""
        parts, own = urlsplit(address), urlsplit(self.api.base_url)
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise ShapeChanged(
                T("{name} refers to another server; it is not followed.", name=self.files.name),
                detail=redact_url(address),
            )


def _packed(answer: Answer) -> bool:
    return answer.content[:2] == b"\x1f\x8b"


def _record(line: bytes, answer: Answer) -> dict[str, str]:
    """Numbers stay as they are written: no digit is lost."""
    try:
        found = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise ShapeChanged(T("The answer is not the JSON it should be."), place=answer.where) from error
    if not isinstance(found, dict):
        raise ShapeChanged(
            T("The list at {path} holds something that is no record.", path="export"), place=answer.where
        )
    return flat(found)


def flat(found: Mapping[str, Any]) -> dict[str, str]:
    """Names in lower case; objects, such as tags may be, as JSON text."""
    return {
        str(name).casefold(): json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
        for name, value in found.items()
        if value is not None
    }
