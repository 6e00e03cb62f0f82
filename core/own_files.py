"""What a process of ContractBridge writes is for its own user: database, uploads, back-ups, exports, the log of errors.

Called where a process begins, never where it is imported: it holds for everything that the process writes from then on.
"""

from __future__ import annotations

import os
import sys

OTHERS, ALL_BUT_OURSELVES = 0o007, 0o077


def keep_to_ourselves() -> None:
    """New files and folders are for the user that the process runs as, and a crash leaves no picture of its memory.

    A narrower `umask` than the usual one was chosen by somebody, and stays: 0027 lets a group make back-ups.
    """
    chosen = os.umask(ALL_BUT_OURSELVES)
    if chosen & OTHERS == OTHERS:
        os.umask(chosen)
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))
