"""A fake of FortiManager's JSON-RPC and of the sign-in of FortiManager Cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "key-0123456789abcdef"
PASSWORD = "pass-word-1"
MODES = {"unreg": 0, "fmg": 1, "faz": 2, "fmgfaz": 3}
STATES = {"UNKNOWN": 0, "up": 1, "down": 2}
BITS = {"has_hdd": 1, "reload": 8, "is_model": 64, "linked_to_model": 256}
SECRET = "ENC-psk-very-secret"


def device(number: int, *vdoms: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": f"fw{number}", "oid": 1000 + number, "sn": f"FGT60F{number:04}", "platform_str": "FortiGate-60F", "os_type": "fos",
        "mgmt_mode": "fmg", "flags": None, "conn_status": "up", "ha_mode": "standalone", "ha_slave": None,
        "vdom": [{"name": name, "oid": 3} for name in vdoms or ("root",)], "adm_pass": [SECRET], **fields,
    }  # fmt: skip


def cluster(number: int, members: int = 2, **fields: Any) -> dict[str, Any]:
    slaves = [
        {
            "name": f"m{one}",
            "sn": f"FGT60F{number:04}" if not one else f"FGT60F{number:04}-{one}",
            "role": "slave" if one else "master",
        }
        for one in range(members)
    ]
    return device(number, ha_mode="AP", ha_slave=slaves, **fields)


@dataclass
class Fake:
    """`codes` are given first, by URL: one code for one part of a request."""

    adoms: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    uuids: bool = True
    adoms_enabled: bool = True
    integers: bool = False
    codes: dict[str, list[int]] = field(default_factory=dict)
    contracts: list[dict[str, Any]] = field(default_factory=list)
    empty_is_absent: bool = False
    lost: set[str] = field(default_factory=set)
    answers: list[Response] = field(default_factory=list)
    sessions_end_at: set[int] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    cloud_tokens: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/jsonrpc", self.answer, methods=["POST"]),
                Route("/api/v1/oauth/token/", self.cloud_token, methods=["POST"]),
                Route("/p/forticloud_jsonrpc_login/", self.cloud_session, methods=["POST"]),
            ]
        )

    async def cloud_token(self, request: Request) -> Response:
        body = await request.json()
        if (body["password"], body["client_id"], body["grant_type"]) != (PASSWORD, "FortiManager", "password"):
            return JSONResponse({"status": "error", "message": "invalid"}, status_code=401)
        self.cloud_tokens += 1
        return JSONResponse(
            {"access_token": f"cloud-token-{self.cloud_tokens}", "refresh_token": "r", "status": "success"}
        )

    async def cloud_session(self, request: Request) -> Response:
        body = await request.json()
        if body != {"access_token": f"cloud-token-{self.cloud_tokens}"}:
            return JSONResponse({"error": "bad token"}, status_code=401)
        return JSONResponse({"session": self.new_session()})

    def new_session(self) -> str:
        session = f"Qm9n{len(self.calls):08}=="
        self.sessions.add(session)
        return session

    async def answer(self, request: Request) -> Response:
        if self.answers:
            return self.answers.pop(0)
        body = await request.json()
        self.calls.append((body["method"], body["params"]))
        url = body["params"][0]["url"]
        if url == "sys/login/user":
            return self.login(body)
        if len(self.calls) in self.sessions_end_at:
            self.sessions.clear()
        by_key = request.headers.get("authorization") == f"Bearer {KEY}"
        if not by_key and body.get("session") not in self.sessions:
            return self.reply(
                body, [self.part(one["url"], -11, "No permission for the resource") for one in body["params"]]
            )
        if url == "sys/logout":
            self.sessions.discard(body.get("session"))
        return self.reply(body, [self.run(one) for one in body["params"]])

    def login(self, body: dict[str, Any]) -> Response:
        data = body["params"][0]["data"]
        data = data[0] if isinstance(data, list) else data
        if data != {"user": "reader", "passwd": PASSWORD}:
            return self.reply(body, [self.part("sys/login/user", -22, "Login fail")])
        return self.reply(body, [self.part("sys/login/user")], session=self.new_session())

    def reply(self, body: dict[str, Any], parts: list[dict[str, Any]], **more: Any) -> Response:
        result: Any = parts[0] if body["method"] == "exec" and body["params"][0]["url"] == "/um/device/list" else parts
        return JSONResponse({"id": body["id"], "result": result, **more})

    @staticmethod
    def part(url: str, code: int = 0, message: str = "OK", **data: Any) -> dict[str, Any]:
        return {"status": {"code": code, "message": message}, "url": url, **data}

    def run(self, part: dict[str, Any]) -> dict[str, Any]:
        url = part["url"]
        if self.codes.get(url):
            code = self.codes[url].pop(0)
            if code:
                return self.part(url, code, "Object does not exist" if code == -3 else "Something")
        if url == "/sys/status":
            state = "Enabled" if self.adoms_enabled else "Disabled"
            return self.part(url, data={"Hostname": "FMG", "Version": "v7.4.5", "Admin Domain Configuration": state})
        if url == "/cli/global/system/global":
            return self.part(url, data={"workspace-mode": 0, "adom-status": 1})
        if url == "/dvmdb/adom":
            return self.part(url, data=[self.adom(name, number) for number, name in enumerate([*self.adoms, "rootp"])])
        if url == "/um/device/list":
            return self.part(url, data={"count": len(self.contracts), "dev_object": self.contracts})
        if url == "sys/logout":
            return self.part(url)
        found = re.fullmatch(r"/dvmdb/adom/([^/]+)/device", url)
        if found is None or found[1] not in self.adoms:
            return self.part(url, -3, "Object does not exist")
        return self.devices(part, found[1])

    def adom(self, name: str, number: int) -> dict[str, Any]:
        row = {
            "name": name,
            "desc": self.descriptions.get(name, ""),
            "oid": 200 + number,
            "restricted_prds": ["fos"],
            "state": 1,
        }
        if self.uuids:
            row["uuid"] = f"uuid-{name}"
        if self.integers:
            row["restricted_prds"] = 1
        return row

    def devices(self, part: dict[str, Any], adom: str) -> dict[str, Any]:
        rows = self.adoms[adom]
        if part.get("option") == ["count"]:
            return self.part(part["url"], data=len(rows))
        if adom in self.lost or (not rows and self.empty_is_absent):
            return self.part(part["url"])
        meta = "get meta" in part.get("option", [])
        wanted = {"oid", "name", "adm_pass", *part.get("fields", []), *(["meta fields"] if meta else [])}
        found = [{name: value for name, value in row.items() if name in wanted} for row in rows]
        return self.part(part["url"], data=[self.as_integers(row) for row in found] if self.integers else found)

    @staticmethod
    def as_integers(row: dict[str, Any]) -> dict[str, Any]:
        """The same row from a server that does not know `verbose`."""
        members = [{**one, "role": int(one["role"] == "master")} for one in row["ha_slave"] or []]
        return {
            **row,
            "os_type": 0 if row["os_type"] == "fos" else 3,
            "mgmt_mode": MODES[row["mgmt_mode"]],
            "conn_status": STATES[row["conn_status"]],
            "flags": sum(BITS[name] for name in row["flags"] or []),
            "ha_slave": members or None,
        }
