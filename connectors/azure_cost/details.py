"""The detailed cost report: asked for, waited for, fetched as files (Azure reference §3.1). One month and scope at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.http import Answer, Http, Request
from connectors._kit.paging import follow
from connectors._kit.retry import Backoff, retrying
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T

__all__ = ["DetailedReports", "storage"]

REPORT = "providers/Microsoft.CostManagement/generateCostDetailsReport"
VERSION = {"api-version": "2023-11-01"}
POLL, LONGEST_POLL, PATIENCE = 10.0, 60.0, 540.0
"""Seconds: between two looks where the service does not say, at most, and altogether."""
MOST_BYTES = 2 * 1024**3


def storage() -> Http:
    """The storage that reports are fetched from. Its addresses carry a signature and are never shown or logged whole."""
    return Http("Azure Storage", show=lambda url: f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/…")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedReports:
    """Fetches reports. `plain` allows downloads without TLS: for a test server or proxy of one's own."""

    api: Api
    files: Http
    backoff: Backoff
    plain: bool = False
    sleep: Callable[[float], None] = time.sleep

    def fetch(self, scope: str, metric: str, month: tuple[date, date], into: Path) -> list[Path]:
        """The files of one month; none where there are no charges. Raises RemoteError for a report that fails or never comes."""
        period = {"start": str(month[0]), "end": str(month[1])}
        call = Call(
            path=f"{scope}/{REPORT}", method="POST", params=VERSION, json={"metric": metric, "timePeriod": period}
        )
        answer = self._waited(call, self.api.fetch(call))
        if answer.status == 204:
            return []
        body = answer.json()
        told: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        status = str(told.get("status") or "").casefold()
        if status == "nodatafound":
            return []
        if status == "failed":
            raise RemoteError(
                T("Azure could not make the report of {month}.", month=f"{month[0]:%Y-%m}"),
                retryable=True, place=answer.where, detail=self.api.http.mask(answer.start()), kind="report_failed",
            )  # fmt: skip
        return [self._saved(blob, into / f"part_{number}_0001.csv") for number, blob in enumerate(_blobs(told, answer))]

    def _waited(self, call: Call, answer: Answer) -> Answer:
        """The answer once the report is made; the service says where to look, and when."""
        left = PATIENCE
        while answer.status == 202:
            link = answer.headers.get("location", "")
            if not link:
                raise ShapeChanged(T("The answer does not say where the report will be."), place=answer.where)
            told = answer.retry_after()
            pause = min(POLL if told is None else told, LONGEST_POLL)
            left -= max(pause, 1.0)
            if left <= 0:
                raise RemoteError(
                    T("The report was not ready within {minutes} minutes.", minutes=math.ceil(PATIENCE / 60)),
                    retryable=True, place=answer.where, kind="too_late",
                )  # fmt: skip
            self.sleep(pause)
            call = Call(path=follow(call, link).path)
            answer = self.api.fetch(call)
        return answer

    def _saved(self, blob: Mapping[str, Any], path: Path) -> Path:
        link = str(blob.get("blobLink") or "")
        if urlsplit(link).scheme != "https" and not (self.plain and urlsplit(link).scheme == "http"):
            raise ShapeChanged(T("The report names no address that its files can be fetched from."))
        size = blob.get("byteCount")
        return retrying(lambda: self._once(link, path, size if isinstance(size, int) else None), self.backoff)

    def _once(self, link: str, path: Path, size: int | None) -> Path:
        """Nobody signs in there: the address itself is the right to fetch."""
        answer = self.files.save(Request(method="GET", url=link), path, MOST_BYTES)
        if not answer.ok:
            raise RemoteError(
                T("A file of the report cannot be fetched: the storage answers {status}.", status=str(answer.status)),
                retryable=answer.status >= 500 or answer.status in (408, 429), place=answer.where, kind="report_file",
                status=answer.status,
            )  # fmt: skip
        if size is not None and path.stat().st_size != size:
            raise RemoteError(
                T("A file of the report did not come whole."), retryable=True, place=answer.where, kind="no_answer"
            )
        return path


def _blobs(told: Mapping[str, Any], answer: Answer) -> list[Mapping[str, Any]]:
    manifest = told.get("manifest")
    blobs = manifest.get("blobs") if isinstance(manifest, Mapping) else None
    if not isinstance(blobs, list) or not all(isinstance(blob, Mapping) for blob in blobs) or not blobs:
        raise ShapeChanged(T("The answer has no list at {path}.", path="manifest.blobs"), place=answer.where)
    count = manifest.get("blobCount") if isinstance(manifest, Mapping) else None
    if isinstance(count, int) and count != len(blobs):
        raise ShapeChanged(
            T("The list {name} came with fewer records than it says it has.", name="manifest.blobs"), place=answer.where
        )
    return blobs
