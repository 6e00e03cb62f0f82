"""What one page costs the server's processor, asked by one person while nothing else goes on: it changes little with what else the
machine does, and tells how a page grows with the size of the workspace.
"""

from __future__ import annotations

import asyncio

from tests.bench.load.memory import processor
from tests.bench.load.visitor import Visitor
from tests.bench.load.world import World

ROUNDS = 4


def of_pages(made: World) -> dict[str, float]:
    """Processor seconds of each page, the first opening left out: the mean of some rounds."""
    return asyncio.run(_of_pages(made))


async def _of_pages(made: World) -> dict[str, float]:
    found: dict[str, float] = {}
    administrator = next(token for role, token in made.sessions if role == "admin")
    async with Visitor(made.address, administrator) as visitor:
        await visitor.open("")
        for page in visitor.pages:
            await visitor.open(page)
            before = processor(made.processes["web"])
            for _ in range(ROUNDS):
                await visitor.open(page)
            found[page or "overview"] = round((processor(made.processes["web"]) - before) / ROUNDS, 3)
    return found
