"""What the people saw, in figures: percentiles of each page and of all, and what was too slow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

LIMIT = 2.0
"""Seconds that 95 of 100 interactions must stay under."""
SLOW = 30.0
"""An interaction without an answer counts as so long."""


def of_people(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Figures of all interactions, and of each page."""
    told = list(lines)
    pages: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, list[float]] = defaultdict(list)
    for line in told:
        seconds = SLOW if line["seconds"] is None else line["seconds"]
        pages[line["page"]].append(seconds)
        kinds[f"{line['page']}: {line['what']}"].append(seconds)
    every = [seconds for found in pages.values() for seconds in found]
    if not every:
        return {"interactions": 0}
    slowest = sorted(kinds.items(), key=lambda pair: percentile(pair[1], 95), reverse=True)[:5]
    return {
        "interactions": len(every),
        "without an answer": sum(line["seconds"] is None for line in told),
        "pages with an error": sum(bool(line["problem"]) for line in told if line["seconds"] is not None),
        **seconds_of(every),
        "under 2 s": f"{100 * sum(seconds < LIMIT for seconds in every) / len(every):.1f} %",
        "p95 / 2 s": round(percentile(every, 95) / LIMIT, 3),
        "pages": {page: seconds_of(found) for page, found in sorted(pages.items())},
        "slowest kinds (p95)": {name: round(percentile(found, 95), 2) for name, found in slowest},
        "problems": sorted({line["problem"] for line in told if line["problem"]})[:5],
    }


def seconds_of(found: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in seconds."""
    return {f"p{share}": round(percentile(found, share), 3) for share in (50, 95, 99)}


def percentile(found: Sequence[float], share: float) -> float:
    """The value that so many of a hundred stay at or below."""
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
