"""What `deploy/` names exists: commands and their options, paths, settings; and the image starts with what is copied into it."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main

from core.cli.app import app
from core.settings import Settings
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
INSTALLED = "/opt/contractbridge"
HARD = {
    "User": "contractbridge", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "", "StateDirectory": "contractbridge", "UMask": "0077",
}  # fmt: skip
MOST_EXPOSED = 2.0
"""systemd's own measure: 10 is a service without any protection."""


BACKUPS = "/var/backups/contractbridge"


def service(unit: Path, section: str = "Service") -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    return dict(parser[section])


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile: the word and the rest, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def values(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def is_a_command(words: list[str]) -> None:
    """`words` are a command line of ours after `python`."""
    assert words[:2] == ["-m", "core.cli"]
    command = typer.main.get_command(app).commands[words[2]]  # type: ignore[attr-defined]
    command.make_context(words[2], words[3:])


def variables(text: str) -> None:
    """Each CONTRACTBRIDGE_… that is set is read by somebody."""
    known = {f"CONTRACTBRIDGE_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"CONTRACTBRIDGE_[A-Z_]+", text))
    assert named
    assert named <= known


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists_as_a_user_without_rights(unit: Path) -> None:
    found = service(unit)
    program, *words = shlex.split(found["ExecStart"])
    assert program == f"{found['WorkingDirectory']}/.venv/bin/python"
    assert found["WorkingDirectory"] == INSTALLED
    is_a_command(words)
    assert {name: found[name] for name in HARD} == HARD
    writes = ["/var/lib/contractbridge", *([BACKUPS] if "backup" in unit.name else [])]
    assert found["ReadWritePaths"].split() == writes
    variables(unit.read_text(encoding="utf-8"))


def test_only_the_worker_is_started_more_than_once() -> None:
    names = ["contractbridge-backup.service", "contractbridge-worker@.service", "contractbridge.service"]
    assert [unit.name for unit in UNITS] == names
    assert "--host 127.0.0.1" in service(DEPLOY / "contractbridge.service")["ExecStart"]


def test_a_timer_makes_a_back_up_every_night_and_lets_go_of_old_ones() -> None:
    timer = DEPLOY / "contractbridge-backup.timer"
    found = service(timer, "Timer")
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", found["OnCalendar"])
    assert found["Persistent"] == "true"
    assert service(timer, "Install")["WantedBy"] == "timers.target"
    unit = DEPLOY / f"{timer.stem}.service"
    assert service(unit)["Type"] == "oneshot"
    words = shlex.split(service(unit)["ExecStart"])
    assert words[words.index("backup") :] == ["backup", "--into", BACKUPS, "--keep", "14"]
    assert service(unit, "Unit")["RequiresMountsFor"] == BACKUPS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_accepts_the_timer(tmp_path: Path) -> None:
    for unit in DEPLOY.glob("contractbridge-backup.*"):
        text = unit.read_text(encoding="utf-8").replace(f"{INSTALLED}/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace(INSTALLED, str(ROOT)), encoding="utf-8")
    timer = tmp_path / "contractbridge-backup.timer"
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(timer)], capture_output=True, text=True, check=False
    )
    assert not [line for line in checked.stderr.splitlines() if "contractbridge" in line]
    calendar = service(timer, "Timer")["OnCalendar"]
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_a_unit_and_finds_it_well_protected(unit: Path, tmp_path: Path) -> None:
    place = tmp_path / unit.name.replace("@", "@1")
    text = unit.read_text(encoding="utf-8").replace(f"{INSTALLED}/.venv/bin/python", sys.executable)
    place.write_text(text.replace(INSTALLED, str(ROOT)), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(place)], capture_output=True, text=True, check=False
    )
    mine = [line for line in checked.stderr.splitlines() if "contractbridge" in line]
    assert not mine
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(place)],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    level = re.search(r"exposure level for \S+ (\d+\.\d)", judged.stdout)
    if level is None:
        pytest.skip("this systemd judges no files")
    assert float(level[1]) <= MOST_EXPOSED


def test_the_image_is_small_pinned_and_runs_without_rights() -> None:
    assert values("FROM") == ["python:3.11-slim"]
    installs = [line for line in values("RUN") if "pip install" in line]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "-r requirements.txt" in installs[0]
    words = [word for word, _ in instructions()]
    assert values("USER") == ["contractbridge"]
    assert words.index("USER") < words.index("CMD")
    is_a_command(json.loads(values("CMD")[-1])[1:])
    variables(" ".join(values("ENV")))
    for line in values("COPY"):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


@pytest.mark.timeout(600)
def test_what_is_copied_into_the_image_is_enough_to_serve_and_its_health_check_tells(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    for line in values("COPY"):
        *sources, target = line.split()
        for source in sources:
            place = inside / target / (source if target.endswith("/") else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    port = str(free_port())
    command = [word.replace("8501", port).replace("0.0.0.0", "127.0.0.1") for word in json.loads(values("CMD")[-1])]
    _, check = values("HEALTHCHECK")[0].split("CMD ", 1)
    health = [word.replace("8501", port) for word in json.loads(check)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTBRIDGE_", "PYTHONPATH"))}
    environment = ours | {"CONTRACTBRIDGE_HOME": str(tmp_path / "home")}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command[1:]], cwd=inside, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 150
        while subprocess.run([sys.executable, *health[1:]], capture_output=True, check=False).returncode:
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.5)
    finally:
        server.terminate()
        assert server.wait(60) in (0, -signal.SIGTERM)
    assert "web.stopped" in (tmp_path / "log").read_text(), "it ends in order when it is told to"


def test_the_page_about_running_it_shows_the_files_that_are_tested() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"```nginx\n{(DEPLOY / 'nginx.conf').read_text(encoding='utf-8')}```" in page
    for file in DEPLOY.iterdir():
        assert f"(../deploy/{file.name})" in page, f"docs/operations.md says nothing of {file.name}"
    for name in Settings.model_fields:
        if name != "demo":
            assert f"`CONTRACTBRIDGE_{name.upper()}`" in page
