"""The services' own words (statuses, kinds, modes) as people read them, and the colour each one has everywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

from pages._ui.formats import tr

GREEN, ORANGE, RED, GRAY, BLUE, VIOLET = "#1B7F4B55", "#D9832455", "#C0362C55", "#5B6E7744", "#2462A855", "#6B4BB055"


PLACE = re.compile(r"(row|record|page) (\d+)")


def place(text: str) -> str:
    """Where in a file or an answer a number was read: `row 14` in the person's words; `Usage!C14` is a cell in any language."""
    return PLACE.sub(_place, text)


def _place(found: re.Match[str]) -> str:
    names = {
        "row": tr("row {row}", row=found[2]),
        "record": tr("record {number}", number=found[2]),
        "page": tr("page {number}", number=found[2]),
    }
    return names[found[1]]


def mapping_states() -> dict[str, str]:
    return {"mapped": tr("Mapped"), "pending": tr("Pending"), "ignored": tr("Ignored")}


MAPPING_COLORS = {"mapped": GREEN, "pending": ORANGE, "ignored": GRAY}


def roles() -> dict[str, str]:
    return {"viewer": tr("viewer"), "operator": tr("operator"), "admin": tr("administrator")}


def status_column(label: str, words: Mapping[str, str], colors: Mapping[str, str], **options: object) -> object:
    """A column of coloured words; its cells hold lists of one."""
    return st.column_config.MultiselectColumn(
        label, options=list(words.values()), color=[colors.get(key, GRAY) for key in words], **options
    )


def term(iso: str, billing: str) -> str:
    """`P1Y`, `monthly` → "1 year, monthly"; empty where the portal tells neither."""
    terms = {
        "P1M": tr("1 month"),
        "P3M": tr("3 months"),
        "P6M": tr("6 months"),
        "P1Y": tr("1 year"),
        "P3Y": tr("3 years"),
    }
    parts = [terms.get(iso, iso), periods().get(billing, billing)]
    return ", ".join(part for part in parts if part)


def periods() -> dict[str, str]:
    return {
        "monthly": tr("monthly"),
        "quarterly": tr("quarterly"),
        "semiannual": tr("half-yearly"),
        "yearly": tr("yearly"),
        "once": tr("once"),
    }


def roundings() -> dict[str, str]:
    return {
        "none": tr("A fraction is an error"),
        "up": tr("Round up"),
        "down": tr("Round down"),
        "nearest": tr("Round to the nearest"),
    }


def change_states() -> dict[str, str]:
    return {
        "ready": tr("Ready"),
        "needs_approval": tr("To approve"),
        "held": tr("Held"),
        "approved": tr("Approved"),
        "dismissed": tr("Dismissed"),
        "waiting": tr("Waiting"),
        "applied": tr("Applied"),
        "failed": tr("Failed"),
    }


def change_kinds() -> dict[str, str]:
    return {
        "units": tr("Units"),
        "add_line": tr("New line"),
        "price": tr("Price"),
        "add_field": tr("New field"),
        "add_service": tr("New service"),
        "price_service": tr("Price of a service"),
        "add_product": tr("New product"),
        "add_contract": tr("New contract"),
        "mark_contract": tr("Subscription id"),
        "extend_contract": tr("End of a contract"),
        "rename_contract": tr("Name of a contract"),
    }


CHANGE_COLORS = {
    "ready": BLUE,
    "needs_approval": ORANGE,
    "held": RED,
    "approved": VIOLET,
    "dismissed": GRAY,
    "waiting": GRAY,
    "applied": GREEN,
    "failed": RED,
}


def finding_kinds() -> dict[str, str]:
    return {
        "unmapped": tr("Not linked"),
        "ambiguous": tr("Ambiguous"),
        "no_line": tr("No contract line"),
        "stale": tr("Too old"),
        "held": tr("Held"),
        "drift": tr("Changed by hand"),
        "orphan_line": tr("Line without usage"),
        "formula": tr("Formula"),
        "duplicate": tr("There twice"),
        "renewal": tr("Renewal"),
        "subscription": tr("Subscription"),
        "refused": tr("Refused"),
        "failed": tr("Failed"),
        "missing_file": tr("File missing"),
    }


FINDING_COLORS = {
    "unmapped": ORANGE,
    "ambiguous": ORANGE,
    "no_line": RED,
    "stale": GRAY,
    "held": RED,
    "drift": VIOLET,
    "orphan_line": BLUE,
    "formula": RED,
    "duplicate": RED,
    "renewal": BLUE,
    "subscription": ORANGE,
    "refused": RED,
    "failed": RED,
    "missing_file": ORANGE,
}


def run_states() -> dict[str, str]:
    return {
        "queued": tr("Queued"),
        "running": tr("Running"),
        "done": tr("Done"),
        "partly": tr("Partly"),
        "failed": tr("Failed"),
        "interrupted": tr("Interrupted"),
    }


RUN_COLORS = {"queued": GRAY, "running": BLUE, "done": GREEN, "partly": ORANGE, "failed": RED, "interrupted": ORANGE}


def run_kinds() -> dict[str, str]:
    return {"sync": tr("Sync"), "apply": tr("Apply"), "plan": tr("Plan"), "reverse": tr("Reverse")}


def upload_states() -> dict[str, str]:
    return {
        "stored": tr("Used"),
        "confirmed": tr("Used"),
        "needs_review": tr("Waits for a look"),
        "discarded": tr("Thrown away"),
    }


UPLOAD_COLORS = {"stored": GREEN, "confirmed": GREEN, "needs_review": ORANGE, "discarded": GRAY}


def pickup_results() -> dict[str, str]:
    return {
        "imported": tr("Taken over"),
        "needs_review": tr("Waits for a look"),
        "already": tr("Came before"),
        "superseded": tr("Older"),
        "rejected": tr("Cannot be read"),
        "empty": tr("Empty"),
        "too_large": tr("Too large"),
    }


PICKUP_COLORS = {
    "imported": GREEN,
    "needs_review": ORANGE,
    "already": GRAY,
    "superseded": GRAY,
    "rejected": RED,
    "empty": RED,
    "too_large": RED,
}


def pickup_archived() -> dict[str, str]:
    return {
        "no": tr("stays there"),
        "pending": tr("moved next time"),
        "done": tr("put away"),
        "denied": tr("stays: not allowed"),
    }


def check_states() -> dict[str, str]:
    """What a row of an invoice check comes to."""
    return {
        "equal": tr("equal"),
        "tolerated": tr("within tolerance"),
        "muted": tr("muted"),
        "different": tr("different"),
        "unknown": tr("not known"),
    }
