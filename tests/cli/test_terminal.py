"""Exit codes, words and languages of the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from core.cli.words import language_of

from .conftest import ROOT, Inside, Terminal


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "No such command"),
        (("portal", "tost"), "No such command"),
        (("sync", "--nope"), "No such option"),
        (("portal", "test"), "Missing argument"),
        (("import", "P", "not-there.csv"), "not-there.csv"),
        (("workspace", "apply", "not-there.yaml"), "not-there.yaml"),
        (("user", "add", "Anna", "--role", "king"), "king"),
        (("apply",), "--change ID"),
        (("portal", "pull", "Nope"), "There is no portal Nope"),
        (("sync", "--portal", "Nope"), "There is no portal Nope"),
        (("report", "weather"), "There is no report"),
        (("report", "as-of", "--date", "yesterday"), "2026-10-31"),
        (("reverse", "4711"), "4711"),
    ],
)
def test_wrong_use_is_told_in_words_with_exit_code_2(inside: Inside, arguments: tuple[str, ...], words: str) -> None:
    done = inside(*arguments)
    assert done.code == 2, done
    assert words in done.err
    assert done.out == ""


def test_a_failure_is_one_json_document_too(inside: Inside) -> None:
    done = inside("plan", "--json")
    assert done.code == 1
    assert done.json["error"]["kind"] == "autotask_missing"
    assert set(done.json["error"]) == {"kind", "message", "place", "remedy"}


def test_a_workspace_file_with_mistakes_names_each_with_its_line(inside: Inside, terminal: Terminal) -> None:
    (inside.home / "w.yaml").write_text("portals:\n  - {name: A, connector: fiel}\ncustomrs: []\n", encoding="utf-8")
    done = inside("workspace", "apply", "w.yaml")
    assert done.code == 1
    assert "line 3: customrs: There is no such setting. Is customers meant?" in done.err
    (inside.home / "w.yaml").write_text("portals:\n  - {name: A, connector: fiel}\n", encoding="utf-8")
    done = terminal("workspace", "apply", "w.yaml", "--language", "nl")
    assert "regel 2: portals.0.connector:" in done.err


def test_s1_81_the_terminal_speaks_the_language_asked_for(inside: Inside, terminal: Terminal) -> None:
    assert "Er zijn nog geen portalen." in terminal("portal", "list", "--language", "nl").out
    assert "Exitcodes" in terminal("--help", LANG="nl_NL.UTF-8").out
    shown = inside()
    assert (shown.code, "Usage" in shown.out) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        (["sync"], {}, "en"),
        (["sync", "--language", "nl"], {"LANG": "en_GB.UTF-8"}, "nl"),
        (["--language=nl", "sync"], {}, "nl"),
        (["sync"], {"LANG": "nl_NL.UTF-8"}, "nl"),
        (["sync"], {"LANG": "nl_NL.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        (["sync"], {"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_terminals(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert language_of(arguments, environment) == (language, ["sync"])


def test_a_person_is_added_with_a_password_from_outside_or_one_made_up(inside: Inside) -> None:
    done = inside(
        "user", "add", "Anna", "--role", "admin", "--json", CONTRACTBRIDGE_USER_PASSWORD="correct horse battery"
    )
    assert (done.code, done.json["password"]) == (0, None)
    done = inside("user", "add", "Otto", "--role", "operator", "--json")
    assert len(done.json["password"]) > 20
    twice = inside("user", "add", "otto", "--role", "viewer")
    assert (twice.code, "already" in twice.err) == (1, True)
    short = inside("user", "add", "Eve", "--role", "viewer", CONTRACTBRIDGE_USER_PASSWORD="short")
    assert (short.code, "at least" in short.err) == (1, True)


def test_doctor_says_what_to_do(inside: Inside) -> None:
    done = inside("doctor", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    assert {check["name"]: check["state"] for check in done.json["checks"]}["Autotask"] == "todo"
    assert "Autotask is not connected yet." in inside("doctor").out


def test_a_database_that_does_not_answer_is_told_without_its_password(inside: Inside) -> None:
    url = "postgresql://me:hushhush@127.0.0.1:1/nope"
    done = inside("portal", "list", CONTRACTBRIDGE_DATABASE_URL=url)
    assert done.code == 1
    assert "does not answer" in done.err
    assert "hushhush" not in done.err + done.out


def test_our_own_mistake_gives_a_number_and_keeps_the_details_in_a_file(inside: Inside) -> None:
    (inside.home / "data" / "contractbridge.db").write_bytes(b"this is no database at all" * 100)
    done = inside("portal", "list")
    assert done.code == 1
    assert done.out == ""


def test_the_demo_does_the_main_job_and_leaves_nothing(terminal: Terminal) -> None:
    done = terminal("demo", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    assert done.json["duration_s"] < 60
    assert [change["verified"] for change in done.json["changes"]].count(True) == 13
    assert [change["company"] for change in done.json["changes"] if change["verified"] is None] == [
        "Stichting Zorggroep Eemland"
    ], "somebody else booked a change ahead: it is held"
    assert done.json["findings"] == {"ambiguous": 3, "drift": 1, "unmapped": 1}
    assert done.json["charges"]["written"] == 14
    assert not (terminal.home / "data").exists()


def test_the_demo_shows_what_changed(inside: Inside) -> None:
    done = inside("demo")
    assert done.code == 0
    assert done.out.count("verified") == 13
    assert "Acme B.V." in done.out


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize("arguments", [("sandbox", "--port", "0"), ("worker",)])
def test_what_keeps_running_ends_when_asked(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "core.cli", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "CONTRACTBRIDGE_HOME": str(terminal.home / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line or "background engine runs" in line
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=120)[0]
    finally:
        process.kill()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


def test_a_back_up_is_made_and_restored(inside: Inside) -> None:
    file = inside.home / "back-up.zip"
    made = inside("backup", str(file), "--json")
    assert made.code == 0
    assert file.stat().st_size == made.json["size"]
    nightly = inside("backup", "--into", str(inside.home), "--keep", "2", "--json")
    assert (nightly.json["rows"], nightly.json["removed"]) == (
        made.json["rows"] | {"audit": made.json["rows"]["audit"] + 1},
        0,
    )
    assert inside("backup").code == inside("backup", str(file), "--keep", "2").code == 2
    refused = inside("restore", str(file))
    assert refused.code == 1
    assert "not empty" in refused.err
    assert inside("restore", str(file), "--replace", "--json").json["rows"] == made.json["rows"]
    moved = inside("migrate-database", f"sqlite:///{inside.home / 'moved.db'}", "--json")
    assert moved.json["total"] == sum(made.json["rows"].values()) + 1, "and the entry of the audit that it was restored"
