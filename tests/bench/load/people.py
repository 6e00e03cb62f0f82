"""Twenty people in a process of their own: `python -m tests.bench.load.people < PLAN`. Prints one JSON line an interaction.

Each opens a page, does some things on it, and goes on to another one; between two clicks they read. The time of an interaction
runs from sending the click until the server has sent the whole page.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

from tests.bench.load.clicks import clicks
from tests.bench.load.visitor import Visitor

ON_A_PAGE = 3
"""So many clicks on a page before the next one, about."""


class Person:
    """One of them; `plan` says where and how quick."""

    def __init__(self, number: int, plan: dict[str, Any], session: str) -> None:
        self._plan = plan
        self._session = session
        self._dice = random.Random(number)

    async def work(self) -> None:
        """Until somebody ends the process; who is thrown out comes back, as people do."""
        await asyncio.sleep(self._dice.uniform(0, self._plan["pause"]))
        while True:
            try:
                async with Visitor(self._plan["address"], self._session) as visitor:
                    await self._visit(visitor)
            except Exception as error:
                _tell("", "no answer", None, f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)

    async def _visit(self, visitor: Visitor) -> None:
        _tell("(start)", "open", await visitor.open(""))
        while True:
            await self._read()
            page = self._dice.choice([name for name in visitor.pages if name != "history"])
            _tell(page, "open", await visitor.open(page))
            for _ in range(self._dice.randrange(2 * ON_A_PAGE)):
                await self._read()
                offered = clicks(visitor, self._dice)
                if not offered:
                    break
                # Each kind is as likely as another, however many of it the page has.
                kind = self._dice.choice(sorted({name for name, _, _ in offered}))
                name, part, state = self._dice.choice([one for one in offered if one[0] == kind])
                _tell(page, name, await visitor.set(part, state), problems(visitor))

    async def _read(self) -> None:
        await asyncio.sleep(min(self._dice.expovariate(1 / self._plan["pause"]), 5 * self._plan["pause"]))


def problems(visitor: Visitor) -> str:
    """The first error that stands on the page."""
    return next((part.element.alert.body for part in visitor.parts("alert", "exception") if _is_error(part)), "")


def _is_error(part: Any) -> bool:
    return bool(part.kind == "exception" or part.element.alert.format == part.element.alert.ERROR)


def _tell(page: str, what: str, seconds: float | None, problem: str = "") -> None:
    line = {"at": time.time(), "page": page or "overview", "what": what, "seconds": seconds, "problem": problem}
    print(json.dumps(line), flush=True)


async def main() -> None:
    plan = json.load(sys.stdin)
    await asyncio.gather(*(Person(number, plan, session).work() for number, session in enumerate(plan["sessions"])))


if __name__ == "__main__":
    asyncio.run(main())
