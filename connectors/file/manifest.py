"""The file connector: nothing to fetch, uploads feed it. Its settings are the mapping of columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors._kit.contract import ConnectorKind, Feed, Manifest, NoSecrets
from core.domain.errors import SettingsError
from core.domain.file_settings import FileSettings
from core.domain.text import T
from core.domain.usage import Reading


@dataclass(frozen=True, slots=True)
class FileSource:
    """A portal that is read when somebody brings a file."""

    portal: str

    def test(self) -> None:
        """There is nothing to reach: the settings were checked when they were stored."""

    def read(self, now: datetime) -> Reading:
        """Raises SettingsError: a missing file is never an empty reading (M2)."""
        raise SettingsError(
            T("This portal has nothing to fetch: it reads the files that are brought to it."),
            place=self.portal,
            remedy=T("Drop a file on the Portals page, or use `import {portal} FILE`.", portal=self.portal),
            kind="nothing_to_fetch",
        )


def connect(portal: str, _settings: FileSettings, _secrets: NoSecrets) -> FileSource:
    return FileSource(portal)


MANIFEST = Manifest(
    slug="file",
    name="File import",
    kind=ConnectorKind.UNIVERSAL,
    feed=Feed.PUSH,
    counts=T("Products and seats of any portal, from CSV, Excel, JSON or XML"),
    settings=FileSettings,
    connect=connect,
    guide=(
        T("Export the usage or billing report of the portal as CSV or Excel."),
        T("Drop the file here and say once which column is the customer, the product and the quantity."),
        T("Look at the preview, and accept it. The next file is recognised by its headings."),
    ),
)
