"""A sandbox Autotask: a real HTTP server that behaves as the vendor's REST API does (Autotask reference §12).

It is used by the tests, by `manage.py sandbox` and by `run --demo`. Nothing of the client imports it.
"""

from __future__ import annotations

from connectors.autotask.sandbox.data import Credentials, SandboxData
from connectors.autotask.sandbox.demo import demo_data
from connectors.autotask.sandbox.faults import Fault
from connectors.autotask.sandbox.server import SandboxServer, serve, serve_forever
from connectors.autotask.sandbox.switches import SandboxSwitches

__all__ = [
    "Credentials",
    "Fault",
    "SandboxData",
    "SandboxServer",
    "SandboxSwitches",
    "demo_data",
    "serve",
    "serve_forever",
]
