"""An endpoint as a file to keep or share, and an endpoint whose answer is a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.services import rest_answers, rest_mapping
from core.services.rest_mapping import Sample
from pages._ui import auth, column_form, states, upload_preview
from pages._ui.formats import escape, tr


def take(place: dict[str, Any]) -> None:
    """Begin with a declaration that was exported here or elsewhere."""
    with st.popover(tr("Begin with a file"), icon=":material/upload_file:", type="tertiary"):
        file = st.file_uploader(tr("A declaration (YAML)"), type=["yaml", "yml"], key="endpoint_file")
        if file is None or place.get("file") == file.file_id:
            return
        with states.explained():
            text = file.getvalue().decode("utf-8-sig", errors="replace")
            read = rest_mapping.import_declaration(auth.context(), auth.actor(), text, _environment())
            place |= {"start": dict(read.settings), "given": dict(read.secrets), "name": read.name, "sample": None, "kept": None,
                      "file": file.file_id, "version": place["version"] + 1}  # fmt: skip
            st.rerun()


def offer(portal: str) -> None:
    """The declaration to download; secrets are named, never written."""
    # The file is made when it is asked for, outside of the page: who asks is known only here.
    context, asker = auth.context(), auth.asker()
    st.download_button(
        tr("Export"), data=lambda: rest_mapping.export_declaration(context, asker(), portal).encode(),
        file_name=f"{portal}.yaml", mime="application/yaml", icon=":material/download:", key="export_endpoint", on_click="ignore",
        help=tr("This endpoint as YAML. Secrets are named, never written."),
    )  # fmt: skip


def columns(place: Mapping[str, Any], sample: Sample, settings: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Which column is what, as with an upload."""
    st.info(tr("The answer is a file: show which column is what."), icon=":material/description:")
    context, actor = auth.context(), auth.actor()
    seen = rest_answers.inspect_answer(actor, sample)
    if seen.errors:
        for issue in seen.errors:
            st.error(escape(tr(issue.message)) + (f"\n\n{escape(tr(issue.remedy))}" if issue.remedy else ""))
        return None
    stored = (place["start"].get("answer") or {}).get("file") or {}
    chosen = column_form.show(seen, stored, f"{key}_columns")
    if chosen is None:
        return None
    preview = rest_answers.preview_answer(context, actor, sample, chosen, portal=place["portal"])
    upload_preview.show(preview)
    answer = {**settings.get("answer", {}), "file": chosen}
    return {**settings, "answer": answer} if preview.rows else None


def _environment() -> dict[str, str]:
    """What `${VARIABLE}` in the file may name: everything but what the product itself is set up with."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTBRIDGE_")}
