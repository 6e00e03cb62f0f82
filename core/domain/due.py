"""When a portal is due: a schedule in words or as cron, in the workspace's time zone, right across changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from core.domain.text import T, Text


class Every(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


def _clock(value: object) -> object:
    """YAML reads an unquoted 14:30 as 870 (minutes)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return f"{value // 60:02d}:{value % 60:02d}"
    return value


def _time(value: str) -> str:
    hour, colon, minute = value.partition(":")
    if not (
        colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and len(minute) == 2 and int(minute) < 60
    ):
        raise ValueError(T("Give a time of the day, such as 02:00."))
    return f"{int(hour):02d}:{minute}"


def _day(value: object) -> object:
    if value != "last" and not (type(value) is int and 1 <= value <= 28):
        raise ValueError(T("Give a day from 1 to 28, or `last`: not every month has the others."))
    return value


class Schedule(BaseModel):
    """When a portal is read. Field names are those of the workspace file (`portals[].schedule`).

    `at` is a time of the day, of which an hourly schedule takes the minutes. `day` is the day of the month (`month`),
    `weekday` that of the week (`week`). `cron` is five fields of cron instead of all that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Every | None = None
    at: Annotated[str, BeforeValidator(_clock), AfterValidator(_time)] = "02:00"
    day: Annotated[int | Literal["last"], BeforeValidator(_day)] = 1
    weekday: Weekday = Weekday.MONDAY
    cron: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError(T("Give either `every` (hour, day, week, month) or `cron`."))
        if self.cron is not None:
            _check_cron(self.cron)
        return self

    @property
    def expression(self) -> str:
        """The schedule as five fields of cron."""
        if self.cron is not None:
            return self.cron
        hour, minute = (int(part) for part in self.at.split(":"))
        match self.every:
            case Every.HOUR:
                return f"{minute} * * * *"
            case Every.WEEK:
                return f"{minute} {hour} * * {self.weekday[:3]}"
            case Every.MONTH:
                return f"{minute} {hour} {'L' if self.day == 'last' else self.day} * *"
            case _:
                return f"{minute} {hour} * * *"


def next_due(schedule: Schedule, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after the UTC instant `after` at which the schedule is due, as a UTC instant.

    A time that the clock skips in spring is due right after the gap; one that it passes twice in autumn is due once.
    """
    return next(CronSim(schedule.expression, after.astimezone(zone))).astimezone(UTC)


def describe(schedule: Schedule) -> Text:
    """The schedule in words."""
    if schedule.cron is not None:
        return T("by cron {cron}", cron=schedule.cron)
    match schedule.every:
        case Every.HOUR:
            return T("every hour, {minute} minutes past", minute=int(schedule.at.split(":")[1]))
        case Every.WEEK:
            return T("every {weekday} at {time}", weekday=T(schedule.weekday), time=schedule.at)
        case Every.MONTH if schedule.day == "last":
            return T("on the last day of each month at {time}", time=schedule.at)
        case Every.MONTH:
            return T("on day {day} of each month at {time}", day=schedule.day, time=schedule.at)
        case _:
            return T("every day at {time}", time=schedule.at)


def _check_cron(text: str) -> None:
    """Raises ValueError for what is no cron, and for what is never due (30 February)."""
    try:
        if len(text.split()) != 5:
            raise CronSimError("not five fields")
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(T("'{cron}' is no cron schedule that is ever due.", cron=text)) from error
