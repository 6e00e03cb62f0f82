"""The few things that are set from outside: where data lives, which database, which key (DESIGN §6, Environment)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent
PROGRAM = tuple(PROJECT / name for name in ("core", "connectors", "pages", ".streamlit", ".venv"))
"""Folders of the program itself."""


class Settings(BaseSettings):
    """Read from the environment: `CONTRACTBRIDGE_HOME`, `CONTRACTBRIDGE_DATABASE_URL`, `CONTRACTBRIDGE_SECRET_KEY`.

    Everything else is kept in the database and changed on the Settings page or through the workspace file.
    """

    model_config = SettingsConfigDict(env_prefix="CONTRACTBRIDGE_", extra="ignore")

    home: Path = PROJECT / "data"
    database_url: str = ""
    secret_key: SecretStr | None = None
    admin_password: SecretStr | None = None
    log_format: str = "text"
    demo: bool = False
    allowed_hosts: str = ""
    engine: str = "inside"

    @classmethod
    def load(cls) -> Settings:
        """The settings of this process; makes the data directory."""
        settings = cls()
        settings.home.mkdir(parents=True, exist_ok=True)
        return settings

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Host names that the pages are asked for under, from `CONTRACTBRIDGE_ALLOWED_HOSTS` (commas between); () lets any in."""
        return tuple(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())

    @cached_property
    def database(self) -> str:
        """The SQLAlchemy address of the database: a SQLite file in the data directory unless one is set."""
        return self.database_url or f"sqlite:///{(self.home / 'contractbridge.db').as_posix()}"
