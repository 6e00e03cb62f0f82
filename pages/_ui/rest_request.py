"""What is asked of an endpoint: its address, how to sign in, what goes along, and how pages follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import streamlit as st

from core.domain.errors import InputError
from core.domain.text import T
from core.services.forms import FormField
from core.services.rest_forms import EndpointForms, secrets_of
from pages._ui import rest_job, rest_pages, settings_form
from pages._ui.formats import tr

BODIES = {"json": "JSON", "form": "Form", "graphql": "GraphQL", "xml": "XML", "text": "Text"}
INSIDE = ("for_each", "window", "answer", "limits")
LISTS = ("joins", "rules")
ASKED = ("token_url", "client_id", "url", "place", "json_body")
"""Fields of signing in that are asked at once although they can be left empty."""


def draw(forms: EndpointForms, start: Mapping[str, Any], key: str) -> tuple[dict[str, Any], Any]:
    """The form with what is there already; returns the settings without the mapping, and the place for secrets and button.

    What comes and goes with a choice is in containers of its own, so that what stands below is not drawn anew.
    """
    settings: dict[str, Any] = {}
    method, address = st.columns([1, 5], gap="small", vertical_alignment="bottom")
    settings["method"] = method.selectbox(
        tr("Method"), ["GET", "POST"], index=["GET", "POST"].index(start.get("method", "GET")), key=f"{key}_method"
    )
    settings["url"] = address.text_input(
        tr("Address"), start.get("url", ""), key=f"{key}_url", placeholder="https://api.example.com/v1/customers", max_chars=2000,
        help=tr("The address that answers with customers, products and quantities."),
    ).strip()  # fmt: skip
    with st.container():
        if settings["method"] == "POST":
            settings["body"] = _body(start.get("body") or {}, key)
    with st.container():
        settings["auth"] = _sign_in(forms, start.get("auth") or {}, key)
    network = _network(start.get("network") or {}, key)
    place = st.container()
    with st.expander(tr("Parameters and headers"), expanded=False, icon=":material/list_alt:"):
        left, right = st.columns(2, gap="medium")
        settings["query"] = _pairs(
            left, tr("Parameters"), start.get("query"), f"{key}_query", "=", "status=active\nsize=100",
            tr("One on each line: name=value. What stands there twice is sent twice."),
        )  # fmt: skip
        settings["headers"] = _pairs(
            right, tr("Headers"), start.get("headers"), f"{key}_headers", ":", "Accept-Language: en",
            tr("One on each line: Name: value. A secret is put in as {place}.", place="{{ secret.extra }}"),
        )  # fmt: skip
    with st.expander(tr("Pages"), icon=":material/auto_stories:"):
        settings["paging"] = rest_pages.draw(forms.parts["paging"], start.get("paging") or {}, key)
        settings["job"] = rest_job.draw(forms.fields["job"], forms.parts["job"], start.get("job") or {}, key)
    with st.expander(tr("Further settings"), icon=":material/tune:"):
        settings |= _further(forms, start, key)
    settings["network"] = settings.get("network", {}) | network
    return {name: value for name, value in settings.items() if value not in (None, "", {}, [], False)}, place


def _network(start: Mapping[str, Any], key: str) -> dict[str, bool]:
    """What decides whether the endpoint can be reached at all; only what is on."""
    internal = st.checkbox(
        tr("The address is in a network of your own"), bool(start.get("internal")), key=f"{key}_internal",
        help=tr("An administrator opens the host first, under Settings → Workspace and back-up."),
    )  # fmt: skip
    certificate = st.checkbox(
        tr("It asks for a client certificate (mutual TLS)"), bool(start.get("client_certificate")), key=f"{key}_certificate",
        help=tr("Beside any way to sign in. Certificate and key are pasted as PEM text."),
    )  # fmt: skip
    return {name: True for name, on in (("internal", internal), ("client_certificate", certificate)) if on}


def kinds() -> dict[str, str]:
    return {
        "none": tr("Nothing is needed"),
        "bearer": tr("Token (bearer)"),
        "key": tr("API key in a header, parameter or cookie"),
        "basic": tr("User name and password (basic)"),
        "client_credentials": tr("OAuth 2.0: client ID and secret"),
        "refresh_token": tr("OAuth 2.0: refresh token"),
        "password": tr("OAuth 2.0: user name and password"),
        "authorization_code": tr("OAuth 2.0: a person signs in at the vendor"),
        "session": tr("Log in first, then a token"),
        "digest": tr("User name and password (digest)"),
        "jwt": tr("A token that is signed here (JWT)"),
        "hmac": tr("Each request is signed (HMAC)"),
    }


def _sign_in(forms: EndpointForms, start: Mapping[str, Any], key: str) -> dict[str, Any]:
    words = kinds()
    known = str(start.get("kind", "none"))
    kind = st.selectbox(
        tr("Sign-in"),
        list(words),
        index=list(words).index(known),
        format_func=lambda word: words[word],
        key=f"{key}_auth",
    )
    fields = [field for field in forms.sign_in[kind] if field.name != "kind"]
    values = start if kind == known else {}
    needed = [
        field
        for field in fields
        if field.required or field.name in ASKED or (kind == "authorization_code" and field.name == "scope")
    ]
    needed.sort(key=lambda field: not field.required)
    entered = settings_form.draw_unusual(needed, values, f"{key}_{kind}")
    others = [field for field in fields if field not in needed]
    if others:
        with st.popover(tr("More about signing in"), icon=":material/tune:", type="tertiary"):
            entered |= settings_form.draw_unusual(others, values, f"{key}_{kind}")
    return {} if kind == "none" else {"kind": kind, **entered}


def draw_secrets(
    fields: Sequence[FormField], settings: Mapping[str, Any], stored: frozenset[str], key: str
) -> dict[str, str]:
    """Only those that the chosen way to sign in and the texts need; what was typed is returned."""
    wanted = secrets_of(settings)
    return settings_form.draw_secrets([field for field in fields if field.name in wanted], stored, f"{key}_secret")


def _body(start: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    kind = st.segmented_control(
        tr("Body"), list(BODIES), default=start.get("kind", "json"), format_func=lambda word: BODIES[word], key=f"{key}_body",
        required=True,
    )  # fmt: skip
    content = start.get("content", "") if kind == start.get("kind", "json") else ""
    if kind == "form":
        pairs = _pairs(
            st, tr("Content"), content, f"{key}_form", "=", "name=value", tr("One on each line: name=value.")
        )
        return {"kind": kind, "content": pairs} if pairs else None
    shown = content if isinstance(content, str) else orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    text = st.text_area(
        tr("Content"), shown, key=f"{key}_content_{kind}", height=120,
        help=tr("With places such as {place}.", place="{{ month_start }}"),
    ).strip()  # fmt: skip
    if not text:
        return None
    body: dict[str, Any] = {"kind": kind, "content": _json(text) if kind == "json" else text}
    if kind == "graphql" and start.get("variables"):
        body["variables"] = start["variables"]
    return body


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(T("The body is not JSON."), place=tr("Body")) from error


def _pairs(where: Any, label: str, start: Any, key: str, sign: str, example: str, words: str) -> dict[str, Any]:
    """Names with values, one on each line; a name that stands there twice has a list."""
    gap = " " if sign == ":" else ""
    given = start if isinstance(start, Mapping) else {}
    several = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in given.items()]
    lines = [f"{name}{sign}{gap}{one}" for name, values in several for one in values]
    text = where.text_area(label, "\n".join(lines), key=key, height=100, placeholder=example, help=words)
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, has, value = (bit.strip() for bit in line.partition(sign))
        if not name:
            continue
        if not has:
            raise InputError(T("The line {line} has no {sign}.", line=line[:60], sign=sign), place=label)
        before = found.get(name)
        found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return found


def _further(forms: EndpointForms, start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What few endpoints need."""
    entered: dict[str, Any] = {}
    plain = [forms.fields[name] for name in ("allow_empty", "auth_url", "values")]
    base = st.text_input(
        tr("Base address"), start.get("base_url") or "", key=f"{key}_base_url", max_chars=500,
        help=tr("What addresses without a host of their own begin with."),
    )  # fmt: skip
    entered |= {"base_url": base.strip(), **settings_form.draw_unusual(plain, start, key)}
    for name in INSIDE:
        entered[name] = _inside(forms, name, start, key)
    for name in LISTS:
        field = forms.fields[name]
        as_text = FormField(name=name, title=field.title, help=field.help, kind="map", required=False)
        with st.popover(tr(field.title), icon=":material/tune:", type="tertiary"):
            entered |= settings_form.draw([as_text], start, key)
    network = start.get("network") or {}
    fields = [field for field in forms.parts["network"] if field.name not in ("internal", "client_certificate")]
    with st.popover(tr("Network"), icon=":material/tune:", type="tertiary"):
        entered["network"] = settings_form.draw_unusual(fields, network, f"{key}_network")
    return entered


def _inside(forms: EndpointForms, name: str, start: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """A part with a form of its own. What it may be without is asked first."""
    field = forms.fields[name]
    present = dict(start.get(name) or {})
    if name in ("for_each", "window"):
        if not st.toggle(tr(field.title), bool(present), key=f"{key}_has_{name}", help=tr(field.help)):
            return None
        entered = settings_form.draw_unusual(forms.parts[name], present, f"{key}_{name}")
        return entered or {one.name: one.default for one in forms.parts[name]}
    with st.popover(tr(field.title), icon=":material/tune:", type="tertiary"):
        fields = [one for one in forms.parts[name] if one.name != "file"]
        entered = settings_form.draw_unusual(fields, present, f"{key}_{name}")
    return entered | ({"file": present["file"]} if present.get("file") else {})
