"""How a watched folder is connected."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import Field

from connectors._kit.contract import ConnectorKind, Feed, Manifest, NoSecrets
from connectors.pickup_folder.folder import Folder
from core.domain.connector import Surroundings
from core.domain.errors import SettingsError
from core.domain.pickup_settings import PickupSettings
from core.domain.text import T
from core.domain.usage import Reading

SYSTEM = tuple(Path(name) for name in ("/boot", "/dev", "/etc", "/proc", "/sys", "/usr"))
"""Where no portal puts exports. Files that are picked up are shown, moved and removed."""


class FolderSettings(PickupSettings):
    """Field names are those of the workspace file."""

    folder: str = Field(
        min_length=1,
        title="Folder",
        description="The whole path on the machine where ContractBridge runs, also of a mounted share: /srv/exports.",
    )


class WatchedFolder:
    """A folder on this machine or a mounted share."""

    def __init__(self, portal: str, settings: FolderSettings, _secrets: NoSecrets, surroundings: Surroundings) -> None:
        self.portal = portal
        self.settings = settings
        self._kept_out = surroundings.own_places

    def place(self) -> Folder:
        own = (self.settings.processed_parts[0], self.settings.error_parts[0])
        return Folder(
            self.settings.folder, below=self.settings.subfolders, skipped=own, kept_out=(*self._kept_out, *SYSTEM)
        )

    def test(self) -> None:
        """Raises what is wrong with the folder."""
        self.place().listing()

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: files are picked up, not read like an interface."""
        raise SettingsError(
            T("This portal is fed by files that are picked up."), place=self.portal, kind="nothing_to_fetch"
        )


MANIFEST = Manifest(
    slug="pickup_folder",
    name="Watched folder",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything a table can tell, from files that somebody puts into a folder"),
    settings=FolderSettings,
    connect=WatchedFolder,
    feed=Feed.PICKUP,
    placed=True,
    guide=(
        T("Make a folder on the machine where ContractBridge runs, or mount the network share there."),
        T("Let the account that ContractBridge runs under read it, and write to it if files are to be archived."),
        T("Have each export written under a name that ends in .part and renamed when it is whole."),
        T("Put one export there, connect, and choose its columns on the page of the portal."),
    ),
)
