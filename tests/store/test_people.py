"""People and sessions: names without case, waits after wrong passwords, sessions that end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.store import people, sessions
from core.store import sign_in_tries as tries
from core.store.db import Database
from core.store.people import Person
from core.store.sessions import Limits, Opening
from tests.store.conftest import NOW

HOUR = timedelta(hours=1)


def add(database: Database, name: str = "Jan de Vries", **values: object) -> int:
    with database.write() as session:
        return people.add(session, Person(name=name, **values), NOW)  # type: ignore[arg-type]


def test_a_name_is_taken_whatever_its_case(database: Database) -> None:
    number = add(database, "Jan Straße", role="admin", password_hash="hash")
    with database.session() as session:
        found = people.by_name(session, " JAN STRASSE ")
        assert found is not None
        assert (found.id, found.role) == (number, "admin")
        assert "hash" not in repr(found)
    with pytest.raises(IntegrityError):
        add(database, "jan strasse")


def test_people_are_counted_listed_and_changed(database: Database) -> None:
    number = add(database, "Piet", role="operator", oidc_subject="sub-1")
    add(database, "Anna", role="admin")
    with database.write() as session:
        assert [person.name for person in people.all_people(session)] == ["Anna", "Piet"]
        assert (people.count(session), people.count(session, role="admin")) == (2, 1)
        people.change(session, number, {"role": "viewer", "language": "nl", "locale": "nl_NL", "active": False})
        changed = people.by_id(session, number)
        assert changed == people.by_oidc_subject(session, "sub-1")
        assert changed is not None
        assert (changed.role, changed.language, changed.locale, changed.active) == ("viewer", "nl", "nl_NL", False)
        assert people.count(session) == 1
        with pytest.raises(ValueError, match="id"):
            people.change(session, number, {"id": 9})


def test_each_try_after_the_third_doubles_the_wait_and_counts_for_all_processes(database: Database) -> None:
    limit = tries.Limit(free=3)
    waits = []
    now = NOW
    for _ in range(16):
        with database.write() as session:
            assert tries.take(session, "name:1", now, limit) is None
            until = tries.take(session, "name:1", now, limit) if waits[1:] else None
        waits.append(until and (until - now).seconds)
        now = until or now
    assert waits[:6] == [None, None, 1, 2, 4, 8]
    assert waits[-1] == 15 * 60
    with database.write() as session:
        assert tries.take(session, "name:2", now, limit) is None
        tries.succeeded(session, "name:1")
        assert tries.take(session, "name:1", now, limit) is None


def test_many_tries_at_once_are_no_more_free_tries(database: Database) -> None:
    def one(_: int) -> bool:
        return database.run(lambda session: tries.take(session, "name:3", NOW, tries.Limit(free=3))) is None

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, range(12))) == 3


def test_tries_are_forgotten_in_time_and_given_back_when_they_were_right(database: Database) -> None:
    limit = tries.Limit(free=2, forgotten=HOUR)
    with database.write() as session:
        assert [tries.take(session, "a", NOW, limit) for _ in range(2)] == [None, None]
        assert tries.take(session, "a", NOW, limit) is not None
        tries.give_back(session, "a")
        assert tries.take(session, "a", NOW, limit) is None
        assert tries.take(session, "a", NOW + HOUR * 2, limit) is None
        assert tries.take(session, "a", NOW + HOUR * 2, limit) is None
        tries.forget_old(session, NOW + 48 * HOUR)
        assert tries.take(session, "a", NOW + 48 * HOUR, limit) is None


def test_tries_that_nobody_waits_for_are_counted_until_they_are_forgotten(database: Database) -> None:
    with database.write() as session:
        for _ in range(3):
            tries.count(session, "n", NOW, HOUR)
        assert tries.counted(session, "n", NOW, HOUR) == 3
        tries.give_back(session, "n")
        assert (tries.counted(session, "n", NOW, HOUR), tries.counted(session, "n", NOW + HOUR, HOUR)) == (2, 0)
        tries.count(session, "n", NOW + HOUR, HOUR)
        assert tries.counted(session, "n", NOW + HOUR, HOUR) == 1


def opened(session: Session, number: int, token: str, **more: str) -> int:
    return sessions.open_session(
        session,
        number,
        Opening(token_hash=token, confirmed_at=NOW, **{"through": sessions.PASSWORD, **more}),
        NOW,
        8 * HOUR,
    )


LIMITS = Limits(8 * HOUR, HOUR)


def test_a_session_lives_as_long_as_it_is_used_and_no_longer_than_its_end(database: Database) -> None:
    number = add(database)
    with database.write() as session:
        one = opened(session, number, "hash", address="10.0.0.1", device="Firefox, Windows")
        found = sessions.find_session(session, "hash", NOW + HOUR / 2, LIMITS)
        assert found is not None
        assert (found.id, found.person.id, found.address, found.device) == (one, number, "10.0.0.1", "Firefox, Windows")
        assert (found.expires_at, found.confirmed_at) == (NOW + 8 * HOUR, NOW)
        assert sessions.find_session(session, "hash", NOW + HOUR, LIMITS) is None
        sessions.touch_session(session, one, NOW + HOUR)
        assert sessions.find_session(session, "hash", NOW + HOUR * 3 / 2, LIMITS) is not None
        assert sessions.find_session(session, "hash", NOW + HOUR * 3 / 2, Limits(HOUR, 9 * HOUR)) is None
        sessions.confirm_session(session, one, NOW + HOUR)
        confirmed = sessions.session_of(session, one, NOW + HOUR, LIMITS)
        assert confirmed is not None
        assert confirmed.confirmed_at == NOW + HOUR
        sessions.touch_session(session, one, NOW + 8 * HOUR)
        assert sessions.find_session(session, "hash", NOW + 8 * HOUR, LIMITS) is None
        assert sessions.close_dead_sessions(session, NOW + 8 * HOUR, LIMITS) == 1


def test_who_is_switched_off_has_no_session(database: Database) -> None:
    number = add(database)
    with database.write() as session:
        opened(session, number, "hash")
        people.change(session, number, {"active": False})
        assert sessions.find_session(session, "hash", NOW, LIMITS) is None
        assert sessions.list_sessions(session, NOW, LIMITS) == []


def test_sessions_are_closed_one_by_one_and_all_together(database: Database) -> None:
    jan, piet = add(database, "Jan"), add(database, "Piet")
    with database.write() as session:
        first, second, _ = (opened(session, jan, token) for token in "abc")
        opened(session, piet, "d", through=sessions.OPENID)
        sessions.close_session(session, first)
        assert sessions.close_sessions(session, person_id=jan, but=second) == 1
        assert {found.person.name for found in sessions.list_sessions(session, NOW, LIMITS)} == {"Jan", "Piet"}
        assert [found.id for found in sessions.list_sessions(session, NOW, LIMITS, jan)] == [second]
        assert sessions.close_sessions(session, through=sessions.OPENID) == 1
        assert sessions.close_sessions(session) == 1
