"""A fake of Zabbix's JSON-RPC, as one version of it behaves: where credentials go, what is ignored and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TOKEN = "a1" * 32
TYPES = ("application/json-rpc", "application/json", "application/jsonrequest")
NOT_AUTHORIZED = (-32602, "Not authorized.")
TERMINATED = (-32602, "Session terminated, re-login, please.")
EXPIRED = (-32500, "API token expired.")


class Failure(Exception):
    """An error of the interface: code and data."""


@dataclass
class HostRow:
    id: int
    groups: list[int]
    status: str = "0"
    flags: str = "0"
    tags: dict[str, str] = field(default_factory=dict)
    proxy: int = 0
    proxy_group: int = 0
    items: int = 10
    template: bool = False


@dataclass
class Fake:
    """`answers` are given first; `sessions_end_at` are numbers of calls (counted from 1) at which the session ends."""

    version: str = "6.0.14"
    groups: dict[int, str] = field(default_factory=dict)
    hosts: list[HostRow] = field(default_factory=list)
    proxies: dict[int, int] = field(default_factory=dict)
    token_error: tuple[int, str] | None = None
    password: str = "pass-word-1"
    answers: list[Response] = field(default_factory=list)
    errors: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    drops_groups: bool = False
    empties_groups: bool = False
    ignores_ids: bool = False
    session_as_object: bool = False
    sessions_end_at: set[int] = field(default_factory=set)
    front: str = ""
    sessions: set[str] = field(default_factory=set)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def numbers(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/zabbix/api_jsonrpc.php", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] not in TYPES:
            return Response(status_code=412)
        if self.front and request.headers.get("authorization") != self.front:
            return Response("<h1>401</h1>", status_code=401)
        if self.answers:
            return self.answers.pop(0)
        body = json.loads(await request.body())
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": body["id"]}
        try:
            reply["result"] = self.run(body, request.headers.get("authorization", ""))
        except Failure as failure:
            code, said = failure.args
            reply["error"] = {"code": code, "message": "Invalid params.", "data": said}
        # Everything that is not ASCII is escaped, as PHP does.
        return Response(json.dumps(reply, ensure_ascii=True), media_type="application/json")

    def run(self, body: dict[str, Any], header: str) -> Any:
        method, params = body["method"], body["params"]
        self.calls.append((method, params))
        if body.get("jsonrpc") != "2.0" or not isinstance(params, dict | list):
            raise Failure(-32600, "Invalid request.")
        if self.numbers >= (7, 2) and "auth" in body:
            raise Failure(-32600, 'Invalid parameter "/": unexpected parameter "auth".')
        credential = body.get("auth") or (
            header.removeprefix("Bearer ") if self.numbers >= (6, 4) and not self.front else ""
        )
        if method == "apiinfo.version":
            if credential:
                raise Failure(-32602, 'The "apiinfo.version" method must be called without the "auth" parameter.')
            return self.version
        if method == "user.login":
            return self.login(params)
        if method == "user.checkAuthentication":
            return {"userid": "1"}
        self.authorize(credential)
        if self.errors.get(method):
            raise Failure(*self.errors[method].pop(0))
        if method == "user.logout":
            self.sessions.discard(credential)
            return True
        known = {"hostgroup.get": self.hostgroup, "host.get": self.host, "proxy.get": self.proxy, "item.get": self.item}
        if method not in known:
            raise Failure(-32601, f'Incorrect method "{method}".')
        return known[method](params)

    def login(self, params: dict[str, Any]) -> Any:
        name = params.get("username") or (params.get("user") if self.numbers == (6, 0) else None)
        if name != "reader" or params.get("password") != self.password:
            raise Failure(-32500, "Incorrect user name or password or account is temporarily blocked.")
        session = f"{len(self.calls):032x}"
        self.sessions.add(session)
        return {"sessionid": session, "userid": "3"} if self.session_as_object or params.get("userData") else session

    def authorize(self, credential: str) -> None:
        if credential == TOKEN:
            if self.token_error:
                raise Failure(*self.token_error)
            return
        if not credential or len(credential) == 64:
            raise Failure(*NOT_AUTHORIZED)
        if len(self.calls) in self.sessions_end_at:
            self.sessions.clear()
        if credential not in self.sessions:
            raise Failure(*TERMINATED)

    def hostgroup(self, params: dict[str, Any]) -> Any:
        wanted = params.get("search", {}).get("name", "").lower()
        found = [(number, name) for number, name in self.groups.items() if name.lower().startswith(wanted)]
        return [{"groupid": str(number), "name": name} for number, name in sorted(found, key=lambda one: one[1])]

    def host(self, params: dict[str, Any]) -> Any:
        old = self.numbers < (6, 2)
        if "selectGroups" in params and self.numbers >= (7, 2):
            raise Failure(-32602, 'Invalid parameter "/": unexpected parameter "selectGroups".')
        unknown = set(params.get("output", [])) & ({"proxy_hostid"} if self.numbers >= (7, 0) else {"proxyid"})
        if unknown and self.numbers >= (7, 0):
            raise Failure(-32602, f'Invalid parameter "/output/1": value must be one of … not {unknown}.')
        rows = [host for host in self.hosts if not host.template]
        rows = [host for host in rows if any(group in self.groups for group in host.groups) or not host.groups]
        if "groupids" in params:
            rows = [host for host in rows if {str(group) for group in host.groups} & set(params["groupids"])]
        if "hostids" in params and not self.ignores_ids:
            rows = [host for host in rows if str(host.id) in params["hostids"]]
        asked = "selectGroups" if old else "selectHostGroups"
        key = "groups" if asked in params and (old or "selectGroups" in params) else "hostgroups"
        return [self.row(host, params, key if asked in params or "selectGroups" in params else "") for host in rows]

    def row(self, host: HostRow, params: dict[str, Any], key: str) -> dict[str, Any]:
        every = {
            "hostid": str(host.id), "status": host.status, "flags": host.flags, "proxy_hostid": str(host.proxy),
            "monitored_by": "2" if host.proxy_group else "1" if host.proxy else "0",
            "proxyid": str(host.proxy), "proxy_groupid": str(host.proxy_group),
        }  # fmt: skip
        found: dict[str, Any] = {name: every[name] for name in {"hostid", *params["output"]} & set(every)}
        if key and not self.drops_groups:
            seen = [] if self.empties_groups else [group for group in host.groups if group in self.groups]
            found[key] = [{"groupid": str(group), "name": self.groups[group]} for group in seen]
        if "selectTags" in params:
            found["tags"] = [{"tag": tag, "value": value} for tag, value in host.tags.items()]
        return found

    def proxy(self, params: dict[str, Any]) -> Any:
        if "host" in params["output"] and self.numbers >= (7, 0):
            raise Failure(-32602, 'Invalid parameter "/output/2".')
        return [{"proxyid": str(number), "proxy_groupid": str(group)} for number, group in self.proxies.items()]

    def item(self, params: dict[str, Any]) -> Any:
        wanted = [host for host in self.hosts if str(host.id) in params["hostids"] and host.status == "0"]
        return str(sum(host.items for host in wanted))
