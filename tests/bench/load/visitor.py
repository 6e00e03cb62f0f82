"""A browser tab without the browser: the messages that Streamlit's own front end exchanges with the server, over its WebSocket.

It does what costs the server something: it sends what widgets hold with every click, asks again for parts that renew themselves
(`run_every`), names the messages that it still has, and takes everything that is drawn. It draws nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

LONGEST = 120.0
"""Seconds after which an answer is given up; it counts as so long."""
KEPT_RUNS = 2
"""Runs for which the front end keeps large messages, to be named instead of being sent again."""
MAIN = 0
FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


class NoAnswer(Exception):
    """The server did not answer in time, or hung up."""


@dataclass(slots=True)
class Part:
    """One element on the page: where it stands, and which run drew it."""

    element: Element
    fragment: str
    run: int
    path: tuple[int, ...]

    @property
    def kind(self) -> str:
        return str(self.element.WhichOneof("type"))


@dataclass(slots=True)
class _Waited:
    """What a click waits for: the end of the run of this part ("": of the whole page)."""

    fragment: str
    done: asyncio.Future[None]
    begun: bool = False


class Visitor:
    """One tab of one signed-in person. Use as `async with`."""

    def __init__(self, address: str, session: str) -> None:
        """`address` is `127.0.0.1:8501`, `session` the value of the session cookie."""
        self._address = address
        self._cookie = f"contractbridge_session={session}"
        self._line: ClientConnection | None = None
        self._parts: dict[tuple[int, ...], Part] = {}
        self._values: dict[str, WidgetState] = {}
        self._kept: dict[str, tuple[int, Element]] = {}
        self._pages: dict[str, str] = {}
        self._page = ""
        self._query = ""
        self._session_id = ""
        self._runs = 0
        self._waited: list[_Waited] = []
        self._files: asyncio.Future[FileURLs] | None = None
        self._again: dict[str, asyncio.Task[None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.bytes = 0
        self.renewals = 0

    async def __aenter__(self) -> Visitor:
        self._line = await connect(
            f"ws://{self._address}/_stcore/stream", subprotocols=[websockets.Subprotocol("streamlit")],
            additional_headers={"Cookie": self._cookie}, origin=websockets.Origin(f"http://{self._address}"),
            max_size=None, open_timeout=LONGEST, ping_timeout=None,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stop_renewing()
        assert self._line is not None and self._reader is not None
        self._reader.cancel()
        # What broke the reader was told to who waited for an answer.
        await asyncio.gather(self._reader, self._line.close(), return_exceptions=True)

    @property
    def pages(self) -> list[str]:
        """Names of the pages that the navigation offers."""
        return list(self._pages)

    def parts(self, *kinds: str) -> Iterator[Part]:
        """What stands in the main part of the page, of these kinds of elements."""
        return (part for part in self._parts.values() if part.path[:1] == (MAIN,) and part.kind in kinds)

    def alerts(self) -> list[str]:
        """What the page says in coloured boxes."""
        return [part.element.alert.body for part in self.parts("alert")]

    async def open(self, page: str, query: str = "") -> float:
        """Go to a page by the navigation; the seconds until it stood."""
        self._values.clear()
        self._page, self._query = self._pages.get(page, ""), query
        return await self._ask(BackMsg(), name=page if not self._page else "")

    async def set(self, part: Part, value: WidgetState) -> float:
        """What a person does to a widget: its new value goes to the server, and the page (or its part) is drawn anew."""
        trigger = value.WhichOneof("value") in ("trigger_value", "string_trigger_value", "json_trigger_value")
        if not trigger:
            self._values[value.id] = value
        return await self._ask(BackMsg(), fragment=part.fragment, extra=[value] if trigger else [])

    async def place_for_file(self, name: str) -> FileURLs:
        """Where a file is to be put that is about to be uploaded."""
        message = BackMsg()
        message.file_urls_request.request_id = "bench"
        message.file_urls_request.session_id = self._session_id
        message.file_urls_request.file_names.append(name)
        self._files = asyncio.get_running_loop().create_future()
        await self._send(message)
        return await asyncio.wait_for(self._files, LONGEST)

    async def _ask(
        self, message: BackMsg, *, name: str = "", fragment: str = "", extra: list[WidgetState] | None = None
    ) -> float:
        waited = _Waited(fragment, asyncio.get_running_loop().create_future())
        self._waited.append(waited)
        begun = time.perf_counter()
        await self._rerun(message, name=name, fragment=fragment, extra=extra or [])
        try:
            await asyncio.wait_for(waited.done, LONGEST)
        except TimeoutError:
            self._waited.remove(waited)
            raise NoAnswer(f"no answer in {LONGEST:.0f} s") from None
        return time.perf_counter() - begun

    async def _rerun(
        self, message: BackMsg, *, name: str = "", fragment: str = "", extra: list[WidgetState], renewal: bool = False
    ) -> None:
        state = message.rerun_script
        state.page_script_hash, state.page_name, state.query_string = self._page, name, self._query
        state.fragment_id, state.is_auto_rerun = fragment, renewal
        state.widget_states.widgets.extend([*self._values.values(), *extra])
        state.cached_message_hashes.extend(self._kept)
        state.context_info.timezone, state.context_info.timezone_offset = "Europe/Amsterdam", -60
        state.context_info.locale, state.context_info.url = "en-GB", f"http://{self._address}/"
        await self._send(message)

    async def _send(self, message: BackMsg) -> None:
        assert self._line is not None
        try:
            await self._line.send(message.SerializeToString())
        except websockets.ConnectionClosed as error:
            raise NoAnswer("the server hung up") from error

    async def _read(self) -> None:
        assert self._line is not None
        try:
            async for data in self._line:
                assert isinstance(data, bytes)
                self.bytes += len(data)
                message = ForwardMsg()
                message.ParseFromString(data)
                self._take(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            for waited in self._waited:
                if not waited.done.done():
                    waited.done.set_exception(NoAnswer("the server hung up"))

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._draw(message, message.delta.new_element if message.delta.HasField("new_element") else None)
        elif kind == "ref_hash":
            element = self._kept[message.ref_hash][1]
            self._kept[message.ref_hash] = (self._runs, element)
            self._draw(message, element)
        elif kind == "new_session":
            self._begin(message)
        elif kind == "script_finished":
            self._finish(message)
        elif kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self._page = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._renew(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._stop_renewing(fragment)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "file_urls_response" and self._files is not None:
            self._files.set_result(message.file_urls_response.file_urls[0])

    def _begin(self, message: ForwardMsg) -> None:
        self._session_id = message.new_session.initialize.session_id
        fragments = list(message.metadata.run.fragment_ids)
        self._runs += 1
        if not fragments:
            self._stop_renewing()
        for waited in self._waited:
            # What was asked for while another run went on is answered by the next one.
            waited.begun = waited.begun or not fragments or waited.fragment in fragments

    def _draw(self, message: ForwardMsg, element: Element | None) -> None:
        path = tuple(message.metadata.delta_path)
        if element is None:
            self._parts.pop(path, None)
            return
        if message.metadata.cacheable:
            self._kept[message.hash] = (self._runs, element)
        fragment = message.delta.fragment_id if message.HasField("delta") else ""
        self._parts[path] = Part(element, fragment, self._runs, path)

    def _finish(self, message: ForwardMsg) -> None:
        fragments = set(message.metadata.run.fragment_ids)
        status = message.script_finished
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        stale = [
            path
            for path, part in self._parts.items()
            if part.run != self._runs and (not fragments or part.fragment in fragments)
        ]
        for path in stale:
            del self._parts[path]
        for key in [key for key, (used, _) in self._kept.items() if used < self._runs - KEPT_RUNS]:
            del self._kept[key]
        for waited in [one for one in self._waited if one.begun and (status in FINISHED or one.fragment in fragments)]:
            self._waited.remove(waited)
            if not waited.done.done():
                waited.done.set_result(None)

    def _renew(self, fragment: str, seconds: float) -> None:
        self._stop_renewing(fragment)

        async def beat() -> None:
            with contextlib.suppress(NoAnswer):
                while True:
                    await asyncio.sleep(seconds)
                    self.renewals += 1
                    await self._rerun(BackMsg(), fragment=fragment, extra=[], renewal=True)

        self._again[fragment] = asyncio.create_task(beat())

    def _stop_renewing(self, fragment: str | None = None) -> None:
        for name in [fragment] if fragment is not None else list(self._again):
            if task := self._again.pop(name, None):
                task.cancel()
