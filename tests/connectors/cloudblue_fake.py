"""A marketplace that speaks CloudBlue's SimpleAPI, for the connectors of its distributors."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def customer(identity: str = "1000281", name: str = "Bakkerij De Halm B.V.", **fields: Any) -> dict[str, Any]:
    return {"id": identity, "externalId": "D1004", "name": name, "status": "active", **fields}


def product(mpn: str = "CFQ7TTC0LCHC:0002_P1Y:M", quantity: object = 25, **fields: Any) -> dict[str, Any]:
    price = {"currency": "EUR", "amount": "20.60"}
    return {
        "mpn": mpn,
        "id": f"p-{mpn}",
        "name": "Microsoft 365 Business Premium",
        "quantity": quantity,
        "unitPrice": price,
        **fields,
    }


def subscription(identity: str, *products: dict[str, Any], owner: str = "1000281", **fields: Any) -> dict[str, Any]:
    """The details; the list shows the same without products."""
    return {
        "id": identity,
        "customerId": owner,
        "status": "active",
        "renewalStatus": True,
        "products": list(products),
        **fields,
    }


@dataclass
class Marketplace:
    """Its behaviour, and switches for its bad days. `most` is the largest page it gives."""

    customers: list[dict[str, Any]] = field(default_factory=lambda: [customer()])
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    code: str = "nl"
    user: str = "An.API"
    password: str = "s3cret-pass"
    key: str = "s3cret-key"
    most: int = 1000
    seconds: int = 1500
    token_answer: Response | None = None
    products_in_list: bool = False
    overlap: int = 0
    shrinks: bool = False
    ends_after: int | None = None
    before: dict[str, list[Response]] = field(default_factory=dict)
    openid: tuple[str, str] | None = None
    tokens: int = 0
    answered: int = 0

    def app(self, base: str = "/marketplace/eu") -> Starlette:
        return Starlette(
            routes=[
                Route("/auth/token", self.openid_token, methods=["POST"]),
                Route(f"{base}/token", self.token, methods=["POST"]),
                Route(f"{base}/customers", self.list_customers),
                Route(f"{base}/subscriptions", self.list_subscriptions),
                Route(f"{base}/subscriptions/{{id}}", self.detail),
            ]
        )

    async def token(self, request: Request) -> Response:
        if self.token_answer is not None:
            return self.token_answer
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if request.headers.get("x-subscription-key") != self.key:
            return JSONResponse(
                {"statusCode": 401, "message": "Access denied due to invalid subscription key."}, status_code=401
            )
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"status": 401, "error": "Unauthorized"}, status_code=401)
        if (await request.json()) != {"marketplace": self.code}:
            return JSONResponse({"status": 400, "error": "unknown marketplace"}, status_code=400)
        self.tokens += 1
        return JSONResponse({"token": f"t{self.tokens}", "expiresInSeconds": self.seconds})

    async def openid_token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        assert (form["grant_type"], form["scope"]) == ("password", "openid")
        assert (form["client_id"], form["client_secret"]) == self.openid
        self.tokens += 1
        return JSONResponse({"access_token": f"t{self.tokens}", "expires_in": self.seconds})

    def refusal(self, request: Request, path: str) -> Response | None:
        self.answered += 1
        if self.ends_after is not None and self.answered > self.ends_after:
            self.ends_after = None
            return JSONResponse({"status": 401, "error": "token"}, status_code=401)
        good = request.headers.get("authorization") == f"Bearer t{self.tokens}"
        if not good or request.headers.get("x-subscription-key") != self.key:
            return JSONResponse({"status": 401, "error": "token"}, status_code=401)
        return self.before[path].pop(0) if self.before.get(path) else None

    def page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        offset, limit = (
            int(request.query_params.get("offset", 0)),
            min(self.most, int(request.query_params.get("limit", 10))),
        )
        total = len(rows)
        data = rows[max(0, offset - self.overlap) : offset + limit]
        if self.shrinks and offset == 0:
            del rows[0]
        return JSONResponse({"data": data, "pagination": {"offset": offset, "limit": limit, "total": total}})

    async def list_customers(self, request: Request) -> Response:
        return self.refusal(request, "customers") or self.page(request, self.customers)

    async def list_subscriptions(self, request: Request) -> Response:
        rows = self.subscriptions
        if not self.products_in_list:
            rows = [{name: value for name, value in row.items() if name != "products"} for row in rows]
        return self.refusal(request, "subscriptions") or self.page(request, rows)

    async def detail(self, request: Request) -> Response:
        identity = request.path_params["id"]
        refused = self.refusal(request, identity)
        found = next((row for row in self.subscriptions if row["id"] == identity), None)
        return refused or JSONResponse(found or {"status": 404}, status_code=200 if found else 404)
