"""People, sessions and signing in."""

from __future__ import annotations

import time

import pytest

from core.domain.errors import AccessDenied, InputError
from core.services import activity, passwords, people
from core.services.access import Actor, Role
from core.services.context import Context
from core.services.paging import PageQuery
from core.store import people as store

from .conftest import ADMIN, StandingClock

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id with little work: what is tried here is not how long it takes."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    passwords._nobody.cache_clear()


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
    token, actor = people.sign_in(ctx, "  ANNA ", GOOD, "10.0.0.1")
    assert actor == anna
    assert people.actor_of_token(ctx, token) == anna
    assert [(s.person, s.address) for s in people.list_sessions(ctx, anna)] == [("Anna", "10.0.0.1")]
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
    with ctx.database.session() as session:
        person = store.by_name(session, "Anna")
    assert person is not None
    assert person.failed_logins == 0


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    ctx: Context, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda word, kept: (checked.append(bool(kept)), real(word, kept))[1])
    started = time.perf_counter()
    for name in ("Anna", "nobody"):
        with pytest.raises(InputError, match=r"^Name or password is not right\.$"):
            people.sign_in(ctx, name, "wrong password here")
    assert checked == [True, False]
    assert time.perf_counter() - started < 5


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


@pytest.mark.parametrize(
    ("name", "words"), [("anna", "already"), ("", "name of"), ("system", "kept"), ("x" * 101, "name of")]
)
def test_names_are_clean_and_once(ctx: Context, anna: Actor, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        people.add_person(ctx, anna, name, GOOD, Role.VIEWER)


def test_passwords_are_changed_knowing_the_old_one_and_end_all_sessions(ctx: Context, anna: Actor) -> None:
    token, _ = people.sign_in(ctx, "Anna", GOOD)
    with pytest.raises(InputError, match="old password"):
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


def test_others_see_only_their_own_sessions(ctx: Context, anna: Actor) -> None:
    people.add_person(ctx, anna, "Otto", GOOD, Role.OPERATOR)
    people.sign_in(ctx, "Anna", GOOD)
    _, otto = people.sign_in(ctx, "Otto", GOOD)
    assert [row.person for row in people.list_sessions(ctx, otto)] == ["Otto"]
    assert {row.person for row in people.list_sessions(ctx, anna)} == {"Anna", "Otto"}


CLAIMS = {"iss": "https://login.example", "sub": "s1", "preferred_username": "otto@example.com", "groups": ["g-ops"]}


def test_groups_of_the_identity_provider_give_roles(ctx: Context, anna: Actor) -> None:
    with pytest.raises(AccessDenied):
        people.oidc_actor(ctx, CLAIMS)
    people.save_oidc_groups(ctx, anna, {"g-ops": Role.OPERATOR, "g-all": Role.VIEWER})
    otto = people.oidc_actor(ctx, CLAIMS)
    assert (otto.name, otto.role) == ("otto@example.com", Role.OPERATOR)
    assert people.oidc_actor(ctx, CLAIMS | {"groups": ["g-all", "x"]}).role is Role.VIEWER
    assert people.oidc_actor(ctx, CLAIMS).id == otto.id
    with pytest.raises(AccessDenied):
        people.oidc_actor(ctx, CLAIMS | {"groups": []})
    people.change_person(ctx, anna, otto.id, active=False)
    with pytest.raises(AccessDenied):
        people.oidc_actor(ctx, CLAIMS)


def test_a_name_from_outside_never_takes_over_a_local_account(ctx: Context, anna: Actor) -> None:
    people.save_oidc_groups(ctx, anna, {"*": Role.VIEWER})
    other = people.oidc_actor(ctx, CLAIMS | {"preferred_username": "Anna"})
    assert other.id != anna.id
    assert other.name.startswith("Anna (")
    with pytest.raises(InputError):
        people.sign_in(ctx, other.name, "")


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
