"""The words of subscriptions (badges, statuses, events, the calendar) as people read them, and their colours."""

from __future__ import annotations

from pages._ui.formats import tr
from pages._ui.words import BLUE, GRAY, GREEN, ORANGE, RED, VIOLET


def badges() -> dict[str, str]:
    return {
        "out_of_sync": tr("Out of sync"),
        "unmapped": tr("Not linked"),
        "in_sync": tr("In sync"),
        "ignored": tr("Ignored"),
    }


BADGE_COLORS = {"in_sync": GREEN, "out_of_sync": RED, "unmapped": ORANGE, "ignored": GRAY}
BADGE_NAMES = {"in_sync": "green", "out_of_sync": "red", "unmapped": "orange", "ignored": "gray"}


def statuses() -> dict[str, str]:
    return {"active": tr("Active"), "suspended": tr("Suspended"), "cancelled": tr("Ended")}


STATUS_COLORS = {"active": GREEN, "suspended": ORANGE, "cancelled": GRAY}


def new_states() -> dict[str, str]:
    return {"open": tr("To map"), "confirmed": tr("Under way")}


NEW_COLORS = {"open": ORANGE, "confirmed": BLUE}


def entries() -> dict[str, str]:
    return {
        "renewal": tr("Renewal"),
        "window": tr("Can go back"),
        "locked": tr("Bound"),
        "unused": tr("Unused"),
        "short": tr("Short"),
        "contract_end": tr("Contract ends"),
    }


ENTRY_COLORS = {
    "renewal": BLUE,
    "window": GREEN,
    "locked": GRAY,
    "unused": ORANGE,
    "short": RED,
    "contract_end": VIOLET,
}


def events() -> dict[str, str]:
    return {
        "added": tr("Ordered"),
        "quantity": tr("Quantity"),
        "price": tr("Price"),
        "margin": tr("Margin"),
        "promotion_start": tr("Promotion begins"),
        "promotion_end": tr("Promotion ends"),
        "suspended": tr("Suspended"),
        "reactivated": tr("Active again"),
        "cancelled": tr("Ended"),
        "upgraded": tr("Other product"),
        "term": tr("Other term"),
        "renewed": tr("Renewed"),
        "reseller": tr("Other reseller"),
        "auto_renew": tr("Renews by itself"),
        "name": tr("Name"),
    }


def kinds() -> dict[str, str]:
    """Types of subscription (`core.domain.provisioning.subscription.SubscriptionType`)."""
    return {
        "licence": tr("Licences (CSP 365)"),
        "azure_plan": tr("Azure Plan"),
        "reserved": tr("Reserved instances"),
        "software": tr("Software subscriptions"),
        "perpetual": tr("Perpetual licences"),
        "marketplace": tr("Marketplace"),
        "azure_subscription": tr("Single Azure subscriptions"),
    }
