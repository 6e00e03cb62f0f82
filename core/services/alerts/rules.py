"""Rules as people edit them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from core.domain.alerts.rules import DEFAULTS, AlertRule
from core.domain.errors import InputError
from core.domain.text import T
from core.domain.validation import problems_of
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.store import alerts as store
from core.store import portals, reports, workspace

if TYPE_CHECKING:
    from core.services.context import Context

SEEDED = "alert_rules"
"""The setting that says which rules of the start were added: one that was removed does not come back."""


def rules(ctx: Context, actor: Actor) -> list[AlertRule]:
    """All rules. For viewers."""
    require(actor, Role.VIEWER)
    return stored_rules(ctx)


def stored_rules(ctx: Context) -> list[AlertRule]:
    """The rules; those of the start are added the first time."""
    with ctx.database.session() as session:
        if set(DEFAULTS) <= set(workspace.get(session, SEEDED, [])):
            return store.rules(session)

    def work(session: Session) -> list[AlertRule]:
        had = set(workspace.get(session, SEEDED, []))
        store.seed(session, {name: one for name, one in DEFAULTS.items() if name not in had})
        workspace.put(session, {SEEDED: sorted(had | set(DEFAULTS))})
        return store.rules(session)

    return ctx.database.run(work)


def save_rule(ctx: Context, actor: Actor, values: Mapping[str, Any]) -> int:
    """Make a rule (no `id`) or change one; gives its number. Fields of `AlertRule`. For operators.

    Raises InputError (kind `rule`) for what does not fit together.
    """
    require(actor, Role.OPERATOR)
    try:
        wanted = AlertRule.model_validate(dict(values) | {"portal": ""})
    except ValidationError as error:
        wrong = problems_of(error, AlertRule)
        raise InputError(wrong[0].message, place=wrong[0].path, kind="rule") from None

    def work(session: Session) -> int:
        before = store.rule(session, wanted.id) if wanted.id else None
        if wanted.id and before is None:
            raise _gone()
        if wanted.portal_id is not None and portals.by_id(session, wanted.portal_id) is None:
            raise InputError(T("This portal is not there any more."), kind="rule")
        number = store.save_rule(session, wanted)
        after = _told(wanted)
        if before is None or _told(before) != after:
            event = "alert_rule.changed" if before else "alert_rule.made"
            note(ctx, session, actor, event, str(number), before=_told(before) if before else None, after=after)
        return number

    return ctx.database.run(work)


def switch_rule(ctx: Context, actor: Actor, rule_id: int, *, on: bool) -> None:
    """Use a rule or not; what a rule that is off raised is over. For operators."""
    _change(ctx, actor, rule_id, "alert_rule.switched", {"enabled": on})


def mute_rule(ctx: Context, actor: Actor, rule_id: int, until: datetime | None, reason: str = "") -> None:
    """Raise, but do not tell until then; None: tell again. For operators. A reason is needed."""
    require(actor, Role.OPERATOR)
    if until is not None and not reason.strip():
        raise InputError(T("Say why it is muted: somebody will want to know."), kind="reason")
    _change(ctx, actor, rule_id, "alert_rule.muted", {"muted_until": until, "mute_reason": reason.strip()})


def remove_rule(ctx: Context, actor: Actor, rule_id: int) -> None:
    """Remove a rule; what it raised is over and stays in the history. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        before = store.rule(session, rule_id)
        if before is None:
            raise _gone()
        store.resolve_of_rule(session, rule_id, ctx.clock.now())
        store.delete_rule(session, rule_id)
        note(ctx, session, actor, "alert_rule.removed", str(rule_id), before=_told(before))

    ctx.database.run(work)


def products_of(ctx: Context, actor: Actor, portal_id: int) -> dict[str, str]:
    """Products of a portal that a rule can be about: key → name, by name. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        names = reports.product_names(session)
    found = {key: name for (portal, key), name in names.items() if portal == portal_id}
    return dict(sorted(found.items(), key=lambda item: item[1].casefold()))


def _change(ctx: Context, actor: Actor, rule_id: int, event: str, values: Mapping[str, Any]) -> None:
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        before = store.rule(session, rule_id)
        if before is None:
            raise _gone()
        after = before.model_copy(update=dict(values))
        store.save_rule(session, after)
        if not after.enabled:
            store.resolve_of_rule(session, rule_id, ctx.clock.now())
        note(ctx, session, actor, event, str(rule_id), before=_told(before), after=_told(after))

    ctx.database.run(work)


def _told(rule: AlertRule) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude={"id", "portal"}, exclude_defaults=True)


def _gone() -> InputError:
    return InputError(T("This rule is not there any more."), kind="rule")
