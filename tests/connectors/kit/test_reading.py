"""Putting a reading together: who could not be read is marked, and spoils no other (M2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors._kit.contract import OwnServerSettings
from connectors._kit.http import Tls
from connectors._kit.reading import Customer, ReadingBuilder
from core.domain.errors import RemoteError, Unauthorized
from core.domain.text import T

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CUSTOMERS = [Customer(str(number), f"Customer {number}") for number in range(6)]


def test_m2_gathering_keeps_the_order_and_marks_who_failed() -> None:
    builder = ReadingBuilder("P", NOW)

    def read(customer: Customer) -> int:
        if customer.id == "3":
            raise RemoteError(T("Closed."), retryable=False)
        return int(customer.id) * 10

    found = builder.gather(CUSTOMERS, read)
    assert [(customer.id, value) for customer, value in found] == [("0", 0), ("1", 10), ("2", 20), ("4", 40), ("5", 50)]
    assert {name: str(why) for name, why in builder.reading().failed_customers.items()} == {"3": "Customer 3: Closed."}


def test_refused_credentials_end_the_reading() -> None:
    def read(customer: Customer) -> int:
        raise Unauthorized(T("No."))

    with pytest.raises(Unauthorized):
        ReadingBuilder("P", NOW).gather(CUSTOMERS, read)


def test_settings_of_an_own_server_say_whom_to_trust() -> None:
    assert OwnServerSettings(ca_certificate="ca.pem", pinned_certificate="own.pem").tls == Tls("ca.pem", "own.pem")


def test_a_note_is_told_once_however_often_it_is_made() -> None:
    builder = ReadingBuilder("Portal", NOW)
    for number in range(20_000):
        builder.note(T("Device {device} stands in two sites.", device=str(number % 3)))
    assert [str(note) for note in builder.reading().notes] == [f"Device {n} stands in two sites." for n in range(3)]
