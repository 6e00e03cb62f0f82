"""A very small Autotask of canned rows, for answers that the sandbox never gives: rows without a line, odd page addresses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Row = dict[str, Any]

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda held, asked: held == asked,
    "noteq": lambda held, asked: held != asked,
    "gt": lambda held, asked: held > asked,
    "gte": lambda held, asked: held >= asked,
    "lt": lambda held, asked: held < asked,
    "in": lambda held, asked: held in asked,
    "notExist": lambda held, _: held is None,
}


class FakeAutotask:
    """`tables` by entity. `page_url(path, number)` makes the address of the next page; `shuffled` answers in descending order."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {}
        self.page_url: Callable[[str, int], str] = lambda path, number: f"{self.origin}{path}/next?paging={number}"
        self.shuffled = False
        self.details: Any = None
        self.asked: list[str] = []
        self.bodies: list[Row] = []
        self.headers: list[Mapping[str, str]] = []
        self.origin = ""

    @property
    def base_url(self) -> str:
        return f"{self.origin}/ATServicesRest/"

    def answer(self, path: str, body: Row) -> Row:
        entity = path.split("/V1.0/")[1].split("/", 1)[0]
        rows = [row for row in self.tables.get(entity, []) if all(_fits(row, one) for one in body["Filter"])]
        rows.sort(key=lambda row: row["id"], reverse=self.shuffled)
        if "/query/count" in path:
            return {"queryCount": len(rows)}
        number = int(path.partition("paging=")[2] or 0)
        size = body["MaxRecords"]
        more = len(rows) > (number + 1) * size
        plain = path.partition("/next")[0]
        url = self.page_url(plain, number + 1) if more else None
        page = rows[number * size : (number + 1) * size]
        return {"items": page, "pageDetails": self.details or {"count": len(page), "nextPageUrl": url}}


def _fits(row: Row, condition: Row) -> bool:
    return OPERATORS[condition["op"]](row.get(condition["field"]), condition.get("value"))


@contextmanager
def serving(fake: FakeAutotask) -> Iterator[FakeAutotask]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.asked.append(self.path)
            fake.bodies.append(body)
            fake.headers.append(dict(self.headers))
            self.reply(fake.answer(self.path, body))

        def do_GET(self) -> None:
            fake.asked.append(self.path)
            self.reply({"fields": []})

        def reply(self, body: Row) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.origin = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
