"""What an event means: try a body, and point at customer, product and quantity where it looks different from ours."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import streamlit as st

from core.domain.selection import suggest
from core.services import webhooks
from core.services.webhooks import HookCard, Tried
from pages._ui import auth, grid, states
from pages._ui.formats import escape, number, table, tr
from pages._ui.webhook_deliveries import pretty

SAMPLE = """{
  "type": "license.change",
  "data": {"customers": [
    {"id": "C-001", "name": "De Halm", "products": [{"sku": "M365-BP", "name": "Business Premium", "quantity": 25}]}
  ]}
}"""
KINDS = {"JSON": "application/json", "JSON lines": "application/x-ndjson", "CSV": "text/csv"}
FIELDS = ("customer_id", "customer", "product_key", "product", "quantity", "subscription_id")


def show(hook: HookCard, stored: Mapping[str, object], *, editable: bool) -> None:
    if not editable:
        st.caption(tr("An operator tries and maps events here."))
        return
    key = f"map_{hook.portal}"
    _last_body(hook.portal, key)
    kind = st.segmented_control(tr("Body"), list(KINDS), default="JSON", key=f"{key}_kind") or "JSON"
    text = st.text_area(
        tr("A body as the sender sends it"),
        key=f"{key}_text",
        height=200,
        label_visibility="collapsed",
        placeholder=SAMPLE,
    )
    own = st.toggle(
        tr("The events have another layout than ours"), hook.settings.mapping is not None, key=f"{key}_own",
        help=tr("Ours is: customers, each with id, name and products; products with sku, name and quantity."),
    )  # fmt: skip
    raw = (text.strip() or SAMPLE).encode()
    settings = {name: value for name, value in stored.items() if name not in ("mapping", "everything")}
    with states.explained():
        settings |= _mapping(hook, raw, KINDS[kind], key) if own else {}
        settings |= _meaning(hook, key, own=own)
        tried = webhooks.try_body(auth.context(), auth.actor(), hook.portal, raw, KINDS[kind], settings)
        _outcome(tried, is_sample=not text.strip())
        if st.button(tr("Save"), type="primary", key=f"{key}_save"):
            webhooks.save_settings(auth.context(), auth.actor(), hook.portal, settings)
            states.done(tr("The mapping is saved."))
            st.rerun()


def _last_body(portal: str, key: str) -> None:
    """The newest delivery with a body, put into the field at a click."""
    rows = webhooks.deliveries(auth.context(), auth.actor(), portal)
    newest = next((row for row in rows if row.has_body), None)
    if newest and st.button(tr("Take the last delivery"), icon=":material/download:", key=f"{key}_last"):
        raw = webhooks.delivery_body(auth.context(), auth.actor(), portal, newest.id) or b""
        st.session_state[f"{key}_text"] = pretty(raw[:200_000])


def _mapping(hook: HookCard, raw: bytes, kind: str, key: str) -> dict[str, object]:
    """Paths, with what the body suggests where nothing is chosen yet."""
    plain = {"verification": hook.settings.verification.model_dump(mode="json")}
    document = webhooks.try_body(auth.context(), auth.actor(), hook.portal, raw, kind, plain).document
    known = _stored_paths(hook) or _suggested(document)
    # Another body brings other suggestions: the fields begin anew.
    key = f"{key}_{zlib.crc32(raw)}"
    st.caption(tr("Paths such as data.items, customer.name or parent.id. What is found is shown below."))
    left, right = st.columns(2, gap="medium")
    records = left.text_input(tr("Records"), known.get("records", ""), key=f"{key}_records", max_chars=500)
    expand = right.text_input(
        tr("List inside each record"), known.get("expand", ""), key=f"{key}_expand", max_chars=500
    )
    names = {
        "customer_id": tr("Customer number"), "customer": tr("Customer"), "product_key": tr("Product code"),
        "product": tr("Product"), "quantity": tr("Quantity"), "subscription_id": tr("Subscription"),
    }  # fmt: skip
    paths = {
        field: (left, right)[place % 2].text_input(
            names[field], known.get(field, ""), key=f"{key}_{field}", max_chars=500
        )
        for place, field in enumerate(FIELDS)
    }
    mapping: dict[str, object] = {field: path.strip() for field, path in paths.items() if path.strip()}
    mapping |= {"records": records.strip()} if records.strip() else {}
    mapping |= {"expand": [part.strip() for part in expand.split(">") if part.strip()]} if expand.strip() else {}
    return {"mapping": _kept(hook) | mapping}


def _kept(hook: HookCard) -> dict[str, object]:
    """What a stored mapping says beside the paths that are asked here."""
    if hook.settings.mapping is None:
        return {}
    stored = hook.settings.mapping.model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in stored.items() if name not in (*FIELDS, "records", "expand")}


def _stored_paths(hook: HookCard) -> dict[str, str]:
    mapping = hook.settings.mapping
    if mapping is None:
        return {}
    found = {field: value.path for field in FIELDS if (value := getattr(mapping, field)) is not None}
    return found | {"records": mapping.records, "expand": " > ".join(one.path for one in mapping.expand)}


def _suggested(document: object) -> dict[str, str]:
    best = next(iter(suggest(document).candidates), None)
    if best is None:
        return {}
    return {**best.fields, "records": best.records, "expand": " > ".join(best.expand)}


def _meaning(hook: HookCard, key: str, *, own: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    if own:
        found["everything"] = st.checkbox(
            tr("An event holds everything: what is not in it is gone"),
            hook.settings.everything,
            key=f"{key}_everything",
        )
    holds = {"portal": tr("everything of the portal"), "customers": tr("everything of the customers it names")}
    chosen = st.radio(
        tr("A complete event holds"), list(holds), format_func=lambda word: holds[word], horizontal=True, key=f"{key}_holds",
        index=list(holds).index(hook.settings.complete_holds.value),
    )  # fmt: skip
    return found | {"complete_holds": chosen}


def _outcome(tried: Tried, *, is_sample: bool) -> None:
    if is_sample:
        st.caption(tr("This is what our own sample gives. Paste a body to try it."))
    st.markdown(f"**{escape(tr(tried.summary))}**")
    for problem in tried.problems[:10]:
        st.markdown(f":material/error: {escape(tr(problem))}")
    if not tried.lines:
        return
    frame = table(
        (
            {
                "customer": line.customer,
                "product": line.product,
                "quantity": number(line.quantity),
                "place": line.origin.place,
            }
            for line in tried.lines[:100]
        ),
        ("customer", "product", "quantity", "place"),
    )
    config = st.column_config
    columns = {
        "customer": config.TextColumn(tr("Customer")),
        "product": config.TextColumn(tr("Product")),
        "quantity": config.TextColumn(tr("Quantity"), alignment="right", width=90),
        "place": config.TextColumn(tr("Place"), width=200),
    }
    grid.show(frame, columns, name="tried_lines", alt=tr("What the body gives"))
