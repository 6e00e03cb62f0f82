"""People and sessions: names without case, waits after wrong passwords, sessions that end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from core.store import people
from core.store.db import Database
from core.store.people import Person
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


def test_each_wrong_password_after_the_third_doubles_the_wait(database: Database) -> None:
    number = add(database)
    with database.write() as session:
        ends = [people.note_failed_login(session, number, NOW) for _ in range(16)]
        assert [end and (end - NOW).seconds for end in ends[:6]] == [None, None, 1, 2, 4, 8]
        assert ends[-1] == NOW + timedelta(minutes=15)
        assert people.by_id(session, number).locked_until == ends[-1]  # type: ignore[union-attr]
        people.note_login(session, number, NOW + HOUR)
        person = people.by_id(session, number)
    assert person is not None
    assert (person.failed_logins, person.locked_until, person.last_login_at) == (0, None, NOW + HOUR)


def test_a_session_lives_as_long_as_it_is_used_and_no_longer_than_its_end(database: Database) -> None:
    number = add(database)
    with database.write() as session:
        opened = people.open_session(session, number, "hash", NOW, 8 * HOUR, address="10.0.0.1")
        found = people.find_session(session, "hash", NOW + HOUR / 2, HOUR)
        assert found is not None
        assert (found.id, found.person.id, found.address, found.expires_at) == (
            opened,
            number,
            "10.0.0.1",
            NOW + 8 * HOUR,
        )
        assert people.find_session(session, "hash", NOW + HOUR, HOUR) is None
        people.touch_session(session, opened, NOW + HOUR)
        assert people.find_session(session, "hash", NOW + HOUR * 3 / 2, HOUR) is not None
        people.touch_session(session, opened, NOW + 8 * HOUR)
        assert people.find_session(session, "hash", NOW + 8 * HOUR, HOUR) is None
        assert people.close_dead_sessions(session, NOW + 8 * HOUR, HOUR) == 1


def test_who_is_switched_off_has_no_session(database: Database) -> None:
    number = add(database)
    with database.write() as session:
        people.open_session(session, number, "hash", NOW, HOUR)
        people.change(session, number, {"active": False})
        assert people.find_session(session, "hash", NOW, HOUR) is None
        assert people.list_sessions(session, NOW, HOUR) == []


def test_sessions_are_closed_one_by_one_and_all_together(database: Database) -> None:
    jan, piet = add(database, "Jan"), add(database, "Piet")
    with database.write() as session:
        for number, token in [(jan, "a"), (jan, "b"), (jan, "c"), (piet, "d")]:
            people.open_session(session, number, token, NOW, HOUR)
        people.close_session(session, "a")
        assert people.close_sessions_of(session, jan, but="b") == 1
        assert {found.person.name for found in people.list_sessions(session, NOW, HOUR)} == {"Jan", "Piet"}
        assert people.close_sessions_of(session) == 2
