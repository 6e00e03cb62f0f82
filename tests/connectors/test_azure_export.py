"""The connector for cost exports that are brought: there is nothing to fetch, and its settings are those of the reader."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.azure_export.manifest import MANIFEST
from core.domain.connector import Feed
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import SettingsError


def test_it_waits_for_files_and_tells_amounts() -> None:
    assert (MANIFEST.feed, MANIFEST.consumption, MANIFEST.settings) == (Feed.PUSH, True, ConsumptionSettings)
    source = MANIFEST.open("Azure", {"metric": "amortized", "tags": ["env"]}, {})
    source.test()
    with pytest.raises(SettingsError) as found:
        source.read(datetime(2026, 2, 1, tzinfo=UTC))
    assert found.value.kind == "nothing_to_fetch"


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="metric"):
        MANIFEST.open("Azure", {"metric": "guessed"}, {})
