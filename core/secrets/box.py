"""Sealing a secret for exactly one place, and opening it there again."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.domain.errors import SettingsError
from core.domain.text import T

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = "1"


class SecretBox:
    """Seals texts with the first of its keys and opens what any of them has sealed.

    A sealed text is worth something only at its `place` (`portal:3:secret_key`): moved to another row it does not open.
    """

    def __init__(self, keys: Sequence[bytes], source: Callable[[], Sequence[bytes]] | None = None) -> None:
        """`source` gives the keys as they are now, where they may change while the process runs; safe for threads."""
        self._source = source
        self._lock = threading.Lock()
        self._keys: dict[str, AESGCM] = {}
        self._take(keys)

    def __repr__(self) -> str:
        return f"SecretBox(key_id={self.key_id!r})"

    def _take(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a box needs keys of {KEY_BYTES} bytes")
        # Keys that were left out since are not forgotten: somebody may just be opening what they sealed.
        self._keys = {**self._keys, **{_key_id(key): AESGCM(key) for key in keys}}
        self.older_ids = frozenset(_key_id(key) for key in keys[1:])
        self.key_id = _key_id(keys[0])

    @property
    def may_change(self) -> bool:
        """Whether the keys stand in a file that may be written anew, and do not come from the environment."""
        return self._source is not None

    @property
    def has_older_keys(self) -> bool:
        """Whether keys are being changed: everything is to be sealed again with the first one."""
        return bool(self.older_ids)

    def refresh(self) -> None:
        """Look at the key file again: another process may have changed the key. Raises SettingsError when it is broken."""
        if self._source is not None:
            with self._lock:
                self._take(self._source())

    def seal(self, text: str, place: str) -> str:
        """The text, encrypted for this place: `version.key.nonce-and-ciphertext`."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self.key_id].encrypt(nonce, text.encode(), place.encode())
        return f"{VERSION}.{self.key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The text again. Raises SettingsError when it was sealed with another key, for another place, or was changed."""
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if key_id not in self._keys:
            self.refresh()
        key = self._keys.get(key_id)
        if version != VERSION or key is None:
            raise _unreadable(place, "unknown key")
        try:
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
            return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise _unreadable(place, type(error).__name__) from None

    def is_current(self, sealed: str) -> bool:
        """Whether the text was sealed with the key that is in use now."""
        return sealed.split(".")[1:2] == [self.key_id]


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"contractbridge key id" + key).hexdigest()[:8]


def _unreadable(place: str, detail: str) -> SettingsError:
    return SettingsError(
        T("A stored secret cannot be read with the present key."),
        place=place,
        remedy=T("Start with the key it was stored with (CONTRACTBRIDGE_SECRET_KEY or secret.key), or enter it again."),
        detail=detail,
        kind="secret_key",
    )
