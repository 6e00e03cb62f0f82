"""What the fakes of both MDM editions have in common: devices as live servers write them, and pages in every manner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.domain.usage import Reading


def device(number: int, **fields: Any) -> dict[str, Any]:
    """A managed corporate iPhone; nearly every scalar is text on a live server."""
    row = {
        "device_id": str(2000 + number), "device_name": f"Device {number}", "platform_type": "ios", "platform_type_id": "1",
        "device_type": "2", "model": "iPad", "serial_number": f"F9F{number:06}", "imei": "", "managed_status": "2", "is_removed": "false",
        "owned_by": "1", "is_supervised": True, "last_contact_time": "1763640000000",
        "user": {"user_id": f"u{number}", "user_name": "Desk", "user_email": "desk@acme.example"}, **fields,
    }  # fmt: skip
    return {name: value for name, value in row.items() if value != "absent"}


@dataclass
class Pages:
    """How a server gives a long list: `link` (paging.next), `total` (metadata only), `bare` (neither), `repeat` (always page one)."""

    manner: str = "link"
    size: int = 50
    told: int | None = None
    link_host: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        size = int(request.query_params.get("limit", self.size))
        start = int(request.query_params.get("skip-token", request.query_params.get("offset", 0)))
        part = rows[:size] if self.manner.startswith("repeat") else rows[start : start + size]
        body: dict[str, Any] = {"devices": part, "delta-token": "MTo3", **self.extra}
        if not self.manner.endswith("bare"):
            body["metadata"] = {"total_record_count": len(rows) if self.told is None else self.told}
        if self.manner == "link" and start + size < len(rows):
            host = self.link_host or f"{request.url.scheme}://{request.url.netloc}"
            body["paging"] = {"next": f"{host}{request.url.path}?skip-token={start + size}"}
        return JSONResponse(body)


def counts(reading: Reading, customer: str) -> dict[str, int]:
    """What is not zero for one customer, by product."""
    return {
        line.product_key: int(line.quantity) for line in reading.lines if line.customer_id == customer and line.quantity
    }
