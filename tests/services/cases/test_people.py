"""People, sessions and signing in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.domain.errors import AccessDenied, ConfirmationNeeded, InputError, SettingsError
from core.domain.identity import Identified, OpenIdSettings
from core.services import activity, known_browsers, openid_people, passwords, people, signing_in
from core.services.access import Actor, Role, terminal
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.people import SessionLimits, Visit
from core.services.sessions import device_of
from core.store import people as people_store
from core.store.sign_in_tries import Limit

from .conftest import ADMIN, StandingClock

GOOD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0"


@pytest.fixture
def anna(ctx: Context) -> Actor:
    return people.create_first_admin(ctx, "Anna", GOOD)


def events(ctx: Context) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in reversed(activity.audit(ctx, ADMIN, PageQuery(descending=True)).rows)]


def test_the_first_admin_is_made_once(ctx: Context, anna: Actor) -> None:
    assert anna.role is Role.ADMIN
    assert not people.needs_first_admin(ctx)
    with pytest.raises(InputError, match="administrator already"):
        people.create_first_admin(ctx, "Eve", GOOD)
    assert not people.first_admin_from_environment(ctx, GOOD)


def test_the_first_admin_may_come_from_the_environment(ctx: Context) -> None:
    assert people.needs_first_admin(ctx)
    assert not people.first_admin_from_environment(ctx, None)
    assert people.first_admin_from_environment(ctx, GOOD)
    assert people.sign_in(ctx, "admin", GOOD)[1].role is Role.ADMIN


def test_signing_in_gives_a_session_that_ends(ctx: Context, anna: Actor, clock: StandingClock) -> None:
    token, actor = people.sign_in(ctx, "  ANNA ", GOOD, Visit("10.0.0.1", FIREFOX))
    assert actor == anna
    assert people.actor_of_token(ctx, token) == anna
    (row,) = people.list_sessions(ctx, anna)
    assert (row.person, row.address, row.device, row.openid) == ("Anna", "10.0.0.1", "Firefox, Windows", False)
    people.sign_out(ctx, token)
    assert people.actor_of_token(ctx, token) is None
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    clock.forward(hours=3)
    assert people.actor_of_token(ctx, token) is None
    assert people.actor_of_token(ctx, "") is None


def test_a_session_in_use_lives_until_its_longest_end(ctx: Context, anna: Actor, clock: StandingClock) -> None:
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    for _ in range(11):
        clock.forward(hours=1)
        assert people.actor_of_token(ctx, token) == anna
    clock.forward(hours=1, minutes=1)
    assert people.actor_of_token(ctx, token) is None


def test_only_the_hash_of_a_token_is_kept(ctx: Context, anna: Actor) -> None:
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    ctx.database.engine.dispose()
    assert token.encode() not in (ctx.home / "cases.db").read_bytes()
    assert not (ctx.home / "cases.db-wal").exists() or token.encode() not in (ctx.home / "cases.db-wal").read_bytes()


@pytest.mark.parametrize("name", ["Anna", "nobody at all"])
def test_wrong_tries_are_slowed_down_alike_for_names_that_exist_and_those_that_do_not(
    ctx: Context, anna: Actor, clock: StandingClock, name: str
) -> None:
    told = []
    for _ in range(5):
        with pytest.raises(InputError) as caught:
            people.sign_in(ctx, name, "wrong password here")
        told.append(caught.value.kind)
    assert told == ["sign_in", "sign_in", "sign_in", "sign_in_wait", "sign_in_wait"]
    clock.forward(seconds=2)
    with pytest.raises(InputError) as caught:
        people.sign_in(ctx, name, "wrong password here")
    assert caught.value.kind == "sign_in"


def test_the_right_password_waits_too_and_then_forgets_the_wrong_ones(
    ctx: Context, anna: Actor, clock: StandingClock
) -> None:
    for _ in range(3):
        with pytest.raises(InputError):
            people.sign_in(ctx, "Anna", "wrong password here")
    with pytest.raises(InputError, match="wait"):
        people.sign_in(ctx, "Anna", GOOD)
    clock.forward(seconds=2)
    people.sign_in(ctx, "Anna", GOOD)
    with pytest.raises(InputError) as caught:
        people.sign_in(ctx, "Anna", "wrong password here")
    assert caught.value.kind == "sign_in"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    ctx: Context, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda word, kept: (checked.append(bool(kept)), real(word, kept))[1])
    for name in ("Anna", "nobody"):
        with pytest.raises(InputError, match=r"^Name or password is not right\.$"):
            people.sign_in(ctx, name, "wrong password here")
    assert checked == [True, False]


def test_who_is_switched_off_is_out_at_once(ctx: Context, anna: Actor) -> None:
    number = people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    token, _ = people.sign_in(ctx, "Otto", GOOD)
    people.change_person(ctx, anna, number, active=False)
    assert people.actor_of_token(ctx, token) is None
    with pytest.raises(InputError, match="not right"):
        people.sign_in(ctx, "Otto", GOOD)


def test_a_changed_role_counts_at_once(ctx: Context, anna: Actor) -> None:
    number = people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    token, _ = people.sign_in(ctx, "Otto", GOOD)
    people.change_person(ctx, anna, number, role=Role.VIEWER)
    actor = people.actor_of_token(ctx, token)
    assert actor is not None
    assert actor.role is Role.VIEWER


def test_the_last_admin_stays(ctx: Context, anna: Actor) -> None:
    for change in ({"role": Role.VIEWER}, {"active": False}):
        with pytest.raises(InputError, match="only administrator"):
            people.change_person(ctx, anna, anna.id, **change)  # type: ignore[arg-type]
    people.add_person(ctx, anna, "Bert", GOOD, Role.ADMIN)
    people.change_person(ctx, anna, anna.id, role=Role.VIEWER)


def test_a_password_that_is_changed_while_the_old_one_is_tried_lets_nobody_in_with_the_old_one(
    ctx: Context, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = passwords.matches

    def slowly(word: str, kept: str) -> tuple[bool, str]:
        monkeypatch.setattr(passwords, "matches", real)
        found = real(word, kept)
        people.set_password(ctx, ADMIN, anna.id, "another good password")
        return found

    monkeypatch.setattr(passwords, "matches", slowly)
    with pytest.raises(InputError, match="not right"):
        people.sign_in(ctx, "Anna", GOOD)
    assert people.list_sessions(ctx, anna) == []


def of_the_company(ctx: Context, role: Role) -> None:
    """What signing in with the company account does to the role of Cas."""
    found = Identified(subject="https://login|cas", claims={"groups": [role.value], "name": "Cas"}, id_token="")
    settings = OpenIdSettings(issuer="https://login", client_id="us", client_secret="x")
    openid_people.person_of_account(ctx, found, settings, "en")


def test_the_last_admin_with_a_password_stays_whoever_the_company_made_admin(ctx: Context, anna: Actor) -> None:
    people.save_oidc_groups(ctx, ADMIN, {role.value: role for role in Role})
    of_the_company(ctx, Role.ADMIN)
    for change in ({"role": Role.VIEWER}, {"active": False}):
        with pytest.raises(InputError, match="only administrator with a password"):
            people.change_person(ctx, anna, anna.id, **change)  # type: ignore[arg-type]
    cas = next(row for row in people.list_people(ctx, anna) if row.name == "Cas")
    people.change_person(ctx, anna, cas.id, role=Role.OPERATOR)


def test_where_people_have_worked_nobody_is_asked_to_become_the_first_admin(ctx: Context, anna: Actor) -> None:
    """As a release before could leave it: the only administrator came with the company account, and is in another group now."""
    people.save_oidc_groups(ctx, ADMIN, {role.value: role for role in Role})
    people.sign_in(ctx, "Anna", GOOD)
    of_the_company(ctx, Role.ADMIN)
    ctx.database.run(lambda session: people_store.change(session, anna.id, {"active": False}))
    of_the_company(ctx, Role.VIEWER)
    assert not people.needs_first_admin(ctx)
    with pytest.raises(InputError, match="administrator already"):
        people.create_first_admin(ctx, "Eve", GOOD)
    assert people.add_person(ctx, terminal("root"), "Bert", GOOD, Role.ADMIN), "who has the server can"


@pytest.mark.parametrize(
    ("name", "words"), [("anna", "already"), ("", "name of"), ("system", "kept"), ("x" * 101, "name of")]
)
def test_names_are_clean_and_once(ctx: Context, anna: Actor, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        people.add_person(ctx, anna, name, GOOD, Role.VIEWER)


def test_passwords_are_changed_knowing_the_old_one_and_end_all_sessions(ctx: Context, anna: Actor) -> None:
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    with pytest.raises(InputError, match="not right"):
        people.change_own_password(ctx, anna, "wrong password here", "another good password")
    with pytest.raises(InputError, match="at least"):
        people.change_own_password(ctx, anna, GOOD, "short")
    people.change_own_password(ctx, anna, GOOD, "another good password")
    assert people.actor_of_token(ctx, token) is None
    people.sign_in(ctx, "Anna", "another good password")
    people.set_password(ctx, anna, anna.id, GOOD)
    people.sign_in(ctx, "Anna", GOOD)


def test_s1_81_language_and_locale_are_ones_own(ctx: Context, anna: Actor) -> None:
    changed = people.change_own_preferences(ctx, anna, language="nl", locale="nl_BE")
    assert (changed.language, changed.locale) == ("nl", "nl_BE")
    assert people.sign_in(ctx, "Anna", GOOD)[1] == changed
    with pytest.raises(InputError, match="language"):
        people.change_own_preferences(ctx, anna, language="xx")
    with pytest.raises(InputError, match="locale"):
        people.change_own_preferences(ctx, anna, locale="nonsense_XX")


def test_signing_out_everywhere_ends_every_session_of_one_person(ctx: Context, anna: Actor) -> None:
    number = people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    tokens = [people.sign_in(ctx, "Otto", GOOD)[0] for _ in range(2)]
    mine, _ = people.sign_in(ctx, "Anna", GOOD)
    assert people.sign_out_everywhere(ctx, anna, number) == 2
    assert [people.actor_of_token(ctx, token) for token in tokens] == [None, None]
    assert people.actor_of_token(ctx, mine) == anna


def test_others_see_and_end_only_their_own_sessions(ctx: Context, anna: Actor) -> None:
    people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    people.sign_in(ctx, "Anna", GOOD)
    tokens = [people.sign_in(ctx, "Otto", GOOD)[0] for _ in range(2)]
    otto = people.actor_of_token(ctx, tokens[0])
    assert otto is not None
    assert [(row.person, row.current) for row in people.list_sessions(ctx, otto)] == [("Otto", False), ("Otto", True)]
    everybody = people.list_sessions(ctx, anna, everybody=True)
    assert {row.person for row in everybody} == {"Anna", "Otto"}
    with pytest.raises(AccessDenied):
        people.list_sessions(ctx, otto, everybody=True)
    hers = next(row.id for row in everybody if row.person == "Anna")
    with pytest.raises(AccessDenied):
        people.end_session(ctx, otto, hers)
    other = next(row.id for row in people.list_sessions(ctx, otto) if not row.current)
    people.end_session(ctx, otto, other)
    people.end_session(ctx, otto, 99)
    assert [people.actor_of_token(ctx, token) is None for token in tokens] == [False, True]
    people.end_session(ctx, anna, otto.session)
    assert people.actor_of_token(ctx, tokens[0]) is None


def test_a_changed_password_ends_all_sessions_but_the_one_it_is_changed_in(ctx: Context, anna: Actor) -> None:
    here, elsewhere = (people.sign_in(ctx, "Anna", GOOD)[0] for _ in range(2))
    actor = people.actor_of_token(ctx, here)
    assert actor is not None
    people.change_own_password(ctx, actor, GOOD, "another good password")
    assert people.actor_of_token(ctx, here) == anna
    assert people.actor_of_token(ctx, elsewhere) is None


def test_the_own_old_password_is_guessed_no_more_often_than_at_the_door(ctx: Context, anna: Actor) -> None:
    for _ in range(3):
        with pytest.raises(InputError, match="not right"):
            people.change_own_password(ctx, anna, "wrong password here", "another good password")
    with pytest.raises(InputError, match="wait"):
        people.confirm_password(ctx, anna, GOOD)
    people.sign_in(ctx, "Anna", GOOD)  # elsewhere, to end the session of the browser that was left open


def test_names_are_tried_from_one_address_only_so_often(
    ctx: Context, anna: Actor, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "OF_AN_ADDRESS", Limit(free=5, forgotten=timedelta(minutes=15)))
    for number in range(5):
        with pytest.raises(InputError, match="not right"):
            people.sign_in(ctx, f"somebody {number}", "Welkom2026!", Visit("203.0.113.9"))
    with pytest.raises(InputError, match="wait"):
        people.sign_in(ctx, "Anna", GOOD, Visit("203.0.113.9"))
    assert people.sign_in(ctx, "Anna", GOOD, Visit("203.0.113.10"))[1] == anna
    clock.forward(minutes=16)
    for _ in range(9):
        assert people.sign_in(ctx, "Anna", GOOD, Visit("203.0.113.9"))[1] == anna


def wrong(ctx: Context, name: str, visit: Visit, times: int = 1) -> list[str]:
    """What is told of so many wrong tries."""
    told = []
    for _ in range(times):
        with pytest.raises(InputError) as caught:
            people.sign_in(ctx, name, "wrong password here", visit)
        told.append(caught.value.kind)
    return told


def test_who_knows_a_name_keeps_nobody_waiting_at_another_address(
    ctx: Context, anna: Actor, clock: StandingClock
) -> None:
    stranger, home = Visit("203.0.113.9"), Visit("198.51.100.7")
    assert wrong(ctx, "Anna", stranger, 4)[-1] == "sign_in_wait"
    clock.forward(minutes=1)
    assert wrong(ctx, "Anna", stranger, 2)[-1] == "sign_in_wait"
    assert people.sign_in(ctx, "Anna", GOOD, home)[1] == anna
    assert wrong(ctx, "Anna", stranger) == ["sign_in_wait"], "her success frees nobody else"
    neighbours = [Visit(f"2001:db8:1:2::{number}") for number in range(1, 5)]
    assert [wrong(ctx, "Anna", one)[0] for one in neighbours][-1] == "sign_in_wait", "a network of IPv6 is one address"
    assert people.sign_in(ctx, "Anna", GOOD, Visit("2001:db8:1:3::1"))[1] == anna
    assert wrong(ctx, "Anna", Visit("::ffff:203.0.113.9")) == ["sign_in_wait"]


def test_a_browser_that_is_known_is_counted_by_itself(ctx: Context, anna: Actor, clock: StandingClock) -> None:
    mark = known_browsers.mark(ctx, "Anna")
    same_address, hers = Visit("203.0.113.9"), Visit("203.0.113.9", mark=mark)
    wrong(ctx, "Anna", same_address, 4)
    assert people.sign_in(ctx, "anna", GOOD, hers)[1] == anna
    assert wrong(ctx, "Anna", hers, 4) == ["sign_in", "sign_in", "sign_in", "sign_in_wait"], "no more tries than others"
    people.add_person(ctx, anna, "Otto", GOOD, Role.VIEWER)
    wrong(ctx, "Otto", same_address, 4)
    assert wrong(ctx, "Otto", hers) == ["sign_in_wait"], "a mark is for one name"
    for nonsense in (mark[:-3], "x" * 10_000, "1.k.é"):
        assert known_browsers.recognised(ctx, "Anna", nonsense) == ""
    clock.forward(days=91)
    assert known_browsers.recognised(ctx, "Anna", mark) == ""


def test_a_name_that_is_tried_from_everywhere_is_answered_later_and_never_locked(
    ctx: Context, anna: Actor, clock: StandingClock
) -> None:
    everywhere = [Visit(f"203.0.113.{number}") for number in range(1, 30)]
    pauses = []
    for visit in everywhere:
        assert wrong(ctx, "Anna", visit) == ["sign_in"]
        pauses.append(people.pause(ctx, "Anna", Visit("198.51.100.7")))
    assert (pauses[18], pauses[19], pauses[20], pauses[-1]) == (0.0, 1.0, 2.0, 5.0)
    assert people.sign_in(ctx, "Anna", GOOD, Visit("198.51.100.7"))[1] == anna
    assert people.pause(ctx, "Anna", Visit(mark=known_browsers.mark(ctx, "Anna"))) == 0.0
    assert people.pause(ctx, "Otto", Visit("198.51.100.7")) == 0.0
    clock.forward(hours=2)
    assert people.pause(ctx, "Anna", Visit("198.51.100.7")) == 0.0


def test_a_mistyped_name_is_not_kept_in_the_clear(ctx: Context, anna: Actor) -> None:
    with pytest.raises(InputError):
        people.sign_in(ctx, "my secret passphrase", "x")
    ctx.database.engine.dispose()
    assert b"my secret passphrase" not in (ctx.home / "cases.db").read_bytes()


def test_sessions_end_as_the_limits_say_also_those_that_are_open(
    ctx: Context, anna: Actor, clock: StandingClock
) -> None:
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    clock.forward(minutes=30)
    assert people.save_session_limits(ctx, anna, SessionLimits(lifetime_hours=1, idle_minutes=45, confirm_minutes=5))
    assert not people.save_session_limits(ctx, anna, people.session_limits(ctx, anna))
    assert people.actor_of_token(ctx, token) == anna
    clock.forward(minutes=31)
    assert people.actor_of_token(ctx, token) is None
    with pytest.raises(SettingsError, match="idle_minutes"):
        people.save_session_limits(ctx, anna, SessionLimits(idle_minutes=1))


def test_what_a_session_confirmed_counts_for_minutes_and_a_terminal_needs_nothing(
    ctx: Context, anna: Actor, clock: StandingClock
) -> None:
    token, fresh = people.sign_in(ctx, "Anna", GOOD)
    people.add_person(ctx, fresh, "Otto", GOOD, Role.OPERATOR)
    clock.forward(minutes=11)
    stale = people.actor_of_token(ctx, token)
    assert stale is not None
    with pytest.raises(ConfirmationNeeded):
        people.add_person(ctx, stale, "Piet", GOOD, Role.OPERATOR)
    people.add_person(ctx, terminal("root"), "Piet", GOOD, Role.OPERATOR)
    with pytest.raises(InputError, match="not right"):
        people.confirm_password(ctx, stale, "wrong password here")
    with pytest.raises(ConfirmationNeeded):
        people.change_person(ctx, stale, 2, active=False)
    again = people.confirm_password(ctx, stale, GOOD)
    people.add_person(ctx, again, "Kees", GOOD, Role.OPERATOR)
    assert ("Anna", "person.confirmed") in events(ctx)
    people.sign_out(ctx, token)
    with pytest.raises(InputError, match="ended"):
        people.confirm_password(ctx, again, GOOD)


def test_nobody_at_the_door_keeps_those_waiting_who_are_in(ctx: Context, anna: Actor) -> None:
    _, actor = people.sign_in(ctx, "Anna", GOOD)
    for _ in range(4):
        with pytest.raises(InputError):
            people.sign_in(ctx, "Anna", "wrong password here", Visit("203.0.113.9"))
    people.confirm_password(ctx, actor, GOOD)
    with pytest.raises(InputError, match="wait"):
        people.sign_in(ctx, "Anna", GOOD, Visit("203.0.113.9"))
    told = []
    for _ in range(4):
        with pytest.raises(InputError) as caught:
            people.confirm_password(ctx, actor, "wrong password here")
        told.append(caught.value.kind)
    assert told == ["password", "password", "password", "sign_in_wait"]


@pytest.mark.parametrize(
    ("browser", "device"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8.1\r\n<b>\u202e" + "x" * 99, "curl/8.1 <b> " + "x" * 47),
        ("", ""),
    ],
)
def test_a_browser_is_told_as_people_know_it(browser: str, device: str) -> None:
    assert device_of(browser) == device


def test_everything_about_people_is_audited_without_secrets(ctx: Context, anna: Actor) -> None:
    number = people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    people.change_person(ctx, anna, number, role=Role.VIEWER)
    people.set_password(ctx, anna, number, "another good password")
    with pytest.raises(InputError):
        people.sign_in(ctx, "Otto", GOOD)
    assert events(ctx) == [
        ("system", "person.added"),
        ("Anna", "person.added"),
        ("Anna", "person.changed"),
        ("Anna", "person.password_changed"),
        ("system", "person.refused"),
    ]
    assert GOOD not in "".join(activity.export_audit(ctx, anna))
    assert GOOD not in repr(people.list_people(ctx, anna))
