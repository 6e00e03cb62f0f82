"""Sample data: every portal's sample can be read like the portal itself (S1-83)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.sample.manifest import MANIFEST, samples
from core.domain.errors import SettingsError

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("slug", samples())
def test_s1_83_every_sample_is_a_whole_reading(slug: str) -> None:
    source = MANIFEST.open("Sample", {"of": slug}, {})
    source.test()
    reading = source.read(NOW)
    assert reading.complete
    assert len({line.key for line in reading.lines}) == len(reading.lines) >= 3


def test_an_unknown_sample_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match="pax8"):
        MANIFEST.open("Sample", {"of": "nowhere"}, {})
