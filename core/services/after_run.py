"""What is done after each run, once its outcome is stored: alerts, statements, cleaning up."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from core.domain.errors import ContractBridgeError
from core.services.access import SYSTEM
from core.services.alerts.evaluating import evaluate
from core.services.context import Context
from core.services.new_subscription_look import note_new
from core.services.storage import trouble_of
from core.services.summary import SyncSummary

log = structlog.get_logger()

AfterRun = Callable[[Context, SyncSummary], None]


def raise_alerts(ctx: Context, summary: SyncSummary) -> None:
    """What the run brought to light is raised and put into the outbox; the engine, or `alerts send`, sends it."""
    evaluate(ctx, SYSTEM, run_id=summary.run_id)


STEPS: tuple[AfterRun, ...] = (note_new, raise_alerts)
"""In this order. Each is on its own: what one could not do keeps no other from its work, and never changes the run's outcome."""


def after_run(ctx: Context, summary: SyncSummary) -> None:
    """Carry out all steps. What goes wrong in one is logged."""
    for step in STEPS:
        try:
            step(ctx, summary)
        except ContractBridgeError as error:
            log.warning(
                "after_run.failed", run_id=summary.run_id, step=step.__name__, detail=error.detail or str(error)
            )
        except Exception as error:
            if (trouble := trouble_of(error, ctx.database)) is not None:
                log.warning("after_run.put_off", run_id=summary.run_id, step=step.__name__, trouble=trouble.kind)
                continue
            log.exception("after_run.broke", run_id=summary.run_id, step=step.__name__)
