"""The connector `file`: a portal whose exports are brought, by a person or from a mailbox or server."""

from __future__ import annotations

from datetime import datetime

from connectors._kit.contract import ConnectorKind, Feed, Manifest, NoSecrets
from core.domain.errors import SettingsError
from core.domain.file_settings import FileSettings
from core.domain.text import T
from core.domain.usage import Reading


class FileSource:
    """There is nothing to fetch: files are brought (`import`, an upload, a pick-up)."""

    def __init__(self, portal: str, settings: FileSettings) -> None:
        self.portal = portal
        self.settings = settings

    def test(self) -> None:
        """Nothing can fail before there is a file."""

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: a file portal waits for its files."""
        raise SettingsError(
            T("This portal is fed by files; there is nothing to fetch."),
            place=self.portal,
            remedy=T("Upload an export on the page Portals, or use the command import."),
            kind="nothing_to_fetch",
        )


MANIFEST = Manifest(
    slug="file",
    name="File import",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything a table can tell: licences, seats, devices, mailboxes."),
    connect=lambda portal, settings, _secrets: FileSource(portal, settings),
    settings=FileSettings,
    secrets=NoSecrets,
    feed=Feed.PUSH,
    guide=(
        T(
            "Export the usage or licence list in the vendor's portal: CSV, Excel, OpenDocument, JSON and XML can be read."
        ),
        T("Drop the file here. The columns are recognised; check them on the preview."),
        T("From then on drop the new export each time: columns are found by their headings, in any order."),
    ),
)
