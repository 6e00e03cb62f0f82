"""A template with its variables to click, and what becomes of it in both languages while it is written (S1-63, S1-64)."""

from __future__ import annotations

import streamlit as st

from core.domain.charges.settings import ChargeSettings
from core.domain.errors import ContractBridgeError
from core.services import charge_preview
from pages._ui import auth, states
from pages._ui.formats import escape, tr

LANGUAGES = {"nl": "Nederlands", "en": "English"}
NEW_LINE = "\\n"


def draw(
    label: str, value: str, key: str, *, portal: str, settings: ChargeSettings, customer: str, is_name: bool
) -> str:
    """The template as it stands in the widget."""
    field, chips = f"{key}_text", f"{key}_add"
    if field not in st.session_state:
        st.session_state[field] = value.replace(NEW_LINE, "\n")
    text = (st.text_input if is_name else st.text_area)(label, key=field, help=_help()) or ""
    variables = charge_preview.variables(auth.context(), auth.actor(), portal)
    with st.popover(tr("Put in a variable"), icon=":material/add:", key=f"{key}_variables"):
        st.pills(
            tr("Put in a variable"), variables, format_func=lambda name: f"{{{name}}}", key=chips, on_change=_put_in,
            args=(field, chips), label_visibility="collapsed", wrap=True,
        )  # fmt: skip
    _preview(text, portal=portal, settings=settings, customer=customer, is_name=is_name)
    return text


def _put_in(field: str, chips: str) -> None:
    """A variable that was clicked goes to the end of the template."""
    name = st.session_state.get(chips)
    if name:
        before = st.session_state.get(field) or ""
        gap = " " if before and not before[-1].isspace() else ""
        st.session_state[field] = f"{before}{gap}{{{name}}}"
    st.session_state[chips] = None


def _preview(text: str, *, portal: str, settings: ChargeSettings, customer: str, is_name: bool) -> None:
    try:
        found = {
            code: charge_preview.template_preview(
                auth.context(), auth.actor(), portal, text, code, is_name=is_name, settings=settings,
                customer_id=customer or None,
            )
            for code in LANGUAGES
        }  # fmt: skip
    except ContractBridgeError as error:
        states.show_error(error)
        return
    for place, (code, preview) in zip(st.columns(2, gap="small"), found.items(), strict=True):
        with place, st.container(border=True, gap="xxsmall"):
            one = preview.rendered
            st.caption(
                f"{LANGUAGES[code]} · {tr('{length} of {limit} characters', length=one.length, limit=one.limit)}"
            )
            for line in one.text.splitlines() or [tr("(empty)")]:
                st.markdown(escape(line))
            if one.too_long:
                st.warning(tr("It is cut where the limit is."), icon=":material/content_cut:")
    if is_name and not next(iter(found.values())).real:
        st.caption(tr("Shown with an example: nothing was read of this portal yet."))


def _help() -> str:
    return tr(
        "Fixed text, variables, or both. Behind a bar a variable is changed: upper, lower, capital, first, cut 40, "
        "as in {example}.",
        example="`{resource|cut 40}`",
    )
