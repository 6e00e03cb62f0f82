"""How a SharePoint or OneDrive library is connected."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Feed, Manifest
from connectors.sharepoint.library import Library, LibraryFolder, Where
from core.domain.errors import SettingsError
from core.domain.pickup_settings import PickupSettings
from core.domain.text import T
from core.domain.usage import Reading


class SharePointSettings(PickupSettings):
    """Field names are those of the workspace file."""

    site: str = Field(
        min_length=1,
        title="Site",
        description="Its address as the browser shows it: https://contoso.sharepoint.com/sites/Licences. A OneDrive has one too.",
    )
    tenant_id: str = Field(
        min_length=1, title="Tenant ID", description="Directory (tenant) ID, from the Entra admin centre."
    )
    client_id: str = Field(
        min_length=1, title="Application ID", description="Application (client) ID of the app registration."
    )
    library: str = Field(
        "", title="Library", description="Its name, such as Documents. Empty: the usual one of the site."
    )
    folder: str = Field(
        "", title="Folder", description="Below the library, such as Exports/Usage. Empty: the library itself."
    )
    use_delta: bool = Field(
        False,
        title="Ask only for changes",
        description="For folders with very many files; needs the wider permission Files.Read.All.",
    )
    base_url: str = Field(
        "", title="Address", description="Only for a proxy, a sovereign cloud or a test server. Usually empty."
    )
    auth_url: str = Field(
        "",
        title="Sign-in address",
        description="Only where signing in goes to another host than usual. Usually empty.",
    )


class SharePointSecrets(ConnectorSecrets):
    client_secret: SecretStr = Field(
        SecretStr(""), title="Client secret", description="Of the app registration. Not needed with a certificate."
    )
    certificate: SecretStr = Field(
        SecretStr(""),
        title="Certificate",
        description="Private key (without passphrase) and certificate of the app registration, both in PEM, one after the other.",
    )


class SharePoint:
    """A folder of a SharePoint or OneDrive library."""

    def __init__(self, portal: str, settings: SharePointSettings, secrets: SharePointSecrets) -> None:
        self.portal = portal
        self.settings = settings
        secret, certificate = secrets.client_secret.get_secret_value(), secrets.certificate.get_secret_value()
        if not (secret or certificate):
            raise SettingsError(
                T("A client secret or a certificate is needed."), place="client_secret", kind="missing_secret"
            )
        self._library = Library(
            Where(
                site=settings.site,
                library=settings.library,
                folder=settings.folder,
                tenant=settings.tenant_id,
                client_id=settings.client_id,
                graph=settings.base_url,
                login=settings.auth_url,
            ),
            secret,
            certificate,
        )

    def place(self) -> LibraryFolder:
        if self.settings.subfolders:
            raise SettingsError(
                T("Folders below cannot be looked into in a library of SharePoint."),
                place="subfolders",
                remedy=T(
                    "Watch a folder of this machine that the library is synchronised to, or deliver each run as one ZIP file."
                ),
                kind="subfolders",
            )
        return LibraryFolder(self._library, changes_only=self.settings.use_delta)

    def test(self) -> None:
        """Raises what is wrong: sign-in, grant, library or folder."""
        self.place().listing()

    def read(self, now: datetime) -> Reading:
        """Always raises SettingsError: files are picked up, not read like an interface."""
        raise SettingsError(
            T("This portal is fed by files that are picked up."), place=self.portal, kind="nothing_to_fetch"
        )


MANIFEST = Manifest(
    slug="sharepoint",
    name="SharePoint / OneDrive",
    kind=ConnectorKind.UNIVERSAL,
    counts=T("Anything a table can tell, from files in a SharePoint or OneDrive library"),
    settings=SharePointSettings,
    secrets=SharePointSecrets,
    connect=SharePoint,
    feed=Feed.PICKUP,
    guide=(
        T("In the Entra admin centre, make an app registration with a certificate or a secret."),
        T("Give it the application permission Sites.Selected of Microsoft Graph, and consent to it."),
        T("Have an administrator grant the site to the app, with the role write (read is enough when files stay)."),
        T("Copy the address of the site, the tenant ID and the application ID into the fields here, and test."),
        T("Connect, and choose the columns on the page of the portal with the newest file as an example."),
    ),
)
