"""When a portal is due: local time, short months, and the two nights on which the clock changes (S1-37, S1-38)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.due import Schedule, describe, next_due
from core.domain.validation import problems

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def local(schedule: Schedule, after: str, count: int = 3) -> list[str]:
    moment = datetime.fromisoformat(after).replace(tzinfo=AMSTERDAM)
    found = []
    for _ in range(count):
        moment = next_due(schedule, moment.astimezone(UTC), AMSTERDAM)
        assert moment.tzinfo is UTC
        found.append(moment.astimezone(AMSTERDAM).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("fields", "words", "expected"),
    [
        ({"every": "day"}, "every day at 02:00", ["01-30 02:00", "01-31 02:00", "02-01 02:00"]),
        ({"every": "day", "at": "9:05"}, "every day at 09:05", ["01-29 09:05", "01-30 09:05", "01-31 09:05"]),
        ({"every": "day", "at": 870}, "every day at 14:30", ["01-29 14:30", "01-30 14:30", "01-31 14:30"]),
        ({"every": "hour", "at": "00:15"}, "every hour, 15 minutes past", ["01-29 08:15", "01-29 09:15", "01-29 10:15"]),
        (
            {"every": "week", "weekday": "friday", "at": "06:00"}, "every friday at 06:00",
            ["01-30 06:00", "02-06 06:00", "02-13 06:00"],
        ),
        ({"every": "month"}, "on day 1 of each month at 02:00", ["02-01 02:00", "03-01 02:00", "04-01 02:00"]),
        (
            {"every": "month", "day": "last", "at": "23:30"}, "on the last day of each month at 23:30",
            ["01-31 23:30", "02-28 23:30", "03-31 23:30"],
        ),
        ({"cron": "0 3 * * 1-5"}, "by cron 0 3 * * 1-5", ["01-30 03:00", "02-02 03:00", "02-03 03:00"]),
    ],
)  # fmt: skip
def test_s1_37_schedules_in_words_and_moments(fields: dict[str, object], words: str, expected: list[str]) -> None:
    schedule = Schedule.model_validate(fields)
    assert str(describe(schedule)) == words
    assert local(schedule, "2026-01-29 08:00") == expected


def test_s1_37_a_time_that_is_skipped_in_spring_is_due_right_after() -> None:
    nightly = Schedule(every="day", at="02:30")
    assert local(nightly, "2026-03-28 03:00", 2) == ["03-29 03:00", "03-30 02:30"]


def test_s1_37_a_time_that_comes_twice_in_autumn_is_due_once() -> None:
    nightly = Schedule(every="day", at="02:30")
    assert local(nightly, "2026-10-24 03:00", 2) == ["10-25 02:30", "10-26 02:30"]
    first = next_due(nightly, datetime(2026, 10, 24, 12, tzinfo=UTC), AMSTERDAM)
    assert next_due(nightly, first, AMSTERDAM) - first == timedelta(hours=25)


def test_s1_37_an_hourly_schedule_keeps_its_pace_through_both_nights() -> None:
    hourly = Schedule(every="hour", at="00:30")
    for night in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        moment = next_due(hourly, night, AMSTERDAM)
        for _ in range(6):
            following = next_due(hourly, moment, AMSTERDAM)
            assert following - moment == timedelta(hours=1)
            moment = following


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(
        [
            Schedule(every="hour"),
            Schedule(every="day", at="02:30"),
            Schedule(every="week", weekday="sunday"),
            Schedule(every="month", day="last"),
        ]
    ),
    st.sampled_from(["Europe/Amsterdam", "America/New_York", "Asia/Kathmandu", "UTC"]),
)
def test_the_next_moment_lies_after_and_nothing_lies_between(after: datetime, schedule: Schedule, zone: str) -> None:
    due = next_due(schedule, after, ZoneInfo(zone))
    assert due > after
    assert next_due(schedule, due - timedelta(seconds=1), ZoneInfo(zone)) == due
    longest = {"hour": 1, "day": 26, "week": 7 * 24 + 2, "month": 31 * 24 + 2}
    assert due - after <= timedelta(hours=longest[str(schedule.every)])


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({}, "", "Give either"),
        ({"every": "day", "cron": "* * * * *"}, "", "Give either"),
        ({"every": "fortnight"}, "every", "Choose one of"),
        ({"every": "day", "at": "25:00"}, "at", "such as 02:00"),
        ({"every": "day", "at": "2 o'clock"}, "at", "such as 02:00"),
        ({"every": "month", "day": 31}, "day", "from 1 to 28"),
        ({"every": "month", "day": True}, "day", "from 1 to 28"),
        ({"cron": "0 0 30 2 *"}, "", "ever due"),
        ({"cron": "often"}, "", "ever due"),
        ({"cron": "0 0 2 * * *"}, "", "ever due"),
        ({"every": "day", "hour": 3}, "hour", "no such setting"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_explained(fields: dict[str, object], path: str, words: str) -> None:
    (problem,) = problems(Schedule, fields)
    assert problem.path == path
    assert words in str(problem.message)
    with pytest.raises(ValidationError):
        Schedule.model_validate(fields)
