"""How an SFTP server is connected."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Feed, Manifest
from connectors.sftp.place import SftpFolder
from connectors.sftp.session import Login, show_key
from core.domain.errors import SettingsError
from core.domain.pickup import HostKey
from core.domain.pickup_settings import PickupSettings
from core.domain.text import T
from core.domain.usage import Reading


class SftpSettings(PickupSettings):
    """Field names are those of the workspace file."""

    host: str = Field(min_length=1, title="Server", description="The name or address of the SFTP server.")
    user: str = Field(min_length=1, title="User", description="The account on the server.")
    folder: str = Field(
        ".", title="Folder", description="Where the files are, as the account sees it. A dot is where it begins."
    )
    port: int = Field(22, ge=1, le=65535, title="Port", description="Usually 22.")
    host_keys: tuple[str, ...] = Field(
        (),
        title="Trusted host keys",
        description="How the server proves who it is: ssh-ed25519 AAAA…, or SHA256:…. Several while it changes its key.",
    )


class SftpSecrets(ConnectorSecrets):
    password: SecretStr = Field(
        SecretStr(""), title="Password", description="Not needed with a private key, unless the server wants both."
    )
    private_key: SecretStr = Field(
        SecretStr(""),
        title="Private key",
        description="The whole text of the key file: Ed25519, ECDSA, or RSA of at least 3072 bits.",
    )
    passphrase: SecretStr = Field(
        SecretStr(""), title="Passphrase", description="Of the private key, where it has one."
    )


class SftpServer:
    """A folder on an SFTP server."""

    def __init__(self, portal: str, settings: SftpSettings, secrets: SftpSecrets) -> None:
        self.portal = portal
        self.settings = settings
        self._login = Login(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            host_keys=settings.host_keys,
            password=secrets.password.get_secret_value(),
            private_key=secrets.private_key.get_secret_value(),
            passphrase=secrets.passphrase.get_secret_value(),
        )

    def place(self) -> SftpFolder:
        own = (self.settings.processed_parts[0], self.settings.error_parts[0])
        return SftpFolder(self._login, self.settings.folder, below=self.settings.subfolders, skipped=own)

    def host_key(self) -> HostKey:
        """The key the server shows; nothing is sent to it."""
        return show_key(self._login)

    def test(self) -> None:
        """Raises what is wrong: an unknown key, refused credentials, a folder that is not there."""
        place = self.place()
        try:
            place.listing()
        finally:
            place.close()

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: files are picked up, not read like an interface."""
        raise SettingsError(
            T("This portal is fed by files that are picked up."), place=self.portal, kind="nothing_to_fetch"
        )


MANIFEST = Manifest(
    slug="sftp",
    name="SFTP",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything a table can tell, from files that somebody delivers to an SFTP server"),
    settings=SftpSettings,
    secrets=SftpSecrets,
    connect=SftpServer,
    feed=Feed.PICKUP,
    guide=(
        T("Ask whoever runs the server for an account of its own that sees nothing but the folder."),
        T("Make an Ed25519 key pair and have its public part put on the account; or use a password."),
        T(
            "Compare the fingerprint that is shown here with the one they give you, and trust it only if it is the same."
        ),
        T("Have each export written under a name that ends in .part and renamed when it is whole."),
        T("Connect, and choose the columns on the page of the portal with the newest file as an example."),
    ),
)
