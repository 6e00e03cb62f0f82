"""Where the key comes from: the environment, or a file beside the database that only its owner may read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from core.domain.errors import SettingsError
from core.domain.text import T
from core.secrets.box import KEY_BYTES, SecretBox

KEY_FILE = "secret.key"
SHORTEST = 16


def load_box(home: Path, secret_key: str | None = None) -> SecretBox:
    """The box of this workspace.

    `secret_key` is what CONTRACTBRIDGE_SECRET_KEY holds: 32 bytes in base64, or a pass phrase of at least 16 characters;
    several, with commas between them, while keys are changed (the first one seals). Without it the key is kept in
    `secret.key` in the data directory, which is made at the first start.
    Raises SettingsError for a key that is too short or a file that holds none.
    """
    if secret_key:
        return SecretBox([_from_text(part.strip()) for part in secret_key.split(",") if part.strip()])
    path = home / KEY_FILE
    return SecretBox(_read_or_make(path), lambda: _read(path))


def with_new_key(home: Path) -> SecretBox:
    """Put a new key in front of the file's keys: it seals from now on, the old ones still open.

    Seal everything again (`core.services.keys`), then `retire_old_keys`.
    """
    path = home / KEY_FILE
    keys = [os.urandom(KEY_BYTES), *_read_or_make(path)]
    _replace(path, keys)
    return SecretBox(keys)


def retire_old_keys(home: Path) -> SecretBox:
    """Keep the first key of the file alone. What only an old key opens is lost: seal everything again before."""
    path = home / KEY_FILE
    keys = _read_or_make(path)[:1]
    _replace(path, keys)
    return SecretBox(keys)


def file_is_open_to_others(home: Path) -> bool:
    """Whether somebody else on this machine may read or change the key file. Where there are no such rights: False."""
    try:
        found = (home / KEY_FILE).stat()
    except OSError:
        return False
    return os.name == "posix" and bool(found.st_mode & 0o077)


def _from_text(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, altchars=b"-_" if set(text) & {"-", "_"} else None, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) == KEY_BYTES:
        return raw
    if len(text) < SHORTEST:
        raise SettingsError(
            T("The secret key is too short: it needs at least {count} characters.", count=SHORTEST),
            place="CONTRACTBRIDGE_SECRET_KEY",
            remedy=T("Take a long random text and keep it apart from the database."),
            kind="secret_key",
        )
    # A fixed salt: the same words must give the same key on every machine and after every restart.
    return hashlib.scrypt(text.encode(), salt=b"contractbridge secret key", n=2**14, r=8, p=1, dklen=KEY_BYTES)


def _read_or_make(path: Path) -> list[bytes]:
    if not path.exists():
        _make(path)
    return _read(path)


def _read(path: Path) -> list[bytes]:
    try:
        keys = [base64.b64decode(line, validate=True) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise SettingsError(
            T("The key file holds no usable key."),
            place=str(path),
            remedy=T("Restore it from a back-up. Without it stored credentials have to be entered again."),
            kind="secret_key",
        )
    return keys


def _make(path: Path) -> None:
    """Make the file complete under another name and give it its own: of two processes starting together one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _written(path, [os.urandom(KEY_BYTES)])
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _keep_names(path.parent)


def _replace(path: Path, keys: list[bytes]) -> None:
    draft = _written(path, keys)
    if os.name == "posix":
        # Whoever does it, an administrator of the machine perhaps: the file stays that of the user the product runs as.
        before = path.stat()
        os.chown(draft, before.st_uid, before.st_gid)
    draft.replace(path)
    _keep_names(path.parent)


def _keep_names(folder: Path) -> None:
    """A power cut must not bring the old file back: what is sealed next could never be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, keys: list[bytes]) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(base64.b64encode(key).decode() + "\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return draft
