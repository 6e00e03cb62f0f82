"""Billing files that are brought: read, kept, and looked into again when somebody asks what is behind a charge (S1-65, S1-68)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.connector import Feed
from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import totals_by_currency
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import InputError
from core.domain.pickup_settings import billing_of, is_billing
from core.domain.text import Money, T, Text
from core.domain.validation import checked
from core.files.consumption import SourceRow, read_consumption, source_rows
from core.services.access import Actor, Role, require
from core.services.charges import charge_detail
from core.services.consumption import record_consumption, tells_amounts
from core.services.portals import find
from core.services.upload_files import FOLDER, Data, safe_name
from core.store import consumption
from core.store.portals import Portal

if TYPE_CHECKING:
    from core.services.context import Context

DIGEST_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Brought:
    """What files brought. `known`: this very consumption counted already."""

    reading: ConsumptionReading
    known: bool
    summary: Text


def takes_billing_files(ctx: Context, portal: str) -> bool:
    """Whether what is brought to this portal are billing files rather than lists of quantities."""
    with ctx.database.session() as session:
        found = find(session, portal)
        return is_billing(found.settings) or tells_amounts(ctx, found, Feed.PUSH)


def bring_files(ctx: Context, actor: Actor, portal: str, files: Sequence[tuple[Data, str]]) -> Brought:
    """Read the files of one export (with its manifest, where there is one), keep them, and let what they tell count. For operators.

    Raises InputError for files that cannot be read, or that do not hold everything they promise: nothing is charged from those.
    """
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = find(session, portal)
    paths = _keep_together(ctx.home, found, files)
    reading = read_consumption(paths, portal=portal, now=ctx.clock.now(), options=_options(found))
    names = [path.relative_to(ctx.home).as_posix() for path in paths]
    done = record_consumption(ctx, actor, portal, reading, files=names)
    totals = totals_by_currency(reading.lines)
    text = T(
        "{portal}: {lines} amounts from {first} to {last} taken over, {total} in all.", portal=portal,
        lines=len(reading.lines), first=reading.period_start, last=reading.period_end,
        total=tuple(Money(round(amount, 2), currency) for currency, amount in sorted(totals.items())),
    )  # fmt: skip
    if done.known:
        text = T("{portal}: this consumption was known already; nothing changes.", portal=portal)
    return Brought(reading, done.known, text)


def read_billing(paths: Sequence[Path], options: ConsumptionSettings, portal: str, now: datetime) -> ConsumptionReading:
    """The amounts in billing files that a connector fetched: the port that connectors are given. Raises InputError."""
    return read_consumption(paths, portal=portal, now=now, options=options)


def charge_rows(ctx: Context, actor: Actor, key: str, line: ConsumptionLine, *, limit: int = 1000) -> list[SourceRow]:
    """The records of the files that were added up to one line of a charge. Empty where the line did not come from files.

    Raises InputError when the files are no longer there.
    """
    require(actor, Role.VIEWER)
    detail = charge_detail(ctx, actor, key)
    with ctx.database.session() as session:
        portal = find(session, detail.charge.portal)
        stored = consumption.current(
            session, portal_ids=[portal.id], period=detail.charge.period_start, customer_id=line.customer_id
        )
        names = consumption.files_of(session, {one.reading_id for one in stored})
    paths = [ctx.home / name for name in names]
    if any(not path.is_file() for path in paths):
        raise InputError(
            T("A file behind this charge is no longer in the data directory."),
            remedy=T("Bring it once more."),
            kind="file_gone",
        )
    return source_rows(paths, line, options=_options(portal), limit=limit) if paths else []


def _options(portal: Portal) -> ConsumptionSettings:
    options: ConsumptionSettings = checked(ConsumptionSettings, billing_of(portal.settings), portal.name)
    return options


def _keep_together(home: Path, portal: Portal, files: Sequence[tuple[Data, str]]) -> list[Path]:
    """Copies of the files in a folder of their own, under their own names: a manifest names its parts."""
    if not files:
        raise InputError(T("There is no billing file here."), kind="usage")
    digest = hashlib.sha256()
    for data, name in sorted(files, key=lambda one: one[1]):
        digest.update(safe_name(name).encode())
        _add_content(digest, data)
    folder = home / FOLDER / str(portal.id) / f"billing-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_copied(folder / safe_name(name), data) for data, name in files]
    except OSError as error:
        raise InputError(
            T("The file cannot be kept: {reason}.", reason=error.strerror or "?"),
            place=str(folder),
            remedy=T("Is there space on the disk, and may the product write to its data directory?"),
        ) from error


def _add_content(digest: hashlib._Hash, data: Data) -> None:
    if isinstance(data, bytes):
        digest.update(data)
        return
    with data.open("rb") as stream:
        while piece := stream.read(DIGEST_PIECE):
            digest.update(piece)


def _copied(path: Path, data: Data) -> Path:
    if isinstance(data, Path):
        shutil.copyfile(data, path)
    else:
        path.write_bytes(data)
    return path
