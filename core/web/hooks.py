"""`POST /hooks/{token}`: webhooks come in here. What is answered with 202 is on the disk; the work on it follows later."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.domain.errors import SettingsError
from core.domain.hooks import Delivered
from core.services import webhook_receiving as receiving
from core.services.context import Context
from core.services.webhook_receiving import GONE, UNAVAILABLE, UNKNOWN, Answer, Hook, Prepared, answer_json
from core.web.address import client_address

log = structlog.get_logger()

WINDOW_SECONDS = 60.0
BODY_SECONDS = 30.0
"""Who sends slower than this is not waited for."""
LONGEST_TOKEN = 2_000
MOST_WAITING = 2_000
MOST_AT_ONCE = 200
TOO_LARGE = Answer(413, "the body is too large")
TOO_SLOW = Answer(408, "the body did not come in time")


class Hooks:
    """The route. `context` gives the product's context. Limits are counted in this process."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self.context = context
        self.limit = Limiter()
        self.inbox = Inbox(lambda prepared: receiving.keep_all(context(), prepared))

    def routes(self) -> list[Route]:
        return [Route("/hooks/{token}", self.receive, methods=["GET", "POST"])]

    async def receive(self, request: Request) -> Response:
        try:
            return await self._receive(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except (SQLAlchemyError, OSError, SettingsError) as error:
            log.error("webhook.unavailable", error=type(error).__name__)
            return _response(UNAVAILABLE)

    async def _receive(self, request: Request) -> Response:
        ctx = self.context()
        hook = await run_in_threadpool(receiving.hook_of, ctx, request.path_params["token"])
        refused = self._at_the_door(ctx, hook, request)
        if hook is None or refused is not None:
            return _response(refused or UNKNOWN)
        token = request.query_params.get("validationToken")
        if token is not None:
            return PlainTextResponse(token[:LONGEST_TOKEN])
        if request.method != "POST":
            return _response(Answer(200, "ready"))
        body = await _body(request, hook.settings.most_bytes)
        if isinstance(body, Answer):
            return _response(body)
        prepared = await run_in_threadpool(receiving.prepare, ctx, hook, _delivered(request, body))
        if prepared.delivery is None:
            return _response(prepared.answer or UNAVAILABLE)
        return _response(await self.inbox.put(prepared))

    def _at_the_door(self, ctx: Context, hook: Hook | None, request: Request) -> Answer | None:
        """What is answered before anything is read; None to go on."""
        if hook is None:
            return UNKNOWN
        if hook.settings.switched_off:
            return GONE
        if request.method != "POST":
            return None
        wait = self.limit.wait(hook.portal_id, hook.settings.requests_per_minute, ctx.clock.now().timestamp())
        if wait:
            return Answer(429, "too many requests", retry_after=wait)
        announced = request.headers.get("content-length", "0")
        return TOO_LARGE if announced.isdigit() and int(announced) > hook.settings.most_bytes else None


async def _body(request: Request, most: int) -> bytes | Answer:
    """The raw body, or the answer for one that is too large, as soon as that shows."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    return TOO_LARGE
                parts.append(chunk)
    except TimeoutError:
        return TOO_SLOW
    return b"".join(parts)


def _delivered(request: Request, body: bytes) -> Delivered:
    """Headers of one name that came several times are joined, as RFC 9110 says."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Delivered(request.method, url, headers, body, client_address(request))


def _response(answer: Answer) -> Response:
    headers = {"cache-control": "no-store"}
    if answer.retry_after:
        headers["retry-after"] = str(answer.retry_after)
    if answer.code in (408, 413):
        # The rest of the body is not read.
        headers["connection"] = "close"
    if answer.text is not None:
        return PlainTextResponse(answer.text, status_code=answer.code, headers=headers)
    return Response(answer_json(answer), status_code=answer.code, headers=headers, media_type="application/json")


class Limiter:
    """So many requests of each address within any minute. Used from one thread alone: that of the server."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[float]] = {}

    def wait(self, portal_id: int, most: int, now: float) -> int:
        """0 when the request may come in, otherwise after how many seconds it may be tried again."""
        seen = self._seen.setdefault(portal_id, deque())
        while seen and (seen[0] <= now - WINDOW_SECONDS or seen[0] > now):
            seen.popleft()
        if len(seen) >= most:
            return max(1, math.ceil(seen[0] + WINDOW_SECONDS - now))
        seen.append(now)
        return 0


class Inbox:
    """Keeps requests in the order in which they were complete. What comes while the disk is busy is kept together, next."""

    def __init__(self, keep: Callable[[Sequence[Prepared]], list[Answer]]) -> None:
        self._keep = keep
        self._waiting: queue.Queue[tuple[Prepared, Future[Answer]]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def put(self, prepared: Prepared) -> Answer:
        """Returns when the request is kept; with UNAVAILABLE when it could not be."""
        future: Future[Answer] = Future()
        try:
            self._waiting.put_nowait((prepared, future))
        except queue.Full:
            return UNAVAILABLE
        self._start()
        return await asyncio.wrap_future(future)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="webhooks", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            several = [self._waiting.get()]
            while len(several) < MOST_AT_ONCE and not self._waiting.empty():
                several.append(self._waiting.get())
            answers = self._kept([prepared for prepared, _ in several])
            for (_, future), answer in zip(several, answers, strict=True):
                if not future.cancelled():
                    future.set_result(answer)

    def _kept(self, prepared: Sequence[Prepared]) -> list[Answer]:
        try:
            return self._keep(prepared)
        except (IntegrityError, DataError) as error:
            log.error("webhook.not_kept", count=len(prepared), error=type(error).__name__)
            if len(prepared) > 1:
                # One that the database does not take must not cost the others their place.
                return [answer for one in prepared for answer in self._kept([one])]
        except (SQLAlchemyError, OSError) as error:
            log.error("webhook.not_kept", count=len(prepared), error=type(error).__name__)
        except Exception:
            # Whatever it was: nobody is told that his delivery is safe, and the next one is tried.
            log.exception("webhook.broke", count=len(prepared))
        return [UNAVAILABLE] * len(prepared)
