"""An endpoint of one's own, connected by eye (S1-08, S1-57, S1-85)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from connectors._kit.registry import Registry
from core.domain.connector import Surroundings
from core.domain.errors import AccessDenied, InputError, SettingsError
from core.domain.ports import Source
from core.services import rest_mapping
from core.services.context import Context
from core.services.network import allowed_hosts, list_allowed_hosts, set_allowed_hosts
from core.services.portals import list_connectors, portal_detail, pull
from core.services.rest_files import read_file
from core.services.workspace import apply_workspace, export_workspace
from core.store import audit
from tests.connectors.fakes import Server
from tests.connectors.rest_fakes import REFERENCE, endpoint
from tests.services.cases.conftest import ADMIN, OPERATOR, VIEWER


@pytest.fixture
def own(ctx: Context) -> Context:
    """The workspace wired as the product wires it: the hosts that an administrator opened are asked each time."""

    def hosts() -> frozenset[str]:
        with ctx.database.session() as session:
            return allowed_hosts(session)

    def source(slug: str, portal: str, settings: Mapping[str, object], secrets: Mapping[str, str]) -> Source:
        return Registry().get(slug).open(portal, settings, secrets, None, Surroundings(hosts, read_file))

    return replace(ctx, source=source)


@pytest.fixture
def server() -> Iterator[Server]:
    with endpoint({"/x": REFERENCE}) as running:
        yield running


def settings(server: Server, **more: Any) -> dict[str, Any]:
    return {"url": f"{server.url}/x", "auth": {"kind": "bearer"}, "network": {"internal": True}, **more}


SECRETS = {"token": "hush-hush"}


def test_s1_57_from_an_example_to_a_portal_that_is_read(own: Context, server: Server) -> None:
    with pytest.raises(SettingsError, match="may not call"):
        rest_mapping.fetch_sample(own, OPERATOR, settings(server), SECRETS)
    set_allowed_hosts(own, ADMIN, ["127.0.0.1"])
    sample = rest_mapping.fetch_sample(own, OPERATOR, settings(server), SECRETS)
    assert "hush" not in repr(sample)
    assert sample.request == f"GET {server.url}/x"
    assert {node.path for node in sample.tree} >= {"customers", "customers[*].name", "customers[*].products[*].qty"}
    assert sample.table is not None
    assert sample.table.columns == ("sku", "qty", "status")
    proposed = sample.suggestion.mapping
    assert proposed is not None
    found = rest_mapping.preview(own, OPERATOR, sample, proposed)
    assert [(row.customer, row.product, str(row.count), row.status) for row in found.rows] == [
        ("De Halm", "BP", "25", "pending"),
        ("De Halm", "EDR", "3", "pending"),
    ]
    whole = settings(server, mapping=proposed.to_settings())
    assert rest_mapping.check(own, OPERATOR, whole) == ()
    rest_mapping.save(own, OPERATOR, "Cloud shop", whole, SECRETS)
    assert len(pull(own, OPERATOR, "Cloud shop").lines) == 2
    again = rest_mapping.fetch_sample(own, OPERATOR, whole, {}, portal="Cloud shop")
    assert again.document == sample.document
    assert server.asked[-1].headers["authorization"] == "Bearer hush-hush"


def test_a_mapping_that_is_wrong_is_told_field_by_field(own: Context, server: Server) -> None:
    wrong = settings(server, mapping={"records": "data[", "customer": "c", "product": "p", "quantity": "q"})
    (problem,) = rest_mapping.check(own, OPERATOR, wrong)
    assert problem.path == "mapping.records"
    assert "not complete" in str(problem.message)
    (named,) = rest_mapping.check(own, OPERATOR, settings(server, headers={"X": "{{ secret.MISSING }}"}))
    assert "secret.MISSING" in str(named.message)


def test_the_declaration_goes_out_and_comes_back(own: Context, server: Server) -> None:
    kept = settings(server, headers={"X-A": "{{ secret.token }}", "X-B": "${HOME}"}, query={"a": ["1", "2"]})
    rest_mapping.save(own, OPERATOR, "Cloud shop", kept, SECRETS)
    text = rest_mapping.export_declaration(own, OPERATOR, "Cloud shop")
    assert "hush" not in text
    found = rest_mapping.import_declaration(own, OPERATOR, text, {})
    assert found.missing == {"token": "CLOUD_SHOP_TOKEN"}
    assert dict(found.settings) == portal_detail(own, OPERATOR, "Cloud shop").settings
    known = {"CLOUD_SHOP_TOKEN": "hush-hush", "HOME": "/root"}
    assert rest_mapping.import_declaration(own, ADMIN, text, known).secrets == SECRETS


def test_what_the_server_knows_of_itself_is_for_admins(own: Context, server: Server) -> None:
    """An operator says where secrets are sent to: variables of the process would be his to read."""
    spying = yaml.safe_dump({
        "name": "X", "connector": "rest", "settings": settings(server, headers={"X-A": "{{ secret.token }}"}),
        "secrets": {"token": "${PGPASSWORD}"},
    })  # fmt: skip
    found = rest_mapping.import_declaration(own, OPERATOR, spying, {"PGPASSWORD": "hush-hush"})
    assert (found.secrets, found.missing) == ({}, {"token": "PGPASSWORD"})


def test_a_file_of_another_connector_is_no_declaration(own: Context) -> None:
    with pytest.raises(InputError):
        rest_mapping.import_declaration(own, OPERATOR, "name: X\nconnector: duo\n", {})


def test_the_workspace_file_holds_endpoints_and_open_hosts(own: Context, server: Server) -> None:
    mapping = {
        "records": "customers", "expand": ["products[*]", {"path": "addons.*", "on_empty": "parent"}], "customer_id": "parents[0].id",
        "product_key": {"path": "key", "value_map": {"a": "b"}}, "quantity": {"path": "qty", "number_format": "point"},
        "filters": [{"path": "status", "op": "in", "values": ["active", "true"]}],
    }  # fmt: skip
    set_allowed_hosts(own, ADMIN, ["10.0.0.5:8443", "Intern.example"])
    join = {"name": "names", "url": "/n", "key": "id", "on": "sku"}
    window = {"start": "{{ today - 1 month }}"}
    rest_mapping.save(own, OPERATOR, "Shop", settings(server, mapping=mapping, joins=[join], window=window), SECRETS)
    text = export_workspace(own, ADMIN)
    result = apply_workspace(own, ADMIN, text, {"SHOP_TOKEN": "hush-hush"})
    assert (result.created, result.changed, result.deleted) == (0, 0, 0)
    apply_workspace(own, ADMIN, "allowed_hosts: []\nportals: []\n", {})
    apply_workspace(own, ADMIN, text, {"SHOP_TOKEN": "hush-hush"})
    assert export_workspace(own, ADMIN) == text
    assert list_allowed_hosts(own, OPERATOR) == ("10.0.0.5:8443", "intern.example")


def test_hosts_are_opened_by_administrators_alone_and_it_is_audited(own: Context) -> None:
    with pytest.raises(AccessDenied):
        set_allowed_hosts(own, OPERATOR, ["10.0.0.5"])
    for wrong in ("http://x", "a b", "10.0.0.0/8", "*"):
        with pytest.raises(InputError):
            set_allowed_hosts(own, ADMIN, [wrong])
    assert set_allowed_hosts(own, ADMIN, ["10.0.0.5"])
    assert not set_allowed_hosts(own, ADMIN, ["10.0.0.5 "])
    with own.database.session() as session:
        assert [entry.event for entry in audit.export(session)].count("network.allowed_hosts") == 1


def test_viewers_connect_nothing(own: Context, server: Server) -> None:
    with pytest.raises(AccessDenied):
        rest_mapping.fetch_sample(own, VIEWER, settings(server), SECRETS)


def test_s1_85_it_is_shown_as_universal(own: Context) -> None:
    card = next(card for card in list_connectors(own, OPERATOR) if card.slug == "rest")
    assert card.kind == "universal"
