"""Which column is what in the files of a folder: chosen once, with the newest of them as the example (S1-54)."""

from __future__ import annotations

import streamlit as st

from core.services import pickup_pages, portals, runs, uploads
from core.services.pickup_pages import Sample
from core.services.portals import PortalCard
from pages._ui import auth, column_form, portal_detail, states, syncing, upload_preview
from pages._ui.formats import escape, tr


def show(card: PortalCard) -> None:
    if st.button(card.name, icon=":material/arrow_back:", type="tertiary", key="back"):
        st.session_state.pop("_pickup_sample", None)
        portal_detail.go(portal=card.name)
    states.title(
        tr("Which column is what?"), tr("In the newest file of the folder. It stays where it is until you save.")
    )
    with states.explained():
        sample = _sample(card.name)
        st.markdown(f":material/description: **{escape(sample.name)}**")
        _form(card.name, sample)


def _sample(portal: str) -> Sample:
    """Fetched once for as long as the person is here."""
    kept = st.session_state.get("_pickup_sample")
    if kept is None or kept[0] != portal:
        with st.spinner(tr("Fetching the newest file …")):
            kept = (portal, pickup_pages.sample(auth.context(), auth.actor(), portal))
        st.session_state["_pickup_sample"] = kept
    return kept[1]


def _form(portal: str, sample: Sample) -> None:
    context, actor = auth.context(), auth.actor()
    seen = uploads.inspect_upload(context, actor, portal, sample.data, sample.name)
    if seen.errors:
        for issue in seen.errors:
            st.error(escape(tr(issue.message)) + (f"\n\n{escape(tr(issue.remedy))}" if issue.remedy else ""))
        return
    stored = portals.portal_detail(context, actor, portal).columns
    settings = column_form.show(seen, stored, f"pickup_{portal}")
    if settings is None:
        return
    preview = uploads.preview_upload(context, actor, portal, sample.data, sample.name, settings)
    upload_preview.show(preview)
    if st.button(
        tr("Save, and pick up"), type="primary", icon=":material/check:", disabled=not preview.rows, key="save_columns"
    ):
        pickup_pages.choose_columns(context, actor, portal, settings)
        runs.request_sync(context, actor, [portal], apply=False)
        syncing.expect_run()
        st.session_state.pop("_pickup_sample", None)
        states.done(tr("The columns are saved."))
        portal_detail.go(portal=portal)
