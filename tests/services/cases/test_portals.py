"""Portals: settings checked in words, secrets never shown, cards with a state, everything audited."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from core.domain.connector import Connector
from core.domain.errors import InputError, SettingsError, Unauthorized
from core.domain.policy import Mode, Policy, When
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.services import activity, mapping, portals, uploads
from core.services.context import Context
from core.services.paging import PageQuery
from core.services.portals import PortalState
from core.store import history
from core.store import portals as portal_store

from .conftest import ADMIN, LONG, OPERATOR, StandingClock, csv_of


class Settings(ConnectorSettings):
    tenant: str = Field(title="Tenant", description="Which one.")
    limit: int = Field(10, ge=1, title="Limit", description="How many.")


class Secrets(ConnectorSecrets):
    key: SecretStr = Field(title="Key", description="From the portal.")
    other: SecretStr | None = Field(None, title="Other", description="If there is one.")


class Source:
    """A portal that knows one key."""

    def __init__(self, portal: str, secrets: Secrets) -> None:
        self.portal, self.secrets = portal, secrets

    def test(self) -> None:
        if self.secrets.key.get_secret_value() != "open sesame":
            raise Unauthorized(T("The key is not accepted."), remedy=T("Make a new one."))

    def read(self, now: datetime) -> Reading:
        self.test()
        line = UsageLine(customer_id="c", customer="Acme", product_key="p", product="Seat", quantity=Decimal(3))
        return Reading(portal=self.portal, taken_at=now, lines=(line,))


PULLED = Manifest(
    slug="pulled", name="Pulled", kind=ConnectorKind.API, counts=T("Seats"), settings=Settings, secrets=Secrets,
    connect=lambda portal, _settings, secrets: Source(portal, secrets),
)  # fmt: skip


@pytest.fixture
def both(ctx: Context) -> Context:
    """The file connector, and one that is fetched."""

    class Both:
        def all(self) -> tuple[Connector, ...]:
            return (PULLED, ctx.connectors.get("file"))

        def get(self, slug: str) -> Connector:
            return PULLED if slug == "pulled" else ctx.connectors.get(slug)

    return replace(ctx, connectors=Both(), source=lambda slug, portal, s, k: Both().get(slug).open(portal, s, k))


def make(ctx: Context, name: str = "P", **changes: object) -> None:
    values: dict[str, object] = {"settings": {"tenant": "t"}, "secrets": {"key": "open sesame"}}
    portals.create_portal(ctx, OPERATOR, name, "pulled", **{**values, **changes})  # type: ignore[arg-type]


def card(ctx: Context, name: str = "P") -> portals.PortalCard:
    return next(card for card in portals.list_portals(ctx, ADMIN) if card.name == name)


def test_s1_85_each_kind_of_portal_says_what_it_counts_and_draws_its_form(both: Context) -> None:
    cards = {one.slug: one for one in portals.list_connectors(both, ADMIN)}
    assert (cards["pulled"].kind, cards["pulled"].pulls) == ("api", True)
    assert (cards["file"].kind, cards["file"].pulls) == ("universal", False)
    assert [field.name for field in cards["pulled"].secrets] == ["key", "other"]
    assert all(field.title and field.help for one in cards.values() for field in (*one.settings, *one.secrets))


def test_a_portal_is_connected_with_checked_settings(both: Context) -> None:
    make(both, schedule={"every": "day", "at": "04:30"}, mode=Mode.AUTOMATIC)
    shown = card(both)
    assert (shown.state, shown.mode, shown.pulls) == (PortalState.NEVER_READ, Mode.AUTOMATIC, True)
    assert shown.next_due is not None
    assert (shown.next_due.hour, shown.next_due.minute) == (3, 30)  # 04:30 in Amsterdam, in winter
    detail = portals.portal_detail(both, ADMIN, "P")
    assert (dict(detail.settings), detail.secrets_set) == ({"tenant": "t"}, {"key"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {}}, "tenant"),
        ({"settings": {"tenant": "t", "limit": 0}}, "limit"),
        ({"settings": {"tenant": "t", "nope": 1}}, "nope"),
        ({"secrets": {}}, "key"),
        ({"secrets": {"keys": "hush"}}, "keys"),
        ({"schedule": {"every": "fortnight"}}, "every"),
        ({"name": "  "}, "name of"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(both: Context, changes: dict[str, object], words: str) -> None:
    with pytest.raises((SettingsError, InputError), match=words) as caught:
        make(both, **changes)
    assert "hush" not in str(caught.value)
    assert portals.list_portals(both, ADMIN) == []
    assert activity.audit(both, ADMIN, PageQuery()).total == 0


def test_names_are_taken_once(both: Context) -> None:
    make(both)
    with pytest.raises(InputError, match="already"):
        make(both, " P ")
    make(both, "Q")
    with pytest.raises(InputError, match="already"):
        portals.update_portal(both, OPERATOR, "Q", name="P")
    with pytest.raises(InputError, match=r"no portal R.*P, Q"):
        portals.set_mode(both, OPERATOR, "R", Mode.REVIEW)


def test_secrets_are_replaced_one_by_one_and_never_shown(both: Context) -> None:
    make(both)
    portals.update_portal(both, OPERATOR, "P", secrets={"other": "second", "key": ""})
    detail = portals.portal_detail(both, ADMIN, "P")
    assert detail.secrets_set == {"key", "other"}
    assert portals.test_portal(both, OPERATOR, "P").ok
    everything = repr(detail) + repr(portals.list_portals(both, ADMIN)) + "".join(activity.export_audit(both, ADMIN))
    both.database.engine.dispose()
    stored = b"".join(path.read_bytes() for path in both.home.glob("cases.db*"))
    for secret in ("open sesame", "second"):
        assert secret not in everything
        assert secret.encode() not in stored


def test_a_connection_is_tried_in_words_before_and_after_it_is_stored(both: Context) -> None:
    result = portals.test_settings(both, OPERATOR, "pulled", {"tenant": "t"}, {"key": "wrong"})
    assert (result.ok, str(result.message), str(result.remedy)) == (
        False,
        "The key is not accepted.",
        "Make a new one.",
    )
    assert not portals.test_settings(both, OPERATOR, "pulled", {}, {"key": "x"}).ok
    make(both)
    assert portals.test_settings(both, OPERATOR, "pulled", {"tenant": "u"}, {}, portal="P").ok
    assert portals.test_portal(both, OPERATOR, "P").ok
    portals.create_portal(both, OPERATOR, "F", "file", settings={}, secrets={})
    assert portals.test_portal(both, OPERATOR, "F").ok


def test_pull_reads_and_stores_nothing(both: Context) -> None:
    make(both)
    reading = portals.pull(both, OPERATOR, "P")
    assert [line.quantity for line in reading.lines] == [Decimal(3)]
    assert card(both).lines == 0
    assert card(both).state is PortalState.NEVER_READ
    portals.create_portal(both, OPERATOR, "F", "file", settings={}, secrets={})
    with pytest.raises(SettingsError):
        portals.pull(both, OPERATOR, "F")


def test_the_card_tells_the_state(both: Context, clock: StandingClock) -> None:
    make(both)
    with both.database.write() as session:
        stored = portal_store.by_name(session, "P")
        assert stored is not None
        history.record_reading(session, stored.id, portals.pull(both, OPERATOR, "P"))
    shown = card(both)
    assert (shown.state, shown.lines, shown.customers) == (PortalState.OK, 1, 1)
    assert (shown.unmapped_customers, shown.unmapped_products) == (1, 1)
    assert shown.last_read == clock.now()
    clock.forward(days=4)
    assert card(both).state is PortalState.STALE
    with both.database.write() as session:
        history.record_failure(session, stored.id, clock.now(), T("The portal was away."))
    assert (card(both).state, str(card(both).message)) == (PortalState.FAILING, "The portal was away.")
    portals.pause_portal(both, OPERATOR, "P", True)
    assert (card(both).state, card(both).next_due) == (PortalState.PAUSED, None)


def test_schedule_mode_and_policy_change_and_are_audited(both: Context) -> None:
    make(both)
    portals.set_schedule(both, OPERATOR, "P", {"every": "month", "day": "last", "at": "23:00"})
    assert card(both).next_due is not None
    portals.set_mode(both, OPERATOR, "P", Mode.AUTOMATIC)
    portals.set_policy(both, OPERATOR, "P", Policy(decrease=When.TODAY, max_change=5))
    portals.set_policy(both, OPERATOR, "P", Policy(decrease=When.TODAY, max_change=5))
    portals.set_schedule(both, OPERATOR, "P", None)
    assert card(both).next_due is None
    entries = activity.audit(both, ADMIN, PageQuery(descending=True)).rows
    assert [entry.action for entry in entries] == ["portal.changed"] * 4 + ["portal.created"]
    assert '"max_change":5' in entries[1].after
    assert '"max_change":5' not in entries[1].before


def test_pausing_and_waking_keep_the_schedule(both: Context) -> None:
    make(both, schedule={"every": "hour"})
    due = card(both).next_due
    portals.pause_portal(both, OPERATOR, "P", True)
    portals.pause_portal(both, OPERATOR, "P", False)
    assert card(both).next_due == due


def test_an_archived_portal_is_gone_its_name_is_free_and_its_secrets_are_forgotten(both: Context) -> None:
    make(both)
    portals.archive_portal(both, OPERATOR, "P")
    assert portals.list_portals(both, ADMIN) == []
    with pytest.raises(InputError):
        portals.test_portal(both, OPERATOR, "P")
    make(both)
    assert portals.portal_detail(both, ADMIN, "P").secrets_set == {"key"}
    assert activity.audit(both, ADMIN, PageQuery()).total == 3


def test_a_portal_renamed_keeps_its_history_and_mappings(ctx: Context) -> None:
    portals.create_portal(ctx, OPERATOR, "Old", "file", settings=LONG, secrets={})
    uploads.import_file(ctx, OPERATOR, "Old", csv_of(("A", "X", 1)), "e.csv")
    portals.update_portal(ctx, OPERATOR, "Old", name="New")
    assert card(ctx, "New").lines == 1
    assert [row.portal for row in mapping.customers(ctx, ADMIN, PageQuery()).rows] == ["New"]
