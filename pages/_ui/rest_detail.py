"""The connection of an endpoint of one's own: what is asked and where the numbers stand, in short, and the way to change it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.services import portals
from core.services.portals import PortalDetail
from pages._ui import auth, mapper_words, rest_file, rest_pages, rest_request, rest_sign_in, states
from pages._ui.formats import escape, tr

CONNECTOR = "rest"


def show(detail: PortalDetail, name: str, *, editable: bool) -> bool:
    """Returns whether the person wants to change the request or the mapping."""
    settings = detail.settings
    auth_kind = str((settings.get("auth") or {}).get("kind", "none"))
    paging = str((settings.get("paging") or {}).get("kind", "none"))
    facts = {
        tr("Address"): f"{settings.get('method', 'GET')} {settings.get('url', '')}",
        tr("Sign-in"): rest_request.kinds()[auth_kind],
        tr("Pages"): rest_pages.kinds()[paging] + (f" · {tr('Result made to order')}" if settings.get("job") else ""),
        **_mapping(settings.get("mapping") or {}),
    }
    with st.container(border=True, gap="xsmall"):
        for label, words in facts.items():
            with st.container(horizontal=True, gap="small"):
                st.caption(escape(label), width=180)
                st.text(words)
    if rest_sign_in.is_asked(settings):
        rest_sign_in.show(detail, editable=editable)
    if not editable:
        return False
    with st.container(horizontal=True, gap="small"):
        renamed = name.strip() not in ("", detail.card.name)
        if st.button(tr("Save"), type="primary", key="save_connection", disabled=not renamed):
            portals.update_portal(auth.context(), auth.actor(), detail.card.name, name=name)
            states.done(tr("The connection is saved."))
            st.query_params.from_dict({"portal": " ".join(name.split())})
            st.rerun()
        change = st.button(tr("Change the request and the mapping"), icon=":material/ads_click:", key="change_endpoint")
        rest_file.offer(detail.card.name)
    return change


def _mapping(mapping: Mapping[str, object]) -> dict[str, str]:
    """Where each part stands."""
    if not mapping:
        return {tr("Mapping"): tr("none yet")}
    expand = mapping.get("expand") or ()
    levels = [expand] if isinstance(expand, str | Mapping) else expand
    lists = [str(mapping.get("records") or tr("The whole answer")), *(_path(one) for one in levels)]
    found = {tr("Records"): " › ".join(lists)}
    for part, words in mapper_words.parts().items():
        if part != "records" and mapping.get(part):
            found[words] = _path(mapping[part])
    if mapping.get("count_records"):
        found[tr("Quantity")] = tr("Count the records: each one is one")
    return found


def _path(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return str(value["path"]) if value.get("path") else f"“{value.get('constant', '')}”"
