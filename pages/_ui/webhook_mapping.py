"""What an event means: try a body, and point at customer, product and quantity where it looks different from ours."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import streamlit as st

from core.services import rest_mapping, webhooks
from core.services.rest_mapping import Sample
from core.services.webhooks import HookCard, Tried
from pages._ui import auth, grid, mapper, states
from pages._ui.formats import escape, number, table, tr
from pages._ui.mapper_state import Draft
from pages._ui.webhook_deliveries import pretty

SAMPLE = """{
  "type": "license.change",
  "data": {"customers": [
    {"id": "C-001", "name": "De Halm", "products": [{"sku": "M365-BP", "name": "Business Premium", "quantity": 25}]}
  ]}
}"""
KINDS = {"JSON": "application/json", "JSON lines": "application/x-ndjson", "CSV": "text/csv"}


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
        draft = _draft(hook, raw, KINDS[kind], stored, key) if own else None
        if draft is not None:
            mapper.choose(draft)
            settings["mapping"] = draft.to_settings()
        settings |= _meaning(hook, key, own=own)
        if draft is not None and draft.lacking():
            mapper.outcome(draft, hook.portal)
            return
        tried = webhooks.try_body(auth.context(), auth.actor(), hook.portal, raw, KINDS[kind], settings)
        _outcome(tried, draft, hook.portal, is_sample=not text.strip())
        if st.button(tr("Save"), type="primary", key=f"{key}_save"):
            webhooks.save_settings(auth.context(), auth.actor(), hook.portal, settings)
            mapper.forget()
            states.done(tr("The mapping is saved."))
            st.rerun()


def _last_body(portal: str, key: str) -> None:
    """The newest delivery with a body, put into the field at a click."""
    rows = webhooks.deliveries(auth.context(), auth.actor(), portal)
    newest = next((row for row in rows if row.has_body), None)
    if newest and st.button(tr("Take the last delivery"), icon=":material/download:", key=f"{key}_last"):
        raw = webhooks.delivery_body(auth.context(), auth.actor(), portal, newest.id) or b""
        st.session_state[f"{key}_text"] = pretty(raw[:200_000])


def _draft(hook: HookCard, raw: bytes, kind: str, stored: Mapping[str, object], key: str) -> Draft:
    """The body as an example to click in; it is read once."""
    stamp = (hook.portal, kind, zlib.crc32(raw))
    kept: tuple[object, Sample] | None = st.session_state.get("_hook_sample")
    if kept is None or kept[0] != stamp:
        plain = {"verification": hook.settings.verification.model_dump(mode="json")}
        document = webhooks.try_body(auth.context(), auth.actor(), hook.portal, raw, kind, plain).document
        kept = st.session_state["_hook_sample"] = (stamp, rest_mapping.sample_of(document, size=len(raw)))
    mapping = stored.get("mapping")
    return mapper.draft_of(key, kept[1], dict(mapping) if isinstance(mapping, Mapping) else None)


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


def _outcome(tried: Tried, draft: Draft | None, portal: str, *, is_sample: bool) -> None:
    if is_sample:
        st.caption(tr("This is what our own sample gives. Paste a body to try it."))
    st.markdown(f"**{escape(tr(tried.summary))}**")
    if draft is not None:
        mapper.outcome(draft, portal)
        return
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
