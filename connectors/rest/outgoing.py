"""What goes out with a request: the parameters in its address, and its body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from connectors._kit.http import Request
from connectors.rest.settings import Body
from connectors.rest.template import Names, in_json_text, in_xml, render, render_json

__all__ = ["with_body", "with_parameters"]


def with_parameters(url: str, query: Mapping[str, str | tuple[str, ...]], names: Names, told: Mapping[str, str]) -> str:
    """The address with its own parameters, those declared, and those of the page; the last one of a name counts, lists apart."""
    if not query and not told:
        return url
    parts = urlsplit(url)
    pairs: list[tuple[str, str]] = []
    for name, values in query.items():
        pairs += [(name, render(value, names)) for value in ([values] if isinstance(values, str) else values)]
    replaced = {name for name, _ in pairs} | set(told)
    own = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in replaced]
    kept = [pair for pair in pairs if pair[0] not in told]
    return urlunsplit(parts._replace(query=urlencode([*own, *kept, *told.items()])))


def with_body(request: Request, body: Body | None, names: Names, told: Mapping[str, str]) -> Request:
    if body is None or body.kind == "json":
        content = body.content if body is not None else {}
        structure = json.loads(content) if isinstance(content, str) and content else content or {}
        made = render_json(structure, names)
        numbers = {name: int(value) if value.isdigit() else value for name, value in told.items()}
        return replace(request, json={**made, **numbers} if isinstance(made, dict) else made)
    if body.kind == "graphql":
        variables = {**render_json(body.variables, names), **told}
        return replace(request, json={"query": body.content, "variables": variables})
    if body.kind == "form":
        form = {name: render(str(value), names) for name, value in body.content.items()}
        headers = {**request.headers, "Content-Type": "application/x-www-form-urlencoded"}
        return replace(request, headers=headers, content=urlencode({**form, **told}).encode())
    kind = "application/xml" if body.kind == "xml" else "text/plain; charset=utf-8"
    escape = in_xml if body.kind == "xml" else in_json_text if body.content.lstrip()[:1] in ("{", "[") else str
    headers = {"Content-Type": kind, **request.headers}
    return replace(request, headers=headers, content=render(body.content, names, escape).encode())
