"""The words of alerts: kinds, severities, states, and a rule in one line."""

from __future__ import annotations

from core.domain.alerts.rules import AlertRule
from pages._ui.formats import money, number, tr
from pages._ui.words import BLUE, GRAY, GREEN, ORANGE, RED


def kinds() -> dict[str, str]:
    return {
        "usage": tr("Usage jumps or drops"),
        "reading_failed": tr("A portal cannot be read"),
        "run_failed": tr("A run fails"),
        "stale": tr("A source is too old"),
        "missing_file": tr("A file does not come"),
        "unmapped": tr("A customer or product is not linked"),
        "ambiguous": tr("Several contract lines fit"),
        "held": tr("A change is held"),
        "drift": tr("Units were changed by hand"),
        "change_failed": tr("A change is refused or fails"),
        "no_line": tr("Usage is on no contract"),
        "leakage": tr("Usage is not invoiced"),
        "renewal": tr("A subscription renews soon"),
        "subscription": tr("Something is the matter with a subscription"),
        "contract_end": tr("A contract ends"),
        "credential": tr("Credentials end"),
        "channel": tr("A channel was switched off"),
        "backup": tr("A back-up fails or is old"),
    }


def severities() -> dict[str, str]:
    return {"critical": tr("Critical"), "warning": tr("Warning"), "info": tr("For information")}


SEVERITY_COLORS = {"critical": RED, "warning": ORANGE, "info": BLUE}


def states() -> dict[str, str]:
    return {"open": tr("Ongoing"), "muted": tr("Muted"), "resolved": tr("Over")}


STATE_COLORS = {"open": ORANGE, "muted": GRAY, "resolved": GREEN}


def tellings() -> dict[str, str]:
    return {"now": tr("Immediately"), "daily": tr("Daily digest"), "weekly": tr("Weekly digest")}


def baselines() -> dict[str, str]:
    return {
        "last_reading": tr("the reading before"),
        "last_month": tr("the same day last month"),
        "usual": tr("what is usual (12 weeks)"),
    }


def directions() -> dict[str, str]:
    return {"both": tr("Up and down"), "up": tr("Only up"), "down": tr("Only down")}


def pers() -> dict[str, str]:
    return {"customer": tr("Each customer"), "product": tr("All customers together")}


def channel_kinds() -> dict[str, str]:
    return {"smtp": tr("E-mail (SMTP)"), "graph": tr("E-mail (Microsoft 365)"), "teams": tr("Microsoft Teams")}


def message_states() -> dict[str, str]:
    return {
        "waiting": tr("Waiting"),
        "sending": tr("Being sent"),
        "delivered": tr("Delivered"),
        "accepted": tr("Accepted"),
        "failed": tr("Failed"),
        "dropped": tr("Not needed"),
    }


MESSAGE_COLORS = {
    "waiting": GRAY,
    "sending": BLUE,
    "delivered": GREEN,
    "accepted": GREEN,
    "failed": RED,
    "dropped": GRAY,
}


def message_kinds() -> dict[str, str]:
    return {"alerts": tr("Alerts"), "test": tr("Test"), "statement": tr("Licence statement")}


def limits(rule: AlertRule) -> str:
    """What a rule calls worth telling, in one line; empty where its kind says it all."""
    match rule.kind.value:
        case "usage":
            amounts = [tr("{units} units", units=rule.units)] if rule.units else []
            amounts += [f"{number(rule.percent)} %"] if rule.percent else []
            against = tr("against {baseline}", baseline=baselines()[rule.baseline])
            parts = [f"{' + '.join(amounts)} {against}"]
            parts += [directions()[rule.direction].lower()] if rule.direction != "both" else []
            parts += [pers()["product"].lower()] if rule.per == "product" else []
            return ", ".join(parts)
        case "leakage":
            return tr("more than {amount}", amount=money(rule.amount))
        case "contract_end" | "credential":
            return tr("{days} days ahead", days=rule.days)
    return ""


def place(rule: AlertRule, products: dict[str, str]) -> str:
    """Where a rule counts."""
    if not rule.portal:
        return tr("Everything")
    return rule.portal + (f" · {products.get(rule.product, rule.product)}" if rule.product else "")
