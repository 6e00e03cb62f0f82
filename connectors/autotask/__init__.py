"""Autotask PSA: where contract lines are read and written."""

from __future__ import annotations

from connectors.autotask.settings import AutotaskLimits, AutotaskSettings
from connectors.autotask.target import Autotask

__all__ = ["Autotask", "AutotaskLimits", "AutotaskSettings", "connect"]


def connect(settings: AutotaskSettings) -> Autotask:
    """An Autotask to read from and write to. No request is made yet. Raises SettingsError for a certificate it cannot read."""
    return Autotask(settings)
