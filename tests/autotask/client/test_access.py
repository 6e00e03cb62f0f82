"""Finding the zone, signing in, and the connection test that says in words what is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from connectors.autotask import Autotask, AutotaskSettings
from connectors.autotask.sandbox import SandboxData, SandboxServer
from connectors.autotask.zone import rest_root
from core.domain.errors import Refused, RemoteError, SettingsError, ShapeChanged, Unauthorized

Connect = Callable[..., Autotask]


class ZoneServer:
    """Answers zoneInformation with whatever `zone` is; counts how often it was asked."""

    def __init__(self) -> None:
        self.zone = ""
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                body = json.dumps({"zoneName": "Test", "url": outer.zone, "webUrl": "", "ci": 1}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/ATServicesRest/"


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    running = ZoneServer()
    threading.Thread(target=running.http.serve_forever, args=(0.05,), daemon=True).start()
    yield running
    running.http.shutdown()
    running.http.server_close()


def test_the_zone_is_found_once_for_all_clients(zones: ZoneServer, server: SandboxServer, connected: Connect) -> None:
    zones.zone = server.base_url
    settings = {"base_url": "", "discovery_url": zones.url}
    for _ in range(2):
        connected(settings).check()
    assert zones.asked == ["/ATServicesRest/V1.0/zoneInformation?user=api%40sandbox.example"]


def test_the_sandbox_names_its_own_zone(server: SandboxServer, connected: Connect) -> None:
    connected({"base_url": "", "discovery_url": server.base_url}).check()
    assert "zoneInformation" in server.requests()[0].path


def test_an_unknown_user_is_named(server: SandboxServer, connected: Connect) -> None:
    wrong = connected({"base_url": "", "discovery_url": server.base_url, "user_name": "nobody@example.com"})
    with pytest.raises(SettingsError, match=r"nobody@example\.com") as raised:
        wrong.check()
    assert raised.value.place == "user_name"
    assert len(server.requests()) == 1


@pytest.mark.parametrize("wrong", ["secret", "integration_code", "user_name"])
def test_wrong_credentials_are_told_once_and_never_shown(wrong: str, server: SandboxServer, connected: Connect) -> None:
    with pytest.raises(Unauthorized) as raised:
        connected({wrong: "Xq81-not-this-one"}).check()
    error = raised.value
    assert len(server.requests()) == 1
    for secret in ("Xq81-not-this-one", server.credentials.secret, server.credentials.integration_code):
        assert secret not in f"{error} {error!r} {error.detail} {error.place}"


def test_after_a_401_the_zone_is_looked_up_again_and_the_request_repeated_where_it_moved(
    zones: ZoneServer, server: SandboxServer, connected: Connect
) -> None:
    with SandboxServer(SandboxData()) as other:
        zones.zone = other.base_url
        autotask = connected({"base_url": "", "discovery_url": zones.url})
        assert autotask.companies() == []
        other.sandbox.gate.users.clear()
        zones.zone = server.base_url

        assert autotask.companies() == []

        assert len(zones.asked) == 2
        assert [entry.status for entry in other.requests()] == [200, 401]
        assert [entry.status for entry in server.requests()] == [200]


def test_a_401_where_the_tenant_did_not_move_is_not_repeated(
    zones: ZoneServer, server: SandboxServer, connected: Connect
) -> None:
    zones.zone = server.base_url
    autotask = connected({"base_url": "", "discovery_url": zones.url, "secret": "wrong-secret"})
    with pytest.raises(Unauthorized):
        autotask.companies()
    assert (len(zones.asked), len(server.requests())) == (2, 1)


def test_a_zone_without_a_name_or_an_address(zones: ZoneServer, connected: Connect) -> None:
    with pytest.raises(SettingsError):
        connected({"base_url": "", "discovery_url": zones.url}).check()


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://127.0.0.1:9000/ATServicesRest/", "http://127.0.0.1:9000/ATServicesRest/V1.0/"),
        ("http://127.0.0.1:9000/ATServicesRest", "http://127.0.0.1:9000/ATServicesRest/V1.0/"),
        (
            "https://webservices19.autotask.net/atservicesrest/v1.0",
            "https://webservices19.autotask.net/atservicesrest/v1.0/",
        ),
    ],
)
def test_addresses_with_and_without_slash_and_version(url: str, root: str) -> None:
    assert rest_root(url, "base_url") == root


@pytest.mark.parametrize("url", ["autotask", "ftp://host/", "http://webservices1.autotask.net/", "http://"])
def test_what_is_no_address_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        rest_root(url, "base_url")
    assert raised.value.place == "base_url"


def test_missing_rights_are_listed_by_entity(server: SandboxServer, autotask: Autotask) -> None:
    text = "The logged in Resource does not have the adequate permissions to query this entity type."
    for entity in ("Contracts", "ContractServiceUnits"):
        server.faults.add(action="errors", text=text, entity=entity, times=None)
    with pytest.raises(Refused) as raised:
        autotask.check()
    assert raised.value.reason == "permission"
    assert raised.value.message.values["entities"] == ("Contracts", "ContractServiceUnits")


def test_the_right_to_adjust_is_checked_too(server: SandboxServer, autotask: Autotask) -> None:
    text = "The logged in Resource does not have the adequate permissions to create this entity type."
    server.faults.add(action="errors", text=text, entity="ContractServiceAdjustments", times=None)
    with pytest.raises(Refused, match="ContractServiceAdjustments"):
        autotask.check()


def test_a_server_that_is_no_autotask_is_told(server: SandboxServer, connected: Connect) -> None:
    with pytest.raises((RemoteError, ShapeChanged)) as raised:
        connected({"base_url": f"{server.root_url}/somewhere/"}).check()
    assert not raised.value.retryable


def test_nothing_that_answers_is_told(server: SandboxServer, connected: Connect) -> None:
    server.stop()
    with pytest.raises(RemoteError, match="no connection to Autotask") as raised:
        connected(attempts=2).check()
    assert raised.value.kind == "not_sent"


def test_settings_never_show_their_secrets() -> None:
    settings = AutotaskSettings(user_name="a@b.c", secret="Xq81-secret", integration_code="Xq81-code")
    assert "Xq81" not in f"{settings!r} {settings} {settings.model_dump()}"
    with pytest.raises(ValidationError) as raised:
        AutotaskSettings(user_name="", secret="Xq81-secret", integration_code="Xq81-code")
    assert "Xq81" not in str(raised.value)


def test_a_certificate_that_cannot_be_read_is_a_setting(connected: Connect) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        connected({"ca": "/nowhere.pem"})
