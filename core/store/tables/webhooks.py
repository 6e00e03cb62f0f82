"""Webhook deliveries."""

from __future__ import annotations
