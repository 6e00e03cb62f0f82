"""What goes on beside the people: full syncs, uploads of a large export, bursts of webhooks. Each counts what it got done."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.WidgetStates_pb2 import WidgetState

from core.bootstrap import App
from core.services import runs
from core.services.access import SYSTEM
from core.store import runs as run_store
from tests.bench.load.people import problems
from tests.bench.load.visitor import Part, Visitor
from tests.bench.load.world import ROOT, UPLOAD, World

LONGEST_RUN = 900.0


@dataclass(slots=True)
class Tally:
    """Seconds of each turn, and what it said of itself. `broken`: what went wrong."""

    seconds: list[float] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


Turn = Callable[[int], dict[str, Any]]
"""One turn of a work, by its number."""


class Work:
    """Does its turn again and again until told to end, with a pause between."""

    def __init__(self, turn: Turn, pause: float) -> None:
        self._turn, self._pause = turn, pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self.tally = Tally()

    def start(self) -> Work:
        """Begin at once."""
        self._thread.start()
        return self

    def end(self) -> Tally:
        """After the turn that is being done."""
        self._ended.set()
        self._thread.join(LONGEST_RUN)
        return self.tally

    @property
    def has_done_one(self) -> bool:
        return bool(self.tally.seconds or self.tally.broken)

    def _go(self) -> None:
        number = 0
        while not self._ended.is_set():
            begun = time.perf_counter()
            try:
                self.tally.done.append(self._turn(number))
                self.tally.seconds.append(time.perf_counter() - begun)
            except Exception as error:
                self.tally.broken.append(f"{type(error).__name__}: {error}"[:300])
            number += 1
            self._ended.wait(self._pause)


def syncing(app: App) -> Turn:
    """A sync of all portals, asked for as the button does; carried out by the product."""

    def turn(number: int) -> dict[str, Any]:
        run_id = runs.request_sync(app.context, SYSTEM)
        until = time.monotonic() + LONGEST_RUN
        while time.monotonic() < until:
            with app.context.database.session() as session:
                run = run_store.get(session, run_id)
            if run is not None and run.finished_at is not None:
                if run.status not in ("done", "partly", "held"):
                    raise RuntimeError(f"run {run_id}: {run.status} {run.error}")
                return {"status": run.status, **run.summary.get("changes", {})}
            time.sleep(0.5)
        raise TimeoutError(f"run {run_id} is not done")

    return turn


def uploading(world: World) -> Turn:
    """The export through the page Portals: dropped, looked at, previewed, accepted."""

    def turn(number: int) -> dict[str, Any]:
        # The very same file is not taken twice.
        data = world.export.read_bytes() + f"{_first(world)},Active,{number % 2}\n".encode() * (number + 1)
        return asyncio.run(_upload(world, data, f"usage-{number}.csv"))

    return turn


def _first(world: World) -> str:
    with world.export.open(encoding="utf-8") as file:
        file.readline()
        return ",".join(file.readline().split(",")[:2])


async def _upload(world: World, data: bytes, name: str) -> dict[str, Any]:
    async with Visitor(world.address, world.sessions[-1][1]) as visitor:
        await visitor.open("")
        await visitor.open("portals", f"step=upload&portal={UPLOAD.replace(' ', '+')}")
        uploader = _one(visitor, "file_uploader")
        place = await visitor.place_for_file(name)
        begun = time.perf_counter()
        await asyncio.to_thread(_put, world.address, place, data, name, world.sessions[-1][1])
        sent = time.perf_counter() - begun
        state = WidgetState(id=uploader.element.file_uploader.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = place.file_id, name, len(data)
        info.file_urls.CopyFrom(place)
        seen = await visitor.set(uploader, state)
        button = _accept(visitor)
        accepted = await visitor.set(button, WidgetState(id=button.element.button.id, trigger_value=True))
        return {"sent": sent, "previewed": seen, "accepted": accepted}


def _accept(visitor: Visitor) -> Part:
    for part in visitor.parts("button"):
        if part.element.button.label.startswith("Accept") and not part.element.button.disabled:
            return part
    raise RuntimeError(f"the file cannot be accepted: {problems(visitor) or visitor.alerts()}")


def _one(visitor: Visitor, kind: str) -> Part:
    return next(visitor.parts(kind))


def _put(address: str, place: FileURLs, data: bytes, name: str, session: str) -> None:
    line = http.client.HTTPConnection(address, timeout=300)
    cookie = f"contractbridge_session={session}"
    line.request("GET", "/_stcore/health", headers={"Cookie": cookie})
    answer = line.getresponse()
    answer.read()
    token = (answer.getheader("set-cookie") or "").partition("_streamlit_xsrf=")[2].partition(";")[0]
    border = "bench-border"
    body = (
        f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: text/csv\r\n\r\n".encode()
        + data
        + f"\r\n--{border}--\r\n".encode()
    )
    headers = {
        "Cookie": f"{cookie}; _streamlit_xsrf={token}", "X-Xsrftoken": token,
        "Content-Type": f"multipart/form-data; boundary={border}",
    }  # fmt: skip
    line.request("PUT", place.upload_url, body, headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    if answer.status not in (200, 204):
        raise RuntimeError(f"the upload was answered with {answer.status}")


def hooking(world: World) -> Turn:
    """A burst of signed events from a process of its own."""

    def turn(number: int) -> dict[str, Any]:
        plan = {"address": world.address, "path": world.hook_path, "events": world.size.hooks, "turn": number}
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.load.sender"], input=json.dumps(plan), stdout=subprocess.PIPE, text=True,
            check=True, cwd=ROOT,
        )  # fmt: skip
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return turn
