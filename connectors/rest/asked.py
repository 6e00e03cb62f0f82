"""What is asked of an endpoint, and what comes of it: a list, its pages, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.rest.decode import Decoded
from connectors.rest.settings import Body, Call, Job, Paging

__all__ = ["Again", "Asked", "Page", "Skip"]


class Skip(Exception):
    """A rule says that this call gives nothing. Never leaves this connector. `empty` takes it for an empty answer."""

    def __init__(self, empty: bool, where: str) -> None:
        super().__init__(where)
        self.empty = empty
        self.where = where


class Again(Exception):
    """A rule says that the list is to be read from its beginning. Never leaves this connector."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


@dataclass(frozen=True, slots=True)
class Asked:
    """One list to read: where, with which query and body, how its pages follow, and where its records are.

    `told` is an address as an answer told it, in place of `url`; `bare` asks without any credentials. With `job` the list is the
    result of a job that is begun there. `moves` takes an answer for good that only names another address.
    """

    url: str
    query: Mapping[str, str | tuple[str, ...]]
    paging: Paging
    records: str
    method: str = "GET"
    body: Body | None = None
    child: bool = False
    job: Job | None = None
    told: str = ""
    bare: bool = False
    moves: bool = False

    @classmethod
    def of(cls, call: Call) -> Asked:
        return cls(call.url, call.query, call.paging, call.records)


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number, what it holds, its records, and the request without secrets. `part` counts the lists it may be of."""

    number: int
    decoded: Decoded
    records: Sequence[Any]
    where: str
    size: int
    part: int = 0
