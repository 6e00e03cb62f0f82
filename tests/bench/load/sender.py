"""Sends a burst of signed webhooks over some connections: `python -m tests.bench.load.sender < PLAN`. Prints what was answered."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.hooks import signed

SENDERS = 4
AGAIN = 5
"""A sender that is asked to come back later, or finds the line cut, tries again so often, as senders do."""


def send(plan: dict[str, Any], numbers: range) -> Counter[int]:
    """One connection's part of the burst."""
    line = http.client.HTTPConnection(plan["address"], timeout=60)
    codes: Counter[int] = Counter()
    for number in numbers:
        body, headers = signed(plan["turn"] * 1_000_000 + number)
        for attempt in range(AGAIN):
            status = _post(line, plan["path"], body, headers)
            codes[status] += 1
            if 200 <= status < 300:
                break
            time.sleep(0.2 * 2**attempt)
    line.close()
    return codes


def _post(line: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> int:
    """The status; 0 where the line was cut."""
    try:
        line.request("POST", path, body, headers)
        answer = line.getresponse()
        answer.read()
    except (http.client.HTTPException, OSError):
        line.close()
        return 0
    return answer.status


def main() -> None:
    plan = json.load(sys.stdin)
    begun = time.perf_counter()
    codes: Counter[int] = Counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        for found in pool.map(lambda at: send(plan, range(at, plan["events"], SENDERS)), range(SENDERS)):
            codes += found
    seconds = time.perf_counter() - begun
    json.dump({"accepted": codes[202], "codes": codes, "per second": round(codes[202] / seconds, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
