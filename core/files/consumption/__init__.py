"""Billing files of a cloud: amounts by customer, month and what charges can be split by."""

from core.files.consumption.reader import read_consumption, read_licences
from core.files.consumption.rows import SourceRow, source_rows

__all__ = ["SourceRow", "read_consumption", "read_licences", "source_rows"]
