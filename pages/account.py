"""What belongs to the person alone: language, password, and where they are signed in."""

from __future__ import annotations

from pages._ui import account_sessions, settings_own, states
from pages._ui.formats import tr

states.title(tr("How do you sign in, and where are you signed in?"))
settings_own.show()
account_sessions.show()
