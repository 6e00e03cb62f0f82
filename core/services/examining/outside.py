"""What is reached over the network: Autotask with the rights of its user, each portal, the company account, and the clocks and
certificates on the way.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from core.domain.errors import ContractBridgeError
from core.domain.policy import Policy
from core.domain.ports import ApiBudget, Contact, Right, RightsFor
from core.domain.provisioning.policy import ContractKind
from core.domain.text import T
from core.services.access import SYSTEM
from core.services.examining import company_account
from core.services.examining.check import OK, TODO, WRONG, Check
from core.services.examining.connecting import failed
from core.services.portal_cards import PortalCard, PortalState, list_portals
from core.services.threads import daemon
from core.store import charges, provisioning
from core.store import portals as portal_store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

PORTAL_SECONDS = 30.0
"""So long a portal may take to answer; some are asked at once."""
AT_ONCE = 8
SKEW = timedelta(seconds=60)
CERTIFICATE_DAYS = 21
BUDGET_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Tried:
    """How trying one connection went: who answered meanwhile, and what was wrong."""

    contacts: tuple[Contact, ...] = ()
    error: ContractBridgeError | None = None
    late: bool = False


def look(ctx: Context) -> Iterator[Check]:
    """Autotask, the portals, the company account, then what was seen of clocks and certificates."""
    contacts: list[Contact] = []
    yield from _autotask(ctx, contacts)
    yield from _portals(ctx, contacts)
    yield from company_account.look(ctx, contacts)
    yield from clocks(contacts)
    yield from _certificates(ctx, contacts)


# ---- Autotask


def _autotask(ctx: Context, contacts: list[Contact]) -> Iterator[Check]:
    try:
        target = ctx.autotask()
    except ContractBridgeError as error:
        missing = error.kind == "autotask_missing"
        yield Check("Autotask", TODO if missing else WRONG, error.message, error.remedy, "autotask.missing")
        return
    uses = _uses(ctx)
    with closing(target), ctx.lookout.observing() as seen:
        try:
            budget = target.budget()
            lacking = target.missing_rights(uses)
        except ContractBridgeError as error:
            yield failed(ctx, "Autotask", error, "autotask")
            return
        finally:
            contacts += seen
    yield from _rights(lacking)
    yield _budget(budget)


def _uses(ctx: Context) -> list[RightsFor]:
    """Which parts of the product this workspace uses."""
    with ctx.database.session() as session:
        policies: list[Policy] = [portal.policy for portal in portal_store.all_portals(session)]
        has_charges = bool(charges.all_settings(session))
        provisions = bool(provisioning.load_wanted(session).portals(ContractKind.PER_SUBSCRIPTION))
    wanted = {
        RightsFor.ALWAYS: True,
        RightsFor.ADD_LINES: any(policy.add_missing_lines for policy in policies),
        RightsFor.CHARGES: has_charges,
        RightsFor.PROVISIONING: provisions,
    }
    return [use for use, needed in wanted.items() if needed]


def _rights(lacking: list[Right]) -> Iterator[Check]:
    words = {"query": T("read"), "create": T("create"), "update": T("change"), "delete": T("delete")}
    none = [right for right in lacking if not right.partial]
    some = tuple(right.entity for right in lacking if right.partial)
    for action, word in words.items():
        entities = tuple(right.entity for right in none if right.action == action)
        if entities:
            yield Check(
                "Autotask",
                WRONG,
                T("The API user may not {action} {entities}.", action=word, entities=entities),
                T("Give its security level this right: docs/autotask.md has the whole list."),
                "autotask.rights",
            )
    if some:
        yield Check(
            "Autotask",
            WRONG,
            T("The API user sees only some records of {entities}: others seem not to exist.", entities=some),
            T("Give its security level all companies and all contracts."),
            "autotask.partial_rights",
        )


def _budget(budget: ApiBudget) -> Check:
    values = {"used": budget.used, "limit": budget.limit}
    if budget.used >= budget.limit * BUDGET_SHARE:
        return Check(
            "Autotask",
            TODO,
            T("{used} of {limit} requests of this hour are used: Autotask gets slow, then refuses.", **values),
            T("See which other integration asks so much; a sync goes on when the hour is over."),
            "autotask.budget",
        )
    return Check(
        "Autotask",
        OK,
        T("Answers; {used} of {limit} requests of this hour are used.", **values),
        code="autotask.answers",
    )


# ---- portals


def _portals(ctx: Context, contacts: list[Contact]) -> Iterator[Check]:
    cards = list_portals(ctx, SYSTEM)
    if not cards:
        yield Check(
            "Portals", TODO, T("No portal is connected yet."), T("Connect one on the Portals page."), "portal.none"
        )
    tried = _tried(ctx, [card for card in cards if _is_asked(card)])
    for card in cards:
        found = tried.get(card.id)
        if found is not None:
            contacts += found.contacts
        yield _portal(ctx, card, found)


def _is_asked(card: PortalCard) -> bool:
    return card.pulls and card.state not in (PortalState.PAUSED, PortalState.READING)


def _portal(ctx: Context, card: PortalCard, tried: Tried | None) -> Check:
    name = "Portals"
    if tried is not None and tried.late:
        return Check(
            name,
            WRONG,
            T("{name}: does not answer within {seconds} seconds.", name=card.name, seconds=int(PORTAL_SECONDS)),
            T("Look at its own status page, and try again later."),
            "portal.late",
        )
    if tried is not None and tried.error is not None:
        return failed(ctx, card.name, tried.error, "portal")
    message = T("{name}: {message}", name=card.name, message=card.message)
    if card.state in (PortalState.FAILING, PortalState.STALE):
        answers = T("It answers now: read it again with Sync now.") if tried is not None else None
        return Check(name, WRONG, message, answers, f"portal.{card.state.value}")
    return Check(
        name, TODO if card.state is PortalState.NEVER_READ else OK, message, None, f"portal.{card.state.value}"
    )


def _tried(ctx: Context, cards: list[PortalCard]) -> dict[int, Tried]:
    """Each portal's own connection test, some at once. One that does not come back is left behind."""
    found: dict[int, Tried] = {}
    places = threading.Semaphore(AT_ONCE)
    with ctx.database.session() as session:
        stored = {portal.id: portal for portal in portal_store.all_portals(session)}
        kept = secret_store.everything(session, ctx.secrets)
    secrets: dict[str, dict[str, str]] = defaultdict(dict)
    for each in kept:
        if each.value is not None:
            secrets[each.owner][each.field] = each.value

    def one(card: PortalCard) -> None:
        portal = stored[card.id]
        with places:
            found[card.id] = _try(
                ctx,
                lambda: ctx.source(portal.connector, portal.name, portal.settings, secrets[f"portal:{card.id}"]).test(),
            )

    threads = [daemon(one, card) for card in cards]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PORTAL_SECONDS * -(-len(cards) // AT_ONCE)
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return {card.id: found.get(card.id, Tried(late=True)) for card in cards}


def _try(ctx: Context, test: Callable[[], None]) -> Tried:
    with ctx.lookout.observing() as seen:
        try:
            test()
        except ContractBridgeError as error:
            return Tried(tuple(seen), error)
        except Exception as error:
            log.exception("doctor.portal_broke")
            text = T("The connector broke ({error}); the log has the details.", error=type(error).__name__)
            return Tried(tuple(seen), ContractBridgeError(text))
        return Tried(tuple(seen))


# ---- on the way


def clocks(contacts: list[Contact]) -> Iterator[Check]:
    """This machine's clock against what the others told. Where they do not agree, it is theirs that is off."""
    skews = {one.host: one.at - one.told for one in contacts if one.told is not None}
    if not skews:
        return
    off = {host: skew for host, skew in skews.items() if abs(skew) > SKEW}
    if not off:
        yield Check(
            "Clock", OK, T("This machine's clock fits those of {count} hosts.", count=len(skews)), code="clock.fits"
        )
        return
    host, skew = max(off.items(), key=lambda one: abs(one[1]))
    values = {"seconds": round(abs(skew).total_seconds()), "host": host}
    if len(off) * 2 < len(skews):
        yield Check("Clock", TODO, T("The clock of {host} is {seconds} seconds off; ours fits the others.", **values),
                    T("Tell whoever runs it: signatures and time limits fail."), "clock.host_off")  # fmt: skip
        return
    yield Check(
        "Clock",
        WRONG,
        T("This machine's clock is {seconds} seconds ahead of {host}.", **values)
        if skew > timedelta()
        else T("This machine's clock is {seconds} seconds behind {host}.", **values),
        T("Let it follow a time server (chrony, systemd-timesyncd): signatures fail, and dates may be a day off."),
        "clock.machine_off",
    )


def _certificates(ctx: Context, contacts: list[Contact]) -> Iterator[Check]:
    ends = {one.host: one.certificate_end for one in contacts if one.certificate_end is not None}
    for host, end in sorted(ends.items()):
        days = (end - ctx.clock.now()).days
        if days <= CERTIFICATE_DAYS:
            yield Check(
                "Certificates",
                TODO,
                T("The certificate of {host} ends on {day}.", host=host, day=end.date()),
                T("Ask whoever runs it to renew it; a pinned one has to be entered anew."),
                "certificate.host",
            )
