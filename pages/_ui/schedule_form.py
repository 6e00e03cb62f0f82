"""When a portal is read: only when asked, every hour, day, week or month, or by a cron line (S1-37, S1-38)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

import streamlit as st

from pages._ui.formats import tr

LAST = "last"


def draw(schedule: Mapping[str, object], key: str) -> dict[str, object] | None:
    """The schedule as the workspace file writes it (`{every: day, at: "02:00"}`); None: only when somebody asks."""
    kinds = {
        "": tr("Only when asked"),
        "hour": tr("Every hour"),
        "day": tr("Every day"),
        "week": tr("Every week"),
        "month": tr("Every month"),
        "cron": tr("By a cron line"),
    }
    present = "cron" if schedule.get("cron") else str(schedule.get("every") or "")
    every = _choice(tr("Read"), kinds, present, f"{key}_every")
    if not every:
        return None
    if every == "cron":
        return {"cron": st.text_input("Cron", str(schedule.get("cron") or "0 2 * * *"), key=f"{key}_cron").strip()}
    result: dict[str, object] = {"every": every}
    if every == "week":
        result["weekday"] = _choice(tr("On"), weekdays(), str(schedule.get("weekday", "monday")), f"{key}_weekday")
    if every == "month":
        days = {**{str(day): str(day) for day in range(1, 29)}, LAST: tr("the last day")}
        day = _choice(tr("On day"), days, str(schedule.get("day", 1)), f"{key}_day")
        result["day"] = LAST if day == LAST else int(day)
    at = st.time_input(tr("At"), _time(schedule.get("at", "02:00")), key=f"{key}_at", step=900,
                       help=tr("Every hour at these minutes.") if every == "hour" else None)  # fmt: skip
    result["at"] = f"{at:%H:%M}"
    return result


def weekdays() -> dict[str, str]:
    return {
        "monday": tr("Monday"),
        "tuesday": tr("Tuesday"),
        "wednesday": tr("Wednesday"),
        "thursday": tr("Thursday"),
        "friday": tr("Friday"),
        "saturday": tr("Saturday"),
        "sunday": tr("Sunday"),
    }


def _choice(label: str, options: Mapping[str, str], value: str, key: str) -> str:
    names = list(options)
    return st.selectbox(
        label, names, index=names.index(value) if value in names else 0, format_func=lambda name: options[name], key=key
    )


def _time(value: object) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError:
        return time(2)
