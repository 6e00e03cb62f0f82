"""Consumption and contract charges."""

from __future__ import annotations
