"""Invoice checks, month-end sign-offs and what reports need."""

from __future__ import annotations
