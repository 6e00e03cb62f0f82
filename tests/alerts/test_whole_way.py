"""The whole way: a sync holds a change, the engine mails it; and the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors._kit.posting import guarded_posting
from core.cli.app import run
from core.domain.policy import Policy
from core.engine import Engine
from core.notify.opening import open_channel
from core.services import alerts
from core.services.access import SYSTEM
from tests.alerts.smtp_fake import Mailbox, mail_server
from tests.services.money.conftest import data, make_world
from tests.services.money.world import SandboxData, World

__all__ = ["data", "make_world"]


def test_m6_a_change_that_is_held_raises_an_alert_and_the_engine_mails_it(
    data: SandboxData, make_world: Callable[..., World]
) -> None:
    company, service = data.company("Acme BV"), data.service("MFA per user")
    line = data.line(data.contract(company), service, 10)
    world = make_world(data)
    world.portal(policy=Policy(max_change=5))
    world.map({"Acme": company}, {"users": service})
    world.says({("Acme", "users"): 40})
    post = guarded_posting("channel", frozenset)
    world.ctx = replace(world.ctx, channels=lambda spec: open_channel(spec, post, world.clock.now))
    with mail_server(Mailbox()) as box:
        settings = {
            "host": "127.0.0.1",
            "port": box.port,
            "sender": "a@msp.example",
            "security": "none",
            "sign_in": "none",
        }
        values = {"name": "Mail", "settings": settings, "recipients": ["ops@msp.example"]}
        alerts.save_channel(world.ctx, SYSTEM, 0, "smtp", values, {})
        summary = world.sync()
        assert summary.changes["held"] == 1
        assert world.units(line) == 10
        engine = Engine(world.ctx, every=0.05)
        engine.start()
        try:
            end = time.monotonic() + 30
            while not box.mails and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            engine.stop()
        mail = box.read()
    assert mail["Subject"] == "Acme BV: MFA per user from 10 to 40 is held."
    assert mail["X-ContractBridge-Run"] == str(summary.run_id)
    assert len(box.mails) == 1


def test_the_command_line_lists_tests_and_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTRACTBRIDGE_HOME", str(tmp_path))
    monkeypatch.delenv("CONTRACTBRIDGE_DATABASE_URL", raising=False)
    assert run(["alerts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"alerts": [], "total": 0}
    assert run(["alerts", "test", "Nowhere"]) == 2
    assert "There is no channel Nowhere." in capsys.readouterr().err
    assert run(["alerts", "send"]) == 0
    assert "0" in capsys.readouterr().out
