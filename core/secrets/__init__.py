"""Secrets at rest: AES-GCM with a key that never stands in the database."""

from __future__ import annotations

from core.secrets.box import SecretBox
from core.secrets.keys import KEY_FILE, file_is_open_to_others, load_box, retire_old_keys, with_new_key

__all__ = ["KEY_FILE", "SecretBox", "file_is_open_to_others", "load_box", "retire_old_keys", "with_new_key"]
