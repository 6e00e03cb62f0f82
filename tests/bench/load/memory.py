"""Memory and processor of the product's processes while it works: sampled from /proc, with what grows by the hour."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

MEGABYTE = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the epoch, MiB of the web process and of all it started, and their processor seconds so far."""

    at: float
    web: float
    all: float
    cpu: float


@dataclass(slots=True)
class Sampler:
    """Looks every so many seconds until `stop`. What a child used that has ended stays counted."""

    pid: int
    every: float = 1.0
    samples: list[Sample] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Sampler:
        """Begin."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def since(self, moment: float) -> list[Sample]:
        """What was seen from then on."""
        return [one for one in self.samples if one.at >= moment]

    def _work(self) -> None:
        while not self._ended.wait(self.every):
            family = _family(self.pid)
            sizes = {pid: _resident(pid) for pid in family}
            cpu = sum(processor(pid) for pid in family)
            self.samples.append(Sample(time.time(), sizes.get(self.pid, 0.0), sum(sizes.values()), cpu))


def per_hour(samples: list[Sample]) -> tuple[float, float]:
    """MiB an hour by which the web process and all together grow: the slope through the lows of each minute.

    Lows, because what a reading or an import needs for a moment is no growth; what stays is.
    """
    lows: dict[int, Sample] = {}
    for one in samples:
        minute = int(one.at // 60)
        if minute not in lows or one.web < lows[minute].web:
            lows[minute] = one
    points = list(lows.values())
    return _slope([(one.at / 3600, one.web) for one in points]), _slope([(one.at / 3600, one.all) for one in points])


def _slope(points: list[tuple[float, float]]) -> float:
    if len(points) < 2:
        return 0.0
    middle = sum(x for x, _ in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * y for x, y in points) / spread if spread else 0.0


def _family(pid: int) -> list[int]:
    """A process with all that it started."""
    found, look = [pid], [pid]
    while look:
        for path in Path(f"/proc/{look.pop()}/task").glob("*/children"):
            try:
                children = [int(child) for child in path.read_text().split()]
            except OSError:
                continue
            found += children
            look += children
    return found


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    except OSError:
        return 0.0


def processor(pid: int) -> float:
    """Seconds of the processor, with those of children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS
