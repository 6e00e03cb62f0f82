"""What clients of one integration code share: found by who they are, in this process or over all that work on one database."""

from __future__ import annotations

import hashlib
import threading
from weakref import WeakKeyDictionary

from connectors.autotask.limits import Shared
from connectors.autotask.limits_shared import SharedGate, SharedMeter
from core.domain.ports import SharedLimits

_here: dict[str, Shared] = {}
_over_all: WeakKeyDictionary[SharedLimits, dict[str, Shared]] = WeakKeyDictionary()
_lock = threading.Lock()


def shared_by(*parts: str, limits: SharedLimits | None = None) -> Shared:
    """The one `Shared` of this address, user and integration code (kept under a hash: nothing secret is held as a key).

    With `limits` places and requests are counted over all processes, otherwise in this one.
    """
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with _lock:
        if limits is None:
            return _here.setdefault(key, Shared())
        known = _over_all.setdefault(limits, {})
        if key not in known:
            known[key] = Shared(gate=SharedGate(limits, key), meter=SharedMeter(limits, key))
        return known[key]
