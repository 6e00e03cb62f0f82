"""Autotask PSA: where contract lines are read and written."""

from __future__ import annotations

from connectors.autotask.settings import AutotaskLimits, AutotaskSettings
from connectors.autotask.target import Autotask
from core.domain.ports import SharedLimits

__all__ = ["Autotask", "AutotaskLimits", "AutotaskSettings", "connect"]


def connect(settings: AutotaskSettings, shared_limits: SharedLimits | None = None) -> Autotask:
    """An Autotask to read from and write to. No request is made yet. Raises SettingsError for a certificate it cannot read.

    With `shared_limits` Autotask's limits are kept over all processes that share them, otherwise in this process.
    """
    return Autotask(settings, shared_limits)
