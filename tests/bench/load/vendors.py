"""Thirteen vendors in a process of their own, each a paged JSON endpoint: `python -m tests.bench.load.vendors TRUTH`.

TRUTH is a JSON file with the records of each vendor. From one reading to the next one record in a hundred changes, as licences do.
Prints its port.
"""

from __future__ import annotations

import json
import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 500
MOVED = 100
"""One record in so many changes between two readings."""


class Vendors(BaseHTTPRequestHandler):
    """`/0?page=1`: the first records of the first vendor."""

    protocol_version = "HTTP/1.1"
    truth: dict[str, list[dict[str, Any]]]
    dice = random.Random(7)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        records = self.truth[address.path.strip("/")]
        page = int(parse_qs(address.query).get("page", ["1"])[0])
        if page == 1:
            for record in self.dice.sample(records, max(1, len(records) // MOVED)):
                record["quantity"] = max(1, record["quantity"] + self.dice.choice((-2, -1, 1, 2)))
        body = json.dumps(
            {"pages": -(-len(records) // PAGE), "data": records[(page - 1) * PAGE : page * PAGE]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main(path: str) -> None:
    Vendors.truth = json.loads(Path(path).read_text(encoding="utf-8"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendors)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
