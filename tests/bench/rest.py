"""Reading a paged endpoint: rows a second, beside the same read by dlt's `rest_api` source from the same server."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from connectors._kit.registry import manifest
from core.domain.connector import Surroundings

SERVER = """
    import asyncio, json, sys
    pages, rows = int(sys.argv[1]), int(sys.argv[2])
    def body(number):
        data = [{"id": number * rows + n, "customer": {"id": f"C{n % 50:04}", "name": f"Customer {n % 50}"}, "sku": f"SKU-{number % 40}",
                 "name": f"Product {number % 40}", "quantity": n % 97, "price": "12.50", "status": "active"} for n in range(rows)]
        return json.dumps({"page": number, "pages": pages, "data": data if 1 <= number <= pages else []}).encode()
    bodies = [body(number) for number in range(pages + 2)]
    async def handle(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\\r\\n\\r\\n")
                path = head.split(b" ", 2)[1].decode()
                number = int(path.partition("page=")[2].partition("&")[0] or 1)
                found = bodies[min(number, pages + 1)]
                start = f"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: {len(found)}\\r\\n\\r\\n"
                writer.write(start.encode() + found)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()
    asyncio.run(main())
"""


@contextmanager
def served(pages: int, rows: int) -> Iterator[str]:
    """The endpoint in a process of its own, so that nobody pays for it: its address."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(pages), str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def read_own(url: str) -> int:
    """All rows through the connector `rest`, summed into usage lines; how many records there were."""
    settings = {
        "url": f"{url}/x",
        "network": {"internal": True},
        "paging": {"kind": "page", "param": "page", "pages_at": "pages"},
        "mapping": {
            "records": "data", "customer_id": "customer.id", "customer": "customer.name", "product_key": "sku", "product": "name",
            "quantity": "quantity", "filters": [{"path": "status", "values": ["active"]}],
        },
    }  # fmt: skip
    around = Surroundings(allowed_hosts=lambda: frozenset({"127.0.0.1"}))
    reading = manifest("rest").open("Bench", settings, {}, None, around).read(datetime.now(UTC))
    return sum(line.origin.rows for line in reading.lines)


def read_dlt(url: str) -> int:
    """All rows through dlt's source, as records only: nothing is normalised, summed or loaded."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {"base_url": url},
            "resources": [
                {
                    "name": "x",
                    "endpoint": {
                        "path": "x",
                        "data_selector": "data",
                        "paginator": {
                            "type": "page_number",
                            "base_page": 1,
                            "page_param": "page",
                            "total_path": "pages",
                        },
                    },
                }
            ],
        }
    )
    return sum(1 for _ in source.resources["x"])


def measure(pages: int, rows: int) -> dict[str, Any]:
    """Rows a second of both, the better of three turns each; `ratio` above 1: we are faster."""
    best = {"own": float("inf"), "dlt": float("inf")}
    with served(pages, rows) as url:
        for name, read in (("dlt", read_dlt), ("own", read_own)) * 3:
            begun = time.perf_counter()
            found = read(url)
            best[name] = min(best[name], time.perf_counter() - begun)
            if found != pages * rows:
                raise RuntimeError(f"{name} read {found} rows instead of {pages * rows}")
    return {
        "pages": pages,
        "rows": pages * rows,
        "rows_per_second": round(pages * rows / best["own"]),
        "dlt_rows_per_second": round(pages * rows / best["dlt"]),
        "ratio": round(best["dlt"] / best["own"], 2),
    }
