"""Dropping a file: which portal it is of, which column is what (asked once), a preview, and accept (S1-51 to S1-56)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import orjson
import streamlit as st

from core.services import portals, uploads
from core.services.portals import PortalCard
from pages._ui import auth, column_form, portal_detail, states, upload_preview
from pages._ui.choices import labelled
from pages._ui.formats import escape, tr

TYPES = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods", "json", "ndjson", "xml"]
"""What the browser offers; what a file really is, the importer finds out from its content."""
NO_LETTER = re.compile(r"[\W_]+")
WITHOUT_DATE = re.compile(r"[\s_\-(]*\d{1,4}([-_.]\d{1,2}){1,2}[\s\d_)\-]*$")


def show(cards: Sequence[PortalCard], chosen: str) -> None:
    portal_detail.back()
    states.title(
        tr("Drop an export of a portal"),
        tr(
            "Any table with a customer, a product and a quantity. Which column is which is asked once and remembered by heading."
        ),
    )
    with st.container(key="own_words_upload", gap="xxsmall"):
        file = st.file_uploader(tr("File"), type=TYPES, key="upload_file", label_visibility="collapsed")
        st.caption(
            tr("Choose a file or drag it here: CSV, Excel, OpenDocument, JSON or XML, up to {size} MB.", size=_most())
        )
    with states.explained():
        portal = _portal([card.name for card in cards if card.takes_files], chosen, file.name if file else "")
        if file and portal:
            _look(portal, file.getvalue(), file.name)


def _portal(names: list[str], chosen: str, file_name: str) -> str:
    """The portal the file belongs to; a new one is made here."""
    new = ""
    if names:
        options = [*names, new]
        likely = chosen if chosen in names else _named_in(names, file_name)
        # A key for each beginning: the portal that was just made is chosen, whatever was chosen before it was there.
        name = st.selectbox(
            tr("Which portal is it of?"), options, index=options.index(likely) if likely else None, placeholder=tr("Choose one"),
            key=f"upload_portal_{chosen}_{file_name}", format_func=labelled({new: tr("A portal that is not here yet")}), width=420,
        )  # fmt: skip
        if name != new:
            return name or ""
    if not file_name:
        return ""
    with st.form("new_file_portal", border=False):
        title = st.text_input(
            tr("What do you call this portal?"), WITHOUT_DATE.sub("", file_name.rsplit(".", 1)[0]).strip() or file_name,
            key="upload_name", max_chars=60, width=420,
        )  # fmt: skip
        if st.form_submit_button(tr("Go on"), type="primary", icon=":material/arrow_forward:"):
            portals.create_portal(auth.context(), auth.actor(), title.strip(), "file", settings={}, secrets={})
            portal_detail.go(step="upload", portal=title.strip())
    return ""


def _named_in(names: list[str], file_name: str) -> str:
    """The one portal whose name stands in the name of the file; empty where none does, or several do."""
    bare = NO_LETTER.sub("", file_name.casefold())
    found = [name for name in names if (words := NO_LETTER.sub("", name.casefold())) and words in bare]
    return found[0] if len(found) == 1 else ""


def _look(portal: str, data: bytes, name: str) -> None:
    digest = hashlib.sha256(data).hexdigest()
    context, actor = auth.context(), auth.actor()
    stored = portals.portal_detail(context, actor, portal).settings
    seen = _once(f"inspect {portal} {digest}", lambda: uploads.inspect_upload(context, actor, portal, data, name))
    if seen.errors:
        for issue in seen.errors:
            st.error(escape(tr(issue.message)) + (f"\n\n{escape(tr(issue.remedy))}" if issue.remedy else ""))
        return
    settings = column_form.show(seen, stored, f"{portal}_{digest[:12]}")
    if settings is None:
        return
    preview = _once(
        f"preview {portal} {digest} {_stamp(settings)}",
        lambda: uploads.preview_upload(context, actor, portal, data, name, settings),
    )
    again = upload_preview.show(preview)
    usable = preview.outcome != "rejected" or preview.earlier is not None
    ready = bool(preview.rows) and usable and (preview.earlier is None or again)
    label = (
        tr("Accept, and look at it later")
        if preview.outcome == "needs_review"
        else tr("Accept {count} lines", count=len(preview.rows))
    )
    if st.button(label, type="primary", icon=":material/check:", disabled=not ready, key="accept_upload"):
        uploads.accept_upload(context, actor, portal, data, name, settings, again=again)
        st.session_state.pop("_seen_files", None)
        states.done(tr("The file is accepted: {file}", file=escape(name)))
        portal_detail.go(portal=portal)


def _most() -> int:
    return int(st.get_option("server.maxUploadSize"))


def _once(key: str, work):  # noqa: ANN001, ANN202 - the value of `work`
    """A large file is not read again because somebody touched another widget; the last two answers are kept."""
    kept: dict[str, object] = st.session_state.setdefault("_seen_files", {})
    if key not in kept:
        with st.spinner(tr("Reading the file …")):
            kept[key] = work()
        for old in list(kept)[:-4]:
            del kept[old]
    return kept[key]


def _stamp(settings: Mapping[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:16]
