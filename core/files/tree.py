"""JSON, JSON lines and XML as a table: lists inside lists by paths, or the records found by themselves (shape J)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from defusedxml import ElementTree as SafeTree
from defusedxml.common import DefusedXmlException

from core.domain.file_settings import FileSettings, Shape
from core.domain.text import T
from core.files.archive import corrupt, too_large_unpacked
from core.files.cells import Cell
from core.files.grid import RowsGrid
from core.files.issues import ImportIssue, ImportNote, Kind, NoteKind, RejectedFile, reject, shown
from core.files.limits import Limits
from core.files.roles import needed_headings
from core.files.workbook import too_wide
from core.files.xml_safe import doctype_refused, local

Node = Any
"""dict, list, str, int, Decimal, bool or None."""
LONGEST_HEADING = 1_000
"""Characters: the name of an object stands before each name inside it."""
_STEP = re.compile(r"\[\s*(?:\*|\d+|'[^']*'|\"[^\"]*\")\s*\]|[^.\[\]]+|\.\.")


@dataclass(slots=True)
class Document:
    """A parsed file. `lines` are set for JSON lines: the number of the line of each record."""

    root: Node
    notes: tuple[ImportNote, ...] = ()
    issues: tuple[ImportIssue, ...] = ()
    lines: tuple[int, ...] = ()


def parse_json(utf8: bytes, limits: Limits) -> Document:
    """A JSON document, or one for each line. Numbers stay exact. Raises RejectedFile naming line and column where it is broken."""
    text = utf8.decode("utf-8", errors="replace")
    parser = _Parser()
    try:
        root = parser.parse(text)
    except json.JSONDecodeError as error:
        lines = _json_lines(text, parser)
        if lines is None:
            raise corrupt(f"line {error.lineno}, column {error.colno}") from error
        document = lines
    except (RecursionError, ValueError) as error:
        raise _nested(limits) if isinstance(error, RecursionError) else corrupt(str(error)) from error
    else:
        document = Document(root)
    if depth(document.root, limits.nesting + 1) > limits.nesting:
        raise _nested(limits)
    document.notes += parser.notes()
    return document


@dataclass(slots=True)
class _Parser:
    """json with exact numbers that notices keys that come twice."""

    twice: set[str] = field(default_factory=set)

    def parse(self, text: str) -> Node:
        return json.loads(text, parse_float=Decimal, parse_constant=_refused_constant, object_pairs_hook=self._object)

    def _object(self, pairs: list[tuple[str, Node]]) -> dict[str, Node]:
        found = dict(pairs)
        if len(found) < len(pairs):
            self.twice.update(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return found

    def notes(self) -> tuple[ImportNote, ...]:
        if not self.twice:
            return ()
        message = T("The key {key} comes twice in one object; the last one counts.", key=sorted(self.twice)[0])
        return (ImportNote(kind=NoteKind.DUPLICATE_KEYS, message=message),)


def _refused_constant(text: str) -> Node:
    """NaN and Infinity are no JSON and no quantity: they stay text, and are refused where a number is needed."""
    return text


def _json_lines(text: str, parser: _Parser) -> Document | None:
    """One object per line; lines that are broken are errors, unless most are."""
    records: list[Node] = []
    numbers: list[int] = []
    issues: list[ImportIssue] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = parser.parse(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict | list):
            records.append(record)
            numbers.append(number)
        else:
            issues.append(
                ImportIssue(
                    kind=Kind.FILE_CORRUPT,
                    message=T("The line is not a whole JSON record."),
                    row=number,
                    text=shown(line),
                    remedy=T("Download the file again."),
                )
            )
    if (len(numbers) < 2 and issues) or len(issues) > len(records):
        return None
    return Document(records, issues=tuple(issues), lines=tuple(numbers))


def parse_xml(utf8: bytes, limits: Limits) -> Document:
    """An XML document as a tree: attributes `@name`, text `#text`, repeated elements as lists, namespaces left off."""
    try:
        root = SafeTree.fromstring(utf8, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise doctype_refused() from error
    except SafeTree.ParseError as error:
        line, column = error.position
        raise corrupt(f"line {line}, column {column + 1}") from error
    except (ValueError, RecursionError, LookupError) as error:
        raise corrupt() from error
    if _xml_depth(root, limits.nesting) > limits.nesting:
        raise _nested(limits)
    return Document({local(root.tag): _node(root)})


def _xml_depth(root: Any, limit: int) -> int:
    level, found = [root], 0
    while level and found <= limit:
        found += 1
        level = [child for element in level for child in element]
    return found


def _node(element: Any) -> Node:
    children: dict[str, Node] = {f"@{local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local(child.tag), _node(child)
        if name in children:
            if not isinstance(children[name], list):
                children[name] = [children[name]]
            children[name].append(value)
        else:
            children[name] = value
    text = (element.text or "").strip()
    if not children:
        return text
    return {**children, "#text": text} if text else children


def _nested(limits: Limits) -> RejectedFile:
    return reject(
        Kind.FILE_TOO_LARGE,
        T("The file is nested more than {limit} levels deep.", limit=limits.nesting),
        T("Export a flat table, or as CSV."),
    )


def depth(root: Node, limit: int) -> int:
    """How many levels a tree has; counting stops at `limit`."""
    level, found = [root], 0
    while level and found < limit:
        found += 1
        level = [child for node in level for child in _children(node)]
    return found


def _children(node: Node) -> Iterable[Node]:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (value for value in values if isinstance(value, dict | list))


def steps(path: str) -> list[str]:
    """A path's steps: `$.customers[*].name` → customers, *, name."""
    text = path.strip().removeprefix("$").lstrip(".")
    return [step.strip("[]").strip().strip("'\"") if step.startswith("[") else step for step in _STEP.findall(text)]


def select(node: Node, path: Sequence[str]) -> Iterator[Node]:
    """What a path leads to. A list where a name is asked for is walked through: `customers.name` works as `customers[*].name`."""
    if not path:
        yield node
    elif isinstance(node, list):
        yield from _select_in_list(node, path)
    elif isinstance(node, dict):
        if path[0] == "*":
            for value in [node] if _is_record(node) else node.values():
                yield from select(value, path[1:])
        else:
            key = path[0] if path[0] in node else next((k for k in node if k.casefold() == path[0].casefold()), None)
            if key is not None:
                yield from select(node[key], path[1:])


def _select_in_list(node: list[Node], path: Sequence[str]) -> Iterator[Node]:
    if path[0] == "*":
        for item in node:
            yield from select(item, path[1:])
    elif path[0].isdigit():
        yield from select(node[int(path[0])], path[1:]) if int(path[0]) < len(node) else ()
    else:
        for item in node:
            yield from select(item, path)


def _is_record(node: dict[str, Node]) -> bool:
    """XML writes a list of one as that one: `Customer[*]` then means the only customer."""
    return any(not isinstance(value, dict | list) for value in node.values())


def tree_grid(document: Document, settings: FileSettings) -> RowsGrid:
    """The records a tree mapping names, one row each, with its paths as headings."""
    headings = needed_headings(settings)
    paths = [steps(heading) for heading in headings]
    rows: list[list[Cell]] = [list(headings)]
    numbers = [0]
    seen = [False] * len(paths)
    customers = 0
    for customers, customer in enumerate(_records(document.root, settings.customers), start=1):
        records = list(_records(customer, settings.products)) if settings.products else [customer]
        for record in records:
            row = []
            for place, path in enumerate(paths):
                found, value = _first((record, customer, document.root), path)
                seen[place] |= found
                row.append(value)
            rows.append(row)
            numbers.append(document.lines[customers - 1] if document.lines else len(rows) - 1)
    if not customers:
        raise _no_records(document, settings)
    for heading, found in zip(headings, seen, strict=True):
        if not found and len(rows) > 1:
            raise _path_missing(heading, document, settings)
    return RowsGrid(
        "", rows, notes=document.notes, issues=document.issues, row_numbers=np.array(numbers, dtype=np.int64)
    )


def _records(node: Node, path: str) -> Iterator[Node]:
    for found in select(node, steps(path)):
        yield from found if isinstance(found, list) else (found,)


def _first(nodes: Iterable[Node], path: Sequence[str]) -> tuple[bool, Cell]:
    for node in nodes:
        for value in select(node, path):
            return True, _cell(value)
    return False, ""


def _cell(value: Node) -> Cell:
    if isinstance(value, dict):
        return value["#text"] if "#text" in value else json.dumps(value, default=str)[:200]
    if isinstance(value, list):
        return json.dumps(value, default=str)[:200]
    return "" if value is None else value


def _no_records(document: Document, settings: FileSettings) -> RejectedFile:
    path = steps(settings.customers)
    if any(True for _ in select(document.root, path[:-1] if path[-1:] == ["*"] else path)):
        return reject(
            Kind.NO_DATA_ROWS, T("The list of customers is empty."), T("Export it again; nothing was changed.")
        )
    return reject(
        Kind.HEADER_NOT_FOUND,
        T("There is nothing at {path}. At the top are: {found}.", path=settings.customers, found=_names(document.root)),
        T("Check that this is the right export, or choose the lists again in the mapping."),
        text=settings.customers,
    )


def _path_missing(heading: str, document: Document, settings: FileSettings) -> RejectedFile:
    customer = next(_records(document.root, settings.customers), None)
    record = next(_records(customer, settings.products), None) if settings.products else customer
    return reject(
        Kind.COLUMN_MISSING,
        T(
            "No record has “{heading}”. The names found are: {found}.",
            heading=heading,
            found=_names(record) or _names(customer),
        ),
        T("Choose another name in the mapping, or export the file with that one."),
        text=heading,
    )


def _names(node: Node) -> tuple[str, ...]:
    sample = node[0] if isinstance(node, list) and node else node
    return tuple(list(sample)[:40]) if isinstance(sample, dict) else ()


def flat_grid(document: Document, limits: Limits) -> RowsGrid:
    """The longest list of records in a tree as a table; nested objects become `outer.inner` headings.

    Raises RejectedFile where the table would be far larger than the tree: records that each have names of their own.
    """
    records = _longest(document.root)
    if records and all(isinstance(record, list) for record in records):
        return RowsGrid("", [[_cell(value) for value in record] for record in records], notes=document.notes)
    known: dict[str, str] = {}
    flat = [_flattened(record, known, limits) for record in records]
    headings = list(known)
    if len(headings) * len(flat) > limits.cells:
        raise too_large_unpacked(limits)
    rows = [list(headings), *([record.get(name, "") for name in headings] for record in flat)]
    numbers = np.array([0, *(document.lines or range(1, len(rows)))], dtype=np.int64)
    return RowsGrid("", rows, notes=document.notes, issues=document.issues, row_numbers=numbers)


def _longest(root: Node) -> list[Node]:
    best: list[Node] = []
    level = [root]
    while level:
        for node in level:
            if isinstance(node, list) and len(node) > len(best) and all(isinstance(item, dict | list) for item in node):
                best = node
        level = [child for node in level for child in _children(node)]
    return best or _single(root)


def _single(root: Node) -> list[Node]:
    """A tree without a list: its innermost object of plain values is the only record."""
    node = root
    while isinstance(node, dict) and len(node) == 1 and isinstance(next(iter(node.values())), dict):
        node = next(iter(node.values()))
    return [node] if isinstance(node, dict) else []


def _flattened(record: Node, known: dict[str, str], limits: Limits, prefix: str = "") -> dict[str, Cell]:
    """One record by its headings. All records share them in `known`, in the order in which they were met."""
    if not isinstance(record, dict):
        return {_heading(prefix or "value", known, limits): _cell(record)}
    flat: dict[str, Cell] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat.update(_flattened(value, known, limits, f"{prefix}{name}."[: LONGEST_HEADING + 1]))
        else:
            flat[_heading(f"{prefix}{name}", known, limits)] = _cell(value)
    return flat


def _heading(name: str, known: dict[str, str], limits: Limits) -> str:
    if len(name) > LONGEST_HEADING or (name not in known and len(known) >= limits.columns):
        raise too_wide(limits)
    return known.setdefault(name, name)


def table_text(root: Node) -> str:
    """Delimited text kept inside JSON (a report "as CSV"): the only long text with several lines; empty where there is none."""
    texts = [node for node in _leaves(root) if isinstance(node, str) and "\n" in node]
    return texts[0] if len(texts) == 1 else ""


def _leaves(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            if len(node) > 1:
                return
            waiting.extend(node)
        else:
            yield node


def is_tree(settings: FileSettings | None) -> bool:
    return settings is not None and settings.shape is Shape.TREE
