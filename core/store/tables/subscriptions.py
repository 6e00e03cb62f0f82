"""Contracts made for subscriptions, and what happened to subscriptions."""

from __future__ import annotations
