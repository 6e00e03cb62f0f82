"""From a contract line to the usage lines that it is counted from (M13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.contract import ItemRef, LineRef
from core.domain.targets import compute_targets
from core.services.access import Actor, Role, require
from core.store import directory, history, mappings

if TYPE_CHECKING:
    from core.services.context import Context


def line_sources(
    ctx: Context, actor: Actor, company_id: int, item: ItemRef, line: LineRef | None = None
) -> tuple[int, ...]:
    """History's keys of the usage lines that feed a company's lines of a service; of one contract line where it is named.

    By the mapping as it is now, and what Autotask said last. Empty where nothing is linked to it.
    """
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        targets = compute_targets(
            history.portal_usage(session), mappings.load_mapping(session), directory.load_state(session),
            ctx.clock.now(), ctx.clock.today(),
        ).targets  # fmt: skip
    fitting = [one for one in targets if one.company_id == company_id and one.item == item]
    exact = [one for one in fitting if line is None or one.line == line] or fitting
    return tuple(dict.fromkeys(source.line.id for one in exact for source in one.sources if source.line.id))
