"""Background work: the queue of runs, the schedule, and the engine that carries them out."""

from __future__ import annotations

from core.engine.engine import Engine, Role
from core.engine.worker import start_embedded, work

__all__ = ["Engine", "Role", "start_embedded", "work"]
