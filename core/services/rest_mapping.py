"""Connecting an endpoint of one's own by eye: an example, a mapping on it, the lines it gives, and saving it (S1-57)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from core.domain import selection as chosen
from core.domain.errors import InputError
from core.domain.policy import Mode
from core.domain.ports import SampleAnswer, Sampler
from core.domain.selection import Expand, Joined, Node, Problem, RecordMapping, RowsPreview, Suggestion
from core.domain.text import T, Text
from core.domain.validation import Problem as FieldProblem
from core.domain.validation import checked, problems
from core.services.access import Actor, Role, require
from core.services.portals import create_portal, find, owner_of, stored_secrets, update_portal
from core.services.rest_forms import default_name
from core.services.upload_preview import PreviewRow, judged
from core.services.workspace_export import escaped
from core.services.workspace_file import parse
from core.services.workspace_portals import portal_content
from core.store import portals as store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "Declaration",
    "MappingPreview",
    "Sample",
    "check",
    "export_declaration",
    "fetch_sample",
    "import_declaration",
    "preview",
    "sample_of",
    "save",
    "table_of",
]

REST = "rest"
MOST_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer as a person looks at it. `request` shows no secret; `size` is in bytes.

    `tree` are the places to click, `parent_tree` those of the record of a first call, `joined` the look-ups. `table` shows the rows
    of the first suggestion. `is_file` says that the answer is for the file importer, with its content in `file`.
    """

    request: str
    kind: str
    size: int
    document: object = field(repr=False, default=None)
    parent: object = field(repr=False, default=None)
    joined: tuple[Joined, ...] = field(repr=False, default=())
    tree: tuple[Node, ...] = ()
    parent_tree: tuple[Node, ...] = ()
    table: RowsPreview | None = None
    suggestion: Suggestion = Suggestion()
    notes: tuple[Text, ...] = ()
    file: bytes = field(repr=False, default=b"")

    @property
    def is_file(self) -> bool:
        return bool(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingPreview:
    """What a mapping makes of an example: lines with their status, problems by place, customers that would not be read.

    `rows` are the first of the `lines`; `mapped`, `pending` and `ignored` count all of them. `complete` says whether a reading like
    this may lower quantities.
    """

    rows: tuple[PreviewRow, ...]
    lines: int = 0
    mapped: int = 0
    pending: int = 0
    ignored: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[Text, ...] = ()
    failed: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))
    records: int = 0
    left_out: int = 0
    complete: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An endpoint as it stands in a file. `missing` maps secrets to the environment variables that are not set."""

    name: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False, default_factory=lambda: MappingProxyType({}))
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def check(ctx: Context, actor: Actor, settings: Mapping[str, object]) -> tuple[FieldProblem, ...]:
    """Everything that is wrong with a declaration, field by field; empty when it is right. For operators."""
    require(actor, Role.OPERATOR)
    return problems(ctx.connectors.get(REST).settings, settings)


def fetch_sample(
    ctx: Context, actor: Actor, settings: Mapping[str, object], secrets: Mapping[str, str], *, portal: str = ""
) -> Sample:
    """Ask the endpoint once and propose a mapping. Secrets left empty are those of the stored `portal`. For operators.

    Confirmed where stored secrets would go to another address. Raises SettingsError, Unauthorized or RemoteError saying what is
    wrong.
    """
    require(actor, Role.OPERATOR)
    name = portal or default_name(str(settings.get("url", "")))
    source = ctx.source(REST, name, settings, _secrets(ctx, actor, portal, settings, secrets))
    if not isinstance(source, Sampler):
        raise InputError(T("This portal has no example to show."), kind="no_sample")
    return _shown(source.sample(ctx.clock.now()))


def sample_of(document: object, *, request: str = "", size: int = 0) -> Sample:
    """A document that is here already, such as the body of a webhook, to be mapped like an answer."""
    return _shown(SampleAnswer(request=request, kind="json", size=size, document=document))


def preview(
    ctx: Context, actor: Actor, sample: Sample, mapping: Mapping[str, object] | RecordMapping, *, portal: str = ""
) -> MappingPreview:
    """The lines of an example by a mapping, each mapped, pending or ignored for `portal`. Stores nothing. For operators.

    Raises SettingsError naming what is wrong with the mapping.
    """
    require(actor, Role.OPERATOR)
    made = mapping if isinstance(mapping, RecordMapping) else checked(RecordMapping, mapping, portal or "mapping")
    selector = chosen.Selector(made, source=sample.request, joined=sample.joined)
    selector.feed(sample.document, parents=() if sample.parent is None else (sample.parent,))
    found = selector.selection()
    with ctx.database.session() as session:
        rows = judged(session, portal, found.lines)
    count = Counter(row.status for row in rows)
    return MappingPreview(
        rows=rows[:MOST_ROWS],
        lines=len(rows),
        mapped=count["mapped"],
        pending=count["pending"],
        ignored=count["ignored"],
        problems=found.problems,
        notes=found.notes,
        failed=found.failed_customers,
        records=found.records,
        left_out=found.left_out,
        complete=found.complete and not found.failed_customers,
        error=found.error,
    )


def table_of(
    sample: Sample,
    records: str,
    expand: tuple[str, ...] = (),
    columns: Mapping[str, str] | None = None,
    limit: int = 50,
) -> RowsPreview:
    """The first rows of an example, with what stands at each chosen path.

    Raises InputError or SettingsError for a path that is not understood.
    """
    levels = [checked(Expand, {"path": path}, path) for path in expand]
    parents = () if sample.parent is None else (sample.parent,)
    try:
        return chosen.rows_preview(sample.document, records, levels, columns, limit, parents)
    except chosen.PathError as error:
        raise InputError(error.message, kind="path") from error


def save(
    ctx: Context,
    actor: Actor,
    name: str,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    *,
    portal: str = "",
    mode: Mode = Mode.REVIEW,
    schedule: Mapping[str, object] | None = None,
) -> None:
    """Store the endpoint as a portal, new or in place of `portal`. For operators. Raises SettingsError or InputError."""
    require(actor, Role.OPERATOR)
    if portal:
        update_portal(ctx, actor, portal, name=name, settings=settings, secrets=secrets)
    else:
        create_portal(ctx, actor, name, REST, settings=settings, secrets=secrets, mode=mode, schedule=schedule)


def export_declaration(ctx: Context, actor: Actor, portal: str) -> str:
    """A stored endpoint as YAML, secrets as `${VARIABLE}`: to keep, to share, to put under version control. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = find(session, portal)
        owner = owner_of(found)
        names = sorted(secret_store.fields(session, [owner])[owner])
    if found.connector != REST:
        raise InputError(T("{name} is not an endpoint of your own.", name=portal), kind="not_rest")
    stem = re.sub(r"[^A-Z0-9]+", "_", portal.upper()).strip("_") or "PORTAL"
    stem = f"P_{stem}" if stem[0].isdigit() else stem
    variables = {name: f"${{{stem}_{name.upper()}}}" for name in names}
    content = portal_content(replace(found, settings=escaped(dict(found.settings))), variables)
    kept = {name: content[name] for name in ("name", "connector", "settings", "secrets") if name in content}
    return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False)


def import_declaration(ctx: Context, actor: Actor, text: str, environment: Mapping[str, str]) -> Declaration:
    """Read such a file; nothing is stored. For operators; only for admins are variables filled in: an operator chooses where
    secrets are sent to, and what the server knows of itself is none of theirs.

    Raises WorkspaceFileError for what is no declaration, SettingsError for one that is wrong.
    """
    require(actor, Role.OPERATOR)
    known = environment if actor.role.covers(Role.ADMIN) else {}
    indented = "\n".join(f"    {line}" for line in text.splitlines())
    parsed = parse(f"portals:\n  -\n{indented}\n", known, "declaration")
    entry = (parsed.content.portals or ())[0]
    if entry.connector != REST:
        raise InputError(T("{name} is not an endpoint of your own.", name=entry.name), kind="not_rest")
    checked(ctx.connectors.get(REST).settings, entry.settings, entry.name)
    start = "portals.0.secrets."
    missing = {path.removeprefix(start): name for path, name in parsed.missing.items() if path.startswith(start)}
    given = {name: value for name, value in entry.secrets.items() if name not in missing}
    return Declaration(name=entry.name, settings=entry.settings, secrets=given, missing=missing)


def _secrets(
    ctx: Context, actor: Actor, portal: str, settings: Mapping[str, object], given: Mapping[str, str]
) -> dict[str, str]:
    filled = {name: value for name, value in given.items() if value}
    if not portal:
        return filled
    with ctx.database.session() as session:
        known = store.by_name(session, portal)
    return (stored_secrets(ctx, actor, portal, settings) if known is not None else {}) | filled


def _shown(answer: SampleAnswer) -> Sample:
    if answer.file:
        return Sample(request=answer.request, kind=answer.kind, size=answer.size, notes=answer.notes, file=answer.file)
    suggestion = chosen.suggest(answer.document)
    first = suggestion.candidates[0] if suggestion.candidates else None
    table = chosen.rows_preview(answer.document, first.records, first.expand) if first is not None else None
    return Sample(
        request=answer.request,
        kind=answer.kind,
        size=answer.size,
        document=answer.document,
        parent=answer.parent,
        joined=answer.joined,
        tree=chosen.tree(answer.document),
        parent_tree=chosen.tree(answer.parent) if answer.parent is not None else (),
        table=table,
        suggestion=suggestion,
        notes=answer.notes,
    )
