"""Alert rules, alerts and their delivery."""

from __future__ import annotations
