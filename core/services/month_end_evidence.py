"""The evidence of a signed month: a zip that can be looked at again on any later day, here."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T, Text
from core.reporting import Form, Rendered, render
from core.services.access import Actor, Role, require
from core.services.month_end_model import PackCheck, as_signed, sealed
from core.store import audit, ledger, reporting
from core.store.audit import AuditFilter
from core.store.codec import canonical
from core.store.reporting import StoredSignOff

if TYPE_CHECKING:
    from core.services.context import Context

MANIFEST, NUMBERS = "manifest.json", "numbers.json"
FORMS = (Form.PDF, Form.XLSX, Form.JSON)
MOST_BYTES = 200 * 1024**2
MOST_FILES = 50
CHAINS = {"ledger": T("ledger"), "audit": T("audit")}


def evidence(ctx: Context, actor: Actor, month: date) -> Rendered:
    """The evidence of the last sign-off of a month: a zip with PDF, Excel, JSON and the heads of ledger and audit.

    Raises InputError when nobody signed (kind `not_signed`).
    """
    from core.services.reports import style_of
    from core.services.reports.month_end import report_of

    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        stored = next(iter(reporting.sign_offs(session, month.replace(day=1))), None)
    if stored is None:
        raise InputError(T("Nobody signed for {month}.", month=f"{month:%Y-%m}"), kind="not_signed")
    report, style = report_of(as_signed(stored), stored.at), style_of(ctx, actor)
    made = [render(report, form, style) for form in FORMS]
    files = {one.file_name: one.content for one in made} | {NUMBERS: canonical(stored.numbers).encode()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in files.items():
            pack.writestr(name, data)
        pack.writestr(MANIFEST, json.dumps(_manifest(stored, files), indent=2))
    return Rendered(f"month-end-{stored.month:%Y-%m}.zip", "application/zip", content.getvalue())


def verify_evidence(ctx: Context, actor: Actor, data: bytes) -> PackCheck:
    """Look at an evidence pack again: its files, its numbers in the audit, and both chains up to today. For viewers."""
    require(actor, Role.VIEWER)
    files = _opened(data)
    manifest = _document(files, MANIFEST)
    month, person = _head(manifest)
    wrong = [*_files_wrong(files, manifest)]
    with ctx.database.session() as session:
        wrong += _not_signed_here(session, files, manifest)
        for chain in CHAINS:
            wrong += _chain_wrong(session, chain, manifest)
    texts = tuple(wrong) or (
        T("All files are as they were written, and the ledger and the audit still lead through them."),
    )
    return PackCheck(ok=not wrong, month=month, person=person, texts=texts)


def _manifest(stored: StoredSignOff, files: Mapping[str, bytes]) -> dict[str, object]:
    return {
        "format": 1,
        "month": f"{stored.month:%Y-%m}",
        "person": stored.person,
        "at": stored.at.isoformat(),
        "remark": stored.remark,
        "digest": stored.digest,
        "ledger": {"position": stored.ledger_position, "hash": stored.ledger_hash},
        "audit": {"position": stored.audit_position, "hash": stored.audit_hash},
        "files": {name: _sha256(data) for name, data in files.items()},
    }


def _opened(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            entries = pack.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise _no_pack()
            return {entry.filename: pack.read(entry) for entry in entries}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise _no_pack() from error


def _document(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(files[name])
    except (KeyError, ValueError) as error:
        raise _no_pack() from error
    if not isinstance(found, dict):
        raise _no_pack()
    return found


def _head(manifest: Mapping[str, Any]) -> tuple[date, str]:
    try:
        return date.fromisoformat(f"{manifest['month']}-01"), str(manifest["person"])
    except (KeyError, ValueError) as error:
        raise _no_pack() from error


def _no_pack() -> InputError:
    return InputError(T("This is no evidence pack of a month."), kind="no_pack")


def _files_wrong(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> list[Text]:
    told = manifest.get("files")
    if not isinstance(told, dict):
        raise _no_pack()
    wrong = [
        T("{file} was changed.", file=name) for name in sorted(told) if _sha256(files.get(name, b"")) != told[name]
    ]
    extra = sorted(set(files) - set(told) - {MANIFEST})
    return [*wrong, *(T("{file} does not belong to it.", file=name) for name in extra)]


def _not_signed_here(session: Session, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> list[Text]:
    """Its numbers must stand in the audit under a signature of that month by that person."""
    numbers = _document(files, NUMBERS)
    query = AuditFilter(event="month.signed", text=f"{manifest['month']} {sealed(numbers)}", limit=10)
    entries = [entry for entry in audit.page(session, query).rows if entry.actor == manifest["person"]]
    if any(_same_heads(json.loads(entry.after), manifest) for entry in entries):
        return []
    return [T("Nobody signed for these numbers in this workspace.")]


def _same_heads(after: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    ledger_head = manifest.get("ledger") or {}
    same_digest = after.get("digest") == manifest.get("digest") and after.get("remark") == manifest.get("remark")
    return same_digest and after.get("ledger") == [ledger_head.get("position"), ledger_head.get("hash")]


def _chain_wrong(session: Session, chain: str, manifest: Mapping[str, Any]) -> list[Text]:
    head = manifest.get(chain) or {}
    position = head.get("position")
    if not isinstance(position, int) or reporting.hash_at(session, chain, position) != head.get("hash"):
        return [T("The {chain} of this workspace does not lead through this pack.", chain=CHAINS[chain])]
    whole = ledger.verify(session) if chain == "ledger" else audit.verify(session)
    return [] if whole.ok else [whole.message]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
