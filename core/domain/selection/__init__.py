"""From any JSON-like document to usage lines, by paths that a person chose once (REST endpoints, webhooks).

The language of paths is JMESPath; a plain dotted path (`data.items`) is one. `mapping` holds what was chosen, `select_lines`
applies it, `suggest`, `tree` and `rows_preview` help a person to choose. Everything is pure: values in, values out.
"""

from core.domain.selection.mapping import Aggregate, Expand, Filter, FilterOp, OnEmpty, RecordMapping, Rounding, Value
from core.domain.selection.paths import PathError, compile_path
from core.domain.selection.preview import RowsPreview, rows_preview
from core.domain.selection.result import Problem, Selection
from core.domain.selection.selector import Joined, Selector, error_in, select_lines
from core.domain.selection.suggest import Candidate, Suggestion, suggest
from core.domain.selection.tree import Node, NodeKind, path_of_click, path_of_first_call, tree

__all__ = [
    "Aggregate",
    "Candidate",
    "Expand",
    "Filter",
    "FilterOp",
    "Joined",
    "Node",
    "NodeKind",
    "OnEmpty",
    "PathError",
    "Problem",
    "RecordMapping",
    "Rounding",
    "RowsPreview",
    "Selection",
    "Selector",
    "Suggestion",
    "Value",
    "compile_path",
    "error_in",
    "path_of_click",
    "path_of_first_call",
    "rows_preview",
    "select_lines",
    "suggest",
    "tree",
]
