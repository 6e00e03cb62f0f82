"""A folder of a document library, by Microsoft Graph (D2). Items are addressed by their id, so names may hold anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from connectors._kit.api import Api, Call
from connectors._kit.auth import Token, TokenAuth
from connectors._kit.http import Answer, Http, Request
from connectors._kit.paging import NextUrl
from connectors._kit.retry import Backoff, retrying
from connectors._kit.select import Record, find, instant, record, text, whole
from connectors._microsoft.sign_in import App, SignIn
from connectors.sharepoint.faults import Resync, fault_of
from connectors.sharepoint.quick_xor import quick_xor
from core.domain.errors import RemoteError, SettingsError
from core.domain.pickup import Listing, Problem, RemoteFile
from core.domain.text import T, Text

GRAPH, LOGIN, SCOPE = (
    "https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com", "https://graph.microsoft.com/.default",
)  # fmt: skip
PAGES = NextUrl(at='"@odata.nextLink"')
FIELDS = "id,name,size,eTag,cTag,lastModifiedDateTime,file,folder,deleted,parentReference"
DOWNLOAD = "@microsoft.graph.downloadUrl"
EXPIRED = (401, 403, 404, 410)
"""How the host of a download says that its address is not good any more."""
WIDE = frozenset(
    {"Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All", "Sites.FullControl.All"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The site's address as the browser shows it, the library's name and the folder below it (both may be empty)."""

    site: str
    library: str
    folder: str
    tenant: str
    client_id: str
    graph: str = ""
    login: str = ""


class Library:
    """A library, connected. Nothing is asked before the first call."""

    def __init__(self, where: Where, secret: str, certificate: str) -> None:
        self.where = where
        graph = where.graph.rstrip("/") or GRAPH
        parts = urlsplit(graph)
        own = "" if graph == GRAPH else f"{parts.scheme}://{parts.netloc}"
        if not parts.path.strip("/"):
            graph += "/v1.0"
        hidden = [secret]
        self.http = Http("Microsoft Graph", secrets=hidden)
        self.files = Http("SharePoint", secrets=hidden, show=lambda url: f"https://{urlsplit(url).netloc}/…")
        app = App(where.client_id, secret, certificate)
        login = SignIn(Http("Microsoft", secrets=hidden), where.login.rstrip("/") or own or LOGIN, app, None)
        self.roles: frozenset[str] = frozenset()

        def token() -> Token:
            found = login.v2(where.tenant, SCOPE, delegated=False)
            self.roles = _roles(found.value)
            return found

        self.auth = TokenAuth(token)
        self.api = Api(
            http=self.http,
            base_url=graph,
            auth=self.auth,
            throttled=frozenset({429, 503}),
            backoff=Backoff(attempts=4, first=1.0, longest=16.0),
            fault=lambda answer: fault_of(answer, where.client_id, where.site),
        )

    def drive(self) -> str:
        """The id of the library. Raises SettingsError naming those there are."""
        site = urlsplit(self.where.site if "//" in self.where.site else f"https://{self.where.site}")
        path = "/".join(quote(unquote(part)) for part in site.path.strip("/").split("/")[:2] if part)
        site_id = text(record(self.api.get(f"sites/{site.netloc}:/{path}" if path else f"sites/{site.netloc}")), "id")
        if not self.where.library:
            return text(record(self.api.get(f"sites/{quote(site_id, safe=',')}/drive")), "id")
        drives = list(self.api.all(Call(path=f"sites/{quote(site_id, safe=',')}/drives"), PAGES, "value"))
        for one in drives:
            if self.where.library.casefold() in (text(one, "name").casefold(), _last(text(one, "webUrl", ""))):
                return text(one, "id")
        raise SettingsError(
            T("The site has no library {name}.", name=self.where.library),
            place="library",
            remedy=T("There are: {known}.", known=tuple(text(one, "name") for one in drives) or ("-",)),
            kind="library",
        )

    def folder(self, drive: str) -> str:
        """The id of the folder. Raises RemoteError when there is none."""
        path = "/".join(quote(part) for part in self.where.folder.strip("/").split("/") if part)
        try:
            found = record(self.api.get(f"drives/{drive}/root:/{path}" if path else f"drives/{drive}/root"))
        except RemoteError as error:
            if error.kind != Problem.GONE:
                raise
            raise self._no_folder() from error
        if not isinstance(found.get("folder"), Mapping) and path:
            raise self._no_folder()
        return text(found, "id")

    def _no_folder(self) -> RemoteError:
        return RemoteError(
            T("The library has no folder {folder}.", folder=self.where.folder),
            retryable=False,
            remedy=T("Was it moved or renamed? Give its path below the library."),
            kind="folder",
        )


class LibraryFolder:
    """One look at the folder."""

    settles_after = timedelta(seconds=60)

    def __init__(self, library: Library, *, changes_only: bool = False) -> None:
        self._library = library
        self._api = library.api
        self._changes_only = changes_only
        self._known: tuple[str, str] | None = None
        self._items: dict[str, Record] = {}
        self._made: dict[tuple[str, ...], str] = {}

    def listing(self, cursor: str = "") -> Listing:
        if self._changes_only:
            try:
                return self._changes(cursor)
            except RemoteError as error:
                if error.kind != Problem.DENIED:
                    raise
        drive, folder = self._place()
        call = Call(path=f"drives/{drive}/items/{folder}/children", params={"$top": "200", "$select": FIELDS})
        return Listing(files=self._files(self._api.all(call, PAGES, "value", key="id")), notes=self._notes())

    def look(self, file: RemoteFile) -> RemoteFile | None:
        drive, folder = self._place()
        try:
            found = record(self._api.get(f"drives/{drive}/items/{file.id}", **{"$select": FIELDS}))
        except RemoteError as error:
            if error.kind == Problem.GONE:
                return None
            raise
        return next(iter(self._files([found])), None) if _is_in(found, folder) else None

    def fetch(self, file: RemoteFile, into: Path) -> None:
        retrying(lambda: self._download(file, into), Backoff(attempts=3, first=0.5, longest=4.0))
        told = find(self._items.get(file.id, {}), "file.hashes.quickXorHash")
        if told and into.stat().st_size == file.size and quick_xor(into) != told:
            raise RemoteError(
                T("{file} came damaged; it is fetched again next time.", file=file.name), retryable=True, kind="damaged"
            )

    def move(self, file: RemoteFile, folders: Sequence[str], name: str) -> None:
        drive, _ = self._place()
        if file.id not in self._items and self.look(file) is None:
            raise RemoteError(T("The file is gone."), retryable=False, kind=Problem.GONE)
        etag = text(self._items[file.id], "eTag", "")
        body = {"parentReference": {"id": self._folder(folders)}, "name": name}
        headers = {"If-Match": etag} if etag else {}
        self._api.fetch(Call(path=f"drives/{drive}/items/{file.id}", method="PATCH", json=body, headers=headers))

    def write(self, folders: Sequence[str], name: str, content: bytes) -> None:
        drive, _ = self._place()
        path = f"drives/{drive}/items/{self._folder(folders)}:/{quote(name)}:/content"
        url = f"{self._api.base_url.rstrip('/')}/{path}"
        request = Request(method="PUT", url=url, headers={"Content-Type": "text/plain"}, content=content)
        answer = self._library.http.send(self._library.auth.sign(request))
        if not answer.ok:
            raise fault_of(answer, self._library.where.client_id, self._library.where.site) or _failed(answer)

    def delete(self, file: RemoteFile) -> None:
        drive, _ = self._place()
        self._api.fetch(Call(path=f"drives/{drive}/items/{file.id}", method="DELETE"))

    def close(self) -> None:
        """Connections are given back by themselves."""

    def _place(self) -> tuple[str, str]:
        if self._known is None:
            drive = self._library.drive()
            self._known = (drive, self._library.folder(drive))
        return self._known

    def _notes(self) -> tuple[Text, ...]:
        wide = sorted(self._library.roles & WIDE)
        if not wide or self._changes_only:
            return ()
        return (T("The app may read more than this site: it holds {roles}. Sites.Selected is enough.", roles=wide),)

    def _changes(self, cursor: str) -> Listing:
        drive, folder = self._place()
        start = f"drives/{drive}/items/{folder}/delta"
        whole_list = not cursor
        try:
            items, after = self._delta(cursor or start)
        except Resync as error:
            # The token is too old: everything is listed anew, and the ledger keeps anything from being taken twice.
            whole_list = True
            items, after = self._delta(error.location or start)
        here = {key: item for key, item in items.items() if "deleted" not in item and _is_in(item, folder)}
        return Listing(
            files=self._files(here.values()),
            whole=whole_list,
            gone=frozenset(items) - frozenset(here),
            cursor=after,
            notes=self._notes(),
        )

    def _delta(self, address: str) -> tuple[dict[str, Record], str]:
        """Items by id, the last one that names an id counts; and where to go on the next time."""
        items: dict[str, Record] = {}
        after = ""
        for page in self._api.pages(Call(path=address), PAGES, "value"):
            items.update((text(item, "id"), item) for item in page.records)
            after = str(find(page.body, '"@odata.deltaLink"') or "")
        return items, after

    def _files(self, items: Iterable[Record]) -> tuple[RemoteFile, ...]:
        found = []
        for item in items:
            self._items[text(item, "id")] = item
            found.append(
                RemoteFile(
                    id=text(item, "id"),
                    name=text(item, "name"),
                    size=whole(item, "size") or 0,
                    modified=instant(item, "lastModifiedDateTime"),
                    tag=text(item, "cTag", ""),
                    regular=isinstance(item.get("file"), Mapping),
                )
            )
        return tuple(found)

    def _download(self, file: RemoteFile, into: Path) -> None:
        """From the pre-signed address, which gets no credentials; it does not last, and is asked for once more."""
        answer = self._library.files.save(Request(method="GET", url=self._address(file)), into, file.size + 1)
        if answer.status in EXPIRED:
            answer = self._library.files.save(Request(method="GET", url=self._address(file)), into, file.size + 1)
        if not answer.ok:
            raise _failed(answer)

    def _address(self, file: RemoteFile) -> str:
        drive, _ = self._place()
        item = record(self._api.get(f"drives/{drive}/items/{file.id}", select=f"id,{DOWNLOAD}"))
        address = str(item.get(DOWNLOAD) or "")
        if urlsplit(address).scheme not in ("https", urlsplit(self._api.base_url).scheme):
            raise RemoteError(
                T("SharePoint gives no address for {file}.", file=file.name), retryable=False, kind="no_address"
            )
        return address

    def _folder(self, folders: Sequence[str]) -> str:
        """The id of a folder below this one, made as needed."""
        drive, parent = self._place()
        for depth in range(1, len(folders) + 1):
            path = tuple(folders[:depth])
            if path not in self._made:
                self._made[path] = self._make(drive, parent, path[-1])
            parent = self._made[path]
        return parent

    def _make(self, drive: str, parent: str, name: str) -> str:
        body = {"name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
        try:
            made = self._api.post(f"drives/{drive}/items/{parent}/children", json=body)
        except RemoteError as error:
            if error.kind != Problem.EXISTS:
                raise
            made = self._api.get(f"drives/{drive}/items/{parent}:/{quote(name)}")
        return text(record(made), "id")


def _is_in(item: Record, folder: str) -> bool:
    return str(find(item, "parentReference.id") or "") == folder


def _last(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2].casefold()


def _failed(answer: Answer) -> RemoteError:
    return RemoteError(
        T("{name} answers with error {status}.", name="SharePoint", status=str(answer.status)),
        retryable=answer.status >= 500 or answer.status in (408, 429), place=answer.where, status=answer.status,
    )  # fmt: skip


def _roles(token: str) -> frozenset[str]:
    """What the app may do, as its token says; empty where the token cannot be looked into."""
    parts = token.split(".")
    if len(parts) != 3:
        return frozenset()
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return frozenset()
    roles = body.get("roles") if isinstance(body, dict) else None
    return frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset()
