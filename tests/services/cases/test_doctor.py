"""The doctor finds what is really there: servers that fail in their own way, clocks, certificates, rights, disks, work that waits."""

from __future__ import annotations

import ast
import base64
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors._kit.observed import observing, stage_of
from connectors.autotask.sandbox import SandboxData, SandboxServer
from core.domain.policy import Policy
from core.domain.ports import Contact
from core.domain.text import T
from core.secrets import KEY_FILE, SecretBox, load_box
from core.secrets.ends import ends
from core.services import doctor, portals
from core.services.autotask_settings import ZONE, save_autotask
from core.services.context import Context, Lookout
from core.services.examining import credentials, database, machine, outside, working
from core.services.owners import new_owner
from core.store import audit, leases, runs, secrets, webhooks, workspace
from core.store.audit import Audited
from core.store.db import Database
from core.store.runs import NewRun
from tests.connectors.fakes import self_signed, serving

from .conftest import ADMIN, NOW, OPERATOR, StandingClock

ROOT = Path(__file__).resolve().parents[3]
DUO = {"integration_key": "DI" + "X" * 18}


@pytest.fixture
def looking(ctx: Context) -> Context:
    """Wired to look on, as the product is."""
    return replace(ctx, lookout=Lookout(observing, stage_of))


def codes(found: Iterator[doctor.Check] | list[doctor.Check]) -> set[str]:
    return {check.code for check in found}


def by_code(found: Iterator[doctor.Check], code: str) -> doctor.Check:
    there = list(found)
    return next((check for check in there if check.code == code), None) or pytest.fail(f"{code}: only {there}")


def duo(ctx: Context, url: str, name: str = "Duo", **settings: str) -> None:
    portals.create_portal(
        ctx, OPERATOR, name, "duo", settings={**DUO, "base_url": url, **settings}, secrets={"secret_key": "k" * 40}
    )


def autotask(ctx: Context, server: SandboxServer, **other: str) -> None:
    known = server.credentials
    given = {"user_name": known.user_name, "secret": known.secret, "integration_code": known.integration_code} | other
    save_autotask(ctx, ADMIN, **given, base_url=server.base_url)


def refusing(headers: Mapping[str, str]) -> Starlette:
    async def answer(_: Request) -> JSONResponse:
        body = {"stat": "FAIL", "code": 40101, "message": "no"}
        return JSONResponse(body, status_code=401, headers=dict(headers))

    return Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST"])])


@contextmanager
def mute() -> Iterator[str]:
    """A server that hangs up as soon as somebody asks something."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def hang_up() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                taken.recv(10)
                taken.close()

        threading.Thread(target=hang_up, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


# ---- hosts, credentials, clocks, certificates


def test_a_host_that_is_not_reached_is_told_by_how_far_one_came(looking: Context, tmp_path: Path) -> None:
    with socket.socket() as closed, serving(refusing({}), **self_signed(tmp_path)) as encrypted, mute() as hangs_up:
        closed.bind(("127.0.0.1", 0))
        duo(looking, "http://nothing.invalid", "No name")
        duo(looking, f"http://127.0.0.1:{closed.getsockname()[1]}", "No server")
        duo(looking, encrypted.url.replace("http:", "https:"), "No trust")
        duo(looking, hangs_up, "No answer")
        found = {
            str(check.message).partition(":")[0]: check for check in outside.look(looking) if check.name == "Portals"
        }
    assert {name: check.code for name, check in found.items()} == {
        "No name": "host.name", "No server": "host.connection", "No trust": "host.tls", "No answer": "host.answer",
    }  # fmt: skip
    assert "nothing.invalid is not reached: the name" in str(found["No name"].message)
    assert all(check.state == "wrong" and check.remedy for check in found.values())


def test_credentials_that_are_refused_and_a_clock_that_is_an_hour_off(looking: Context) -> None:
    late = {"date": (datetime.now(UTC) - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    with serving(refusing(late), date_header=False) as server:
        duo(looking, server.url)
        found = list(outside.look(looking))
    assert by_code(iter(found), "portal.credentials").state == "wrong"
    clock = by_code(iter(found), "clock.machine_off")
    seconds = clock.message.values["seconds"]
    assert isinstance(seconds, int)
    assert 3500 < seconds < 3700
    assert "ahead of 127.0.0.1" in str(clock.message)


def test_where_most_clocks_agree_it_is_the_other_one_that_is_off() -> None:
    def contact(host: str, minutes: int) -> Contact:
        return Contact(host=host, at=NOW, told=NOW + timedelta(minutes=minutes))

    assert codes(outside.clocks([contact("a", 0), contact("b", 0)])) == {"clock.fits"}
    assert codes(outside.clocks([contact("a", 0), contact("b", 0), contact("c", 9)])) == {"clock.host_off"}
    behind = by_code(outside.clocks([contact("a", 7), contact("b", 8), contact("c", 0)]), "clock.machine_off")
    assert "480 seconds behind b" in str(behind.message)
    assert codes(outside.clocks([Contact(host="a", at=NOW)])) == set()


def test_a_certificate_on_the_way_that_ends_soon(looking: Context, tmp_path: Path, clock: StandingClock) -> None:
    files = self_signed(tmp_path)
    clock.instant = datetime.now(UTC)
    known = ends(Path(files["ssl_certfile"]).read_text())
    assert known is not None
    with serving(refusing({}), **files) as server:
        url = server.url.replace("http:", "https:")
        portals.create_portal(
            looking, OPERATOR, "Wall", "fortimanager", secrets={"api_key": "p" * 32},
            settings={"base_url": url, "pinned_certificate": files["ssl_certfile"]},
        )  # fmt: skip
        clock.instant = known - timedelta(days=3)
        found = by_code(outside.look(looking), "certificate.host")
    assert found.message.values["day"] == known.date()
    stored = by_code(credentials.look(looking), "credentials.ending")
    assert "Wall: pinned_certificate ends on" in str(stored.message)


def test_autotask_with_other_credentials_and_without_rights(looking: Context) -> None:
    with SandboxServer(SandboxData(NOW.date())) as server:
        autotask(looking, server)
        assert {"autotask.answers", "portal.none"} <= codes(outside.look(looking))
        server.switches.withheld = frozenset({"Contracts:query", "ContractServiceAdjustments:create", "Products:query"})
        server.switches.restricted = frozenset({"Companies:query"})
        found = list(outside.look(looking))
        rights = [str(check.message) for check in found if check.code == "autotask.rights"]
        assert rights == [
            "The API user may not read Contracts.",
            "The API user may not create ContractServiceAdjustments.",
        ]
        assert "Companies" in str(by_code(iter(found), "autotask.partial_rights").message)
        autotask(looking, server, secret="another one")
        assert "autotask.credentials" in codes(outside.look(looking))


def test_rights_are_asked_for_what_the_workspace_does(looking: Context) -> None:
    with SandboxServer(SandboxData(NOW.date())) as server:
        autotask(looking, server)
        server.switches.withheld = frozenset({"ContractServices:create"})
        assert "autotask.rights" not in codes(outside.look(looking))
        portals.create_portal(looking, OPERATOR, "P", "sample", settings={"of": "duo"}, secrets={})
        portals.set_policy(looking, OPERATOR, "P", Policy(add_missing_lines=True))
        found = by_code(outside.look(looking), "autotask.rights")
    assert str(found.message) == "The API user may not create ContractServices."


def test_an_hour_that_is_nearly_used_up(looking: Context) -> None:
    with SandboxServer(SandboxData(NOW.date())) as server:
        autotask(looking, server)
        server.switches.usage_latency_scale = 0
        for _ in range(4):
            assert "autotask.answers" in codes(outside.look(looking))
        server.switches.hourly_limit = int(len(server.requests()) / 0.76)
        assert "autotask.budget" in codes(outside.look(looking))


# ---- credentials that end


def token(end: datetime) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part({'exp': int(end.timestamp())})}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (token(NOW), NOW),
        ("https://x.blob.core.windows.net/c?sv=2024&se=2026-11-20T09:00:00Z&sig=abc%3D", NOW),
        ("?se=2026-11-20T09:00:00Z&sp=r&sig=x", NOW),
        ("abcd.efgh.ijkl", None),
        (token(NOW).replace(".", ".!"), None),
        ("https://example.com/?se=tomorrow&sig=x", None),
        ("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----", None),
        ("", None),
        ("x" * 200_000, None),
    ],
)
def test_a_credential_tells_itself_when_it_ends(text: str, end: datetime | None) -> None:
    assert ends(text) == end


def test_credentials_that_ended_end_soon_or_lie_unused(looking: Context, clock: StandingClock) -> None:
    duo(looking, "http://127.0.0.1:9")

    def work(session) -> None:  # type: ignore[no-untyped-def]
        secrets.put(session, looking.secrets, "portal:1", {"api_token": token(NOW - timedelta(days=1))}, NOW)
        secrets.put(session, looking.secrets, "autotask", {"secret": token(NOW + timedelta(days=20))}, NOW)
        secrets.put(session, looking.secrets, "portal:1", {"refresh_token": "opaque"}, NOW - timedelta(days=80))

    looking.database.run(work)
    found = {check.code: str(check.message) for check in credentials.look(looking)}
    assert found["credentials.ended"] == "Duo: api_token ended on 2026-11-19."
    assert found["credentials.ending"] == "Autotask: secret ends on 2026-12-10."
    assert found["credentials.unused"].startswith("Duo: refresh_token was not renewed since")
    assert found["credentials.known"]


# ---- the machine and the key


def test_the_key_its_age_who_may_read_it_and_what_an_older_one_sealed(looking: Context, clock: StandingClock) -> None:
    ctx = replace(looking, secrets=load_box(looking.home))
    ctx.database.run(lambda session: secrets.put(session, ctx.secrets, "autotask", {"secret": "s"}, NOW))
    clock.forward(days=40)
    found = list(machine.look_at_secrets(ctx))
    assert codes(found) == {"key.opens", "key.age"}
    assert found[1].message.values["days"] == 40
    (ctx.home / KEY_FILE).chmod(0o644)
    fresh = SecretBox([b"n" * 32, base64.b64decode((ctx.home / KEY_FILE).read_text())])
    assert codes(machine.look_at_secrets(replace(ctx, secrets=fresh))) == {"key.older", "key.age", "key.open_to_others"}
    lost = by_code(machine.look_at_secrets(replace(ctx, secrets=SecretBox([b"x" * 32]))), "key.does_not_open")
    assert (lost.state, lost.message.values["count"]) == ("wrong", 1)


@pytest.mark.skipif(os.name != "posix", reason="rights of files are told otherwise there")
def test_a_database_that_others_on_the_machine_may_read(looking: Context) -> None:
    file = Path(str(looking.database.engine.url.database))
    for rights_of_file, rights_of_folder, told in ((0o600, 0o755, False), (0o644, 0o700, False), (0o644, 0o755, True)):
        file.chmod(rights_of_file)
        file.parent.chmod(rights_of_folder)
        assert ("data.open_to_others" in codes(machine.look(looking))) is told


def test_a_disk_without_room(looking: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_SPACE", 0)
    monkeypatch.setattr(machine, "LITTLE_SHARE", 0.0)
    assert codes(machine.look(looking)) == {"disk.room", "time_zone.known"}
    monkeypatch.setattr(machine, "LITTLE_SHARE", 1.1)
    monkeypatch.setattr(machine, "LITTLE_SPACE", 10**20)
    low = by_code(machine.look(looking), "disk.low")
    assert {"free", "percent", "path"} <= set(low.message.values)
    monkeypatch.setattr(machine, "LEAST_SPACE", 10**20)
    assert by_code(machine.look(looking), "disk.full").state == "wrong"
    gone = replace(looking, home=looking.home / "not mounted")
    assert "disk.read_only" in codes(machine.look(gone))


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 0:27 / /srv/share rw - nfs4 nas:/export rw
32 31 0:28 / /srv/share/own rw - xfs /dev/sdb1 rw
33 22 0:29 / /srv/with\\040space rw - cifs //nas/x rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv/share/data/c.db", "nfs4"), ("/srv/share/own/c.db", "xfs"), ("/srv/shared/c.db", "ext4"),
        ("/srv/with space/c.db", "cifs"), ("/c.db", "ext4"),
    ],
)  # fmt: skip
def test_a_network_drive_is_known_by_the_mount_that_is_nearest(place: str, kind: str) -> None:
    assert machine.kind_of_drive(Path(place), MOUNTS) == kind
    assert machine.kind_of_drive(Path(place), "") == ""


def test_sqlite_on_a_network_drive_is_wrong(looking: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - nfs4 nas:/x rw\n")
    monkeypatch.setattr(machine, "MOUNTS", mounts)
    assert by_code(machine.look(looking), "database.network_drive").state == "wrong"


def test_a_time_zone_without_data(looking: Context) -> None:
    looking.database.run(lambda session: workspace.put(session, {ZONE: "Europe/Atlantis"}))
    assert by_code(machine.look(looking), "time_zone.no_data").state == "wrong"


# ---- the database


def test_tables_of_another_version(looking: Context) -> None:
    assert codes(database.look(looking)) == {"database.answers"}
    with looking.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
    assert "0007" in str(by_code(database.look(looking), "database.version").message)


def test_a_broken_chain_is_named_with_its_place(looking: Context) -> None:
    looking.database.run(
        lambda session: audit.append(session, NOW, [Audited(actor="jan", event=f"e.{n}") for n in range(3)])
    )
    assert codes(database.look_at_chains(looking)) == {"chain.audit", "chain.ledger"}
    with looking.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_update")
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET actor = 'piet' WHERE id = 2")
    found = {check.code: check for check in database.look_at_chains(looking)}
    assert set(found) == {"chain.audit_broken", "chain.ledger"}
    assert "2" in str(found["chain.audit_broken"].message)


@pytest.mark.postgres
def test_postgresql_that_is_not_safe_or_not_in_step(
    looking: Context, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing_database(Database(postgres_url)) as server:
        found = codes(database.look(replace(looking, database=server)))
        assert {"postgres.not_durable", "clock.database"} <= found, "the server of the tests keeps nothing"
        assert "postgres.encoding" not in found
        monkeypatch.setattr(database, "_machine", lambda: datetime.now(UTC) + timedelta(minutes=10))
        off = by_code(database.look(replace(looking, database=server)), "clock.database_off")
    assert (off.state, abs(int(str(off.message.values["seconds"])) - 600) < 60) == ("wrong", True)


@contextmanager
def closing_database(database):  # type: ignore[no-untyped-def]
    yield database
    database.dispose()


# ---- work


def test_no_engine_and_work_that_waits(looking: Context, clock: StandingClock) -> None:
    assert codes(working.look(looking)) == {"engine.none"}
    owner = new_owner()
    with looking.database.write() as session:
        leases.acquire(session, "engine", owner, NOW, 3600.0 * 24)
        runs.enqueue(session, NewRun(kind="sync"), NOW)
    assert codes(working.look(looking)) == {"engine.works"}
    clock.forward(minutes=20)
    assert codes(working.look(looking)) == {"engine.works", "runs.waiting"}
    with looking.database.write() as session:
        runs.claim(session, owner, clock.now(), 60.0)
    clock.forward(hours=7)
    assert codes(working.look(looking)) == {"engine.works", "runs.stuck"}
    with looking.database.write() as session:
        runs.finish(session, 1, "failed", clock.now(), error=T("Broken."))
    assert codes(working.look(looking)) == {"engine.works", "runs.failed"}
    clock.forward(days=2)
    assert codes(working.look(looking)) == {"engine.none"}


def test_portals_that_nobody_reads_and_webhooks_that_nobody_works_on(looking: Context, clock: StandingClock) -> None:
    portals.create_portal(
        looking, OPERATOR, "P", "sample", settings={"of": "duo"}, secrets={}, schedule={"every": "day"}
    )
    body = webhooks.seal_body(looking.secrets, 1, "a" * 64, b"{}")
    kept = webhooks.Delivery(portal_id=1, sha256="a" * 64, body=body, received_at=NOW, event_at=NOW)
    looking.database.run(lambda session: webhooks.add_all(session, looking.secrets, [kept]))
    clock.forward(days=2)
    found = list(working.look(looking))
    assert codes(found) == {"engine.none", "portals.overdue", "webhooks.waiting"}
    assert all(check.state == "wrong" for check in found)


def test_the_last_back_up(looking: Context, clock: StandingClock) -> None:
    assert codes(working.look_for_backups(looking)) == {"backup.none"}
    looking.database.run(lambda session: audit.append(session, NOW, [Audited(actor="jan", event="backup.made")]))
    assert codes(working.look_for_backups(looking)) == {"backup.made"}
    clock.forward(days=8)
    assert codes(working.look_for_backups(looking)) == {"backup.old"}


# ---- the whole


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(
    looking: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Context) -> Iterator[doctor.Check]:
        raise OSError("gone")

    monkeypatch.setitem(doctor._LOOKS, "Secrets", broken)
    found = doctor.examine(looking, ADMIN)
    assert {"secrets.fails", "chain.audit", "database.answers", "people.none"} <= codes(found)
    assert "gone" not in "".join(str(check.message) for check in found)
    assert doctor.worst(found) == "wrong"


def calls() -> Iterator[ast.Call]:
    files = [ROOT / "core/services/doctor.py", *(ROOT / "core/services/examining").glob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Check", "_late", "_failed")
            ):
                yield node


def test_every_name_has_a_dutch_word() -> None:
    from tests.checks.test_texts import dutch

    names = {node.args[0].value for node in calls() if node.args and isinstance(node.args[0], ast.Constant)}
    assert {"Clock", "Certificates", "Back-up", "Database"} <= names
    assert names - set(dutch()) - {"Autotask"} == set()
