"""The key on the command line, and no secret on one."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from connectors.autotask.sandbox import SandboxServer
from core.cli.app import app
from core.services import backup

from .conftest import Inside, connected


def test_the_key_is_changed_and_what_it_sealed_still_opens(inside: Inside, sandbox: SandboxServer) -> None:
    workspace = connected(inside, sandbox)
    key = (workspace.home / "data" / "secret.key").read_text()
    done = workspace("rotate-key", "--json")
    assert (done.code, done.json["secrets"], done.json["in_file"]) == (0, 2, True)
    after = (workspace.home / "data" / "secret.key").read_text()
    assert after != key
    assert len(after.split()) == 1
    said = workspace("rotate-key")
    assert "The old key is gone from secret.key" in said.out
    assert not [line for line in (key, after) if line.strip() in done.out + done.err + said.out + said.err]
    codes = {check["code"]: check["message"] for check in workspace("doctor", "--json").json["checks"]}
    assert {"key.opens", "key.age", "autotask.answers"} <= set(codes)
    events = workspace("audit", "export", "-").out
    assert events.count("secret_key.changed") == events.count("secret_key.old_removed") == 2


def test_without_a_new_key_in_the_environment_it_says_what_to_do(inside: Inside) -> None:
    phrase = {"CONTRACTBRIDGE_SECRET_KEY": "the only pass phrase there is"}
    alone = inside("rotate-key", **phrase)
    assert alone.code == 2
    assert "in front of the old one" in alone.err
    both = {"CONTRACTBRIDGE_SECRET_KEY": f"a new and better pass phrase,{phrase['CONTRACTBRIDGE_SECRET_KEY']}"}
    done = inside("rotate-key", **both)
    assert (done.code, "Leave the old key out" in done.out) == (0, True)


def test_the_address_of_another_database_comes_from_the_input(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        inside("user", "add", "jan", "--role", "admin", CONTRACTBRIDGE_USER_PASSWORD="a good long pass phrase").code
        == 0
    )
    target = inside.home / "moved.db"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"sqlite:///{target}\n"))
    done = inside("migrate-database", "-", "--json")
    assert (done.code, done.json["rows"]["person"]) == (0, 1)
    assert target.exists()
    monkeypatch.setattr(sys, "stdin", io.StringIO("nonsense with-a-password\n"))
    wrong = inside("migrate-database", "-")
    assert (wrong.code, "no address of a database" in wrong.err) == (1, True)
    assert "with-a-password" not in wrong.out + wrong.err


def test_no_command_takes_a_secret_as_an_argument_or_an_option() -> None:
    import typer.main

    def options(command: object) -> list[str]:
        commands = getattr(command, "commands", {})
        own = [str(parameter.name) for parameter in getattr(command, "params", [])]
        return own + [name for each in commands.values() for name in options(each)]

    named = set(options(typer.main.get_command(app)))
    assert "file" in named
    assert [name for name in named if any(word in name for word in ("secret", "password", "token", "key"))] == []


def test_a_back_up_holds_no_key(inside: Inside, sandbox: SandboxServer) -> None:
    workspace = connected(inside, sandbox)
    assert workspace("backup", "b.zip").code == 0
    folder = workspace.home / "unpacked"
    folder.mkdir()
    backup._unpacked(workspace.home / "b.zip", folder)
    key = (workspace.home / "data" / "secret.key").read_bytes().strip()
    assert sorted(one.name for one in folder.iterdir()) == ["contractbridge.db"]
    assert key not in (folder / "contractbridge.db").read_bytes()
    assert key not in Path(workspace.home / "b.zip").read_bytes()
