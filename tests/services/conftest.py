"""One mother of the processes that are killed, for all tests of the use cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()
