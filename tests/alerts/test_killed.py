"""The process is killed right after the mail server took a mail: nothing is lost, and the second copy is the same message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from core.domain.finding import FindingKind
from tests.alerts.conftest import Desk, make_desk
from tests.alerts.smtp_fake import Mailbox, mail_server

SEND = """
import sys
from pathlib import Path
from tests.alerts.conftest import make_desk
make_desk(sys.argv[1], Path(sys.argv[2]), real=True).deliver()
"""


@dataclass
class Deadly(Mailbox):
    """Kills who sends as soon as it has the mail, before it says so; the first time only."""

    victim: subprocess.Popen[bytes] | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.victim is not None:
            os.kill(self.victim.pid, signal.SIGKILL)
            self.victim.wait()
            self.victim = None
        return answer


def send(url: str, home: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SEND, url, str(home)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )


def test_a_killed_process_leaves_a_message_that_the_next_one_sends_with_the_same_id(
    empty_database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "killed.db"
    path.write_bytes(empty_database.read_bytes())
    url = f"sqlite:///{path}"
    desk: Desk = make_desk(url, tmp_path, real=True)
    box = Deadly()
    with mail_server(box):
        desk.mail(host="127.0.0.1", port=box.port)
        desk.plan("a", kind=FindingKind.DRIFT)
        desk.look()
        process = box.victim = send(url, tmp_path)
        assert process.wait(60) == -signal.SIGKILL
        assert desk.states() == ["sending"]
        desk.deliver()
        desk.deliver()
    first, second = (box.read(number)["Message-ID"] for number in (0, 1))
    assert first == second
    assert (len(box.mails), desk.states()) == (2, ["delivered"])
    desk.ctx.database.dispose()
