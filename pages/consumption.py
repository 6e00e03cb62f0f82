"""What is charged for consumption, and out of what?"""

from __future__ import annotations

from pages._ui import states
from pages._ui.formats import tr

states.title(tr("What is charged for consumption?"))
