"""A fake of the part of Microsoft Graph that holds files, with its sign-in and the other host that downloads come from."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sharepoint.quick_xor import quick_xor

DRIVE, SITE, ROOT, DROP = "b!x1", "contoso.sharepoint.com,1,2", "01ROOT", "01DROP"


def token(*roles: str) -> str:
    """A token as Entra ID makes them, unsigned."""
    body = base64.urlsafe_b64encode(json.dumps({"roles": list(roles)}).encode()).decode().rstrip("=")
    return f"head.{body}.sign"


@dataclass
class Item:
    """A file or folder."""

    id: str
    name: str
    parent: str
    content: bytes | None = None
    modified: datetime = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    version: int = 1
    with_hash: bool = True

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": self.id, "name": self.name, "size": len(self.content or b""), "eTag": f'"{{{self.id}}},{self.version}"',
            "cTag": f'"c:{{{self.id}}},{self.version}"', "lastModifiedDateTime": self.modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "parentReference": {"driveId": DRIVE, "id": self.parent},
        }  # fmt: skip
        if self.content is None:
            return found | {"folder": {"childCount": 0}}
        hashes = {"quickXorHash": _hash(self.content)} if self.with_hash else {}
        return found | {"file": {"mimeType": "text/csv", "hashes": hashes}}


def _hash(content: bytes) -> str:
    import tempfile
    from pathlib import Path

    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return quick_xor(Path(file.name))


@dataclass
class GraphFiles:
    """The library. `page` items a page; `empty_second` puts an empty page in between; `faults` are answers by method and path end."""

    items: dict[str, Item] = field(default_factory=dict)
    page: int = 200
    empty_second: bool = False
    faults: dict[str, list[Response]] = field(default_factory=dict)
    expired: int = 0
    """Downloads that are refused because the address is too old."""
    damaged: bool = False
    roles: tuple[str, ...] = ("Sites.Selected",)
    forbidden: bool = False
    delta_forbidden: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    resync: bool = False
    download_url: str = ""
    downloads: list[dict[str, str]] = field(default_factory=list)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.items[ROOT] = Item(ROOT, "root", "")
        self.items[DROP] = Item(DROP, "Exports", ROOT)

    def put(self, name: str, content: bytes, *, parent: str = DROP, **more: Any) -> Item:
        """A new file, or a new version of the one of this name."""
        known = next((one for one in self.items.values() if (one.name, one.parent) == (name, parent)), None)
        self.sequence += 1
        item = known or Item(f"01F{self.sequence}", name, parent, **more)
        item.content = content
        item.version += known is not None
        item.modified = more.get("modified", item.modified)
        self.items[item.id] = item
        return item

    def names(self, parent: str = DROP) -> list[str]:
        """What lies in a folder."""
        return sorted(one.name for one in self.items.values() if one.parent == parent)

    def where(self, item: str) -> str:
        """The path of an item below the folder that is watched."""
        one = self.items[item]
        return one.name if one.parent == DROP else f"{self.where(one.parent)}/{one.name}"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/download/{item}", self._download),
                Route("/v1.0/{path:path}", self._graph, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        return JSONResponse({"access_token": token(*self.roles), "expires_in": 3600, "token_type": "Bearer"})

    async def _download(self, request: Request) -> Response:
        self.downloads.append(dict(request.headers))
        if "authorization" in request.headers:
            return Response(status_code=400)
        if self.expired:
            self.expired -= 1
            return Response(status_code=403)
        content = self.items[request.path_params["item"]].content or b""
        return Response(b"?" * len(content) if self.damaged else content)

    async def _graph(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return _error(401, "InvalidAuthenticationToken")
        path = request.path_params["path"]
        for end, answers in self.faults.items():
            method, _, tail = end.partition(" ")
            if request.method == method and path.endswith(tail) and answers:
                return answers.pop(0)
        if self.forbidden:
            return _error(403, "accessDenied")
        parts = path.split("/")
        if parts[0] == "sites":
            return self._site(path)
        if path == f"drives/{DRIVE}/root":
            return JSONResponse(self.items[ROOT].record())
        if path.startswith(f"drives/{DRIVE}/root:/"):
            return self._by_path(ROOT, path.partition("root:/")[2])
        return await self._item(request, path.removeprefix(f"drives/{DRIVE}/items/"))

    def _site(self, path: str) -> Response:
        if path.endswith("/drives"):
            shared = {
                "id": DRIVE,
                "name": "Documents",
                "webUrl": "https://contoso.sharepoint.com/sites/L/Shared%20Documents",
            }
            return JSONResponse({"value": [shared, {"id": "b!x2", "name": "Other", "webUrl": "https://c/Other"}]})
        if path.endswith("/drive"):
            return JSONResponse({"id": DRIVE, "name": "Documents"})
        return JSONResponse({"id": SITE})

    def _by_path(self, parent: str, path: str) -> Response:
        for name in unquote(path).split("/"):
            found = next((one for one in self.items.values() if (one.name, one.parent) == (name, parent)), None)
            if found is None:
                return _error(404, "itemNotFound")
            parent = found.id
        return JSONResponse(self.items[parent].record())

    async def _item(self, request: Request, rest: str) -> Response:
        item, _, action = rest.partition("/")
        if item.endswith(":"):
            name = unquote(action).removesuffix(":/content")
            if request.method == "PUT":
                return JSONResponse(self.put(name, await request.body(), parent=item[:-1]).record(), 201)
            return self._by_path(item[:-1], name)
        if item not in self.items:
            return _error(404, "itemNotFound")
        if action == "children":
            return await self._make(request, item) if request.method == "POST" else self._children(request, item)
        if action == "delta":
            return self._delta(request, item)
        if request.method == "DELETE":
            del self.items[item]
            return Response(status_code=204)
        if request.method == "PATCH":
            return await self._move(request, self.items[item])
        if "select" in request.query_params:
            address = f"{self.download_url or str(request.base_url).rstrip('/')}/download/{item}?tempauth=geheim"
            return JSONResponse({"id": item, "@microsoft.graph.downloadUrl": address})
        return JSONResponse(self.items[item].record())

    def _children(self, request: Request, item: str) -> Response:
        there = [one.record() for one in self.items.values() if one.parent == item]
        at = int(request.query_params.get("$skiptoken", "0"))
        pages = [there[start : start + self.page] for start in range(0, len(there), self.page)] or [[]]
        if self.empty_second:
            pages.insert(1, [])
        body: dict[str, Any] = {"value": pages[at]}
        if at + 1 < len(pages):
            body["@odata.nextLink"] = f"{str(request.url).partition('?')[0]}?$skiptoken={at + 1}"
        return JSONResponse(body)

    def _delta(self, request: Request, item: str) -> Response:
        if self.delta_forbidden:
            return _error(403, "accessDenied")
        address = str(request.url).partition("?")[0]
        if "token" not in request.query_params:
            everything = [one.record() for one in self.items.values()]
            return JSONResponse({"value": everything, "@odata.deltaLink": f"{address}?token=1"})
        if self.resync:
            self.resync = False
            return Response('{"error":{"code":"resyncRequired"}}', 410, {"Location": address})
        changes, self.changes = self.changes, []
        return JSONResponse({"value": changes, "@odata.deltaLink": f"{address}?token=2"})

    async def _make(self, request: Request, parent: str) -> Response:
        name = (await request.json())["name"]
        if name in self.names(parent):
            return _error(409, "nameAlreadyExists")
        self.sequence += 1
        made = Item(f"01D{self.sequence}", name, parent)
        self.items[made.id] = made
        return JSONResponse(made.record(), 201)

    async def _move(self, request: Request, item: Item) -> Response:
        if request.headers.get("if-match") != item.record()["eTag"]:
            return _error(412, "resourceModified")
        body = await request.json()
        if body["name"] in self.names(body["parentReference"]["id"]):
            return _error(409, "nameAlreadyExists")
        item.parent, item.name = body["parentReference"]["id"], body["name"]
        return JSONResponse(item.record())


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": code}}, status)


def error(status: int, code: str, **headers: str) -> Response:
    """An answer for `faults`."""
    return JSONResponse({"error": {"code": code}}, status, headers=headers)
