"""What stands around every page: name and icon, navigation, and the sidebar with the sync, what waits, language and person."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.i18n import LANGUAGES
from core.services import overview, people
from core.services.access import Role
from pages._ui import auth, states, syncing, words
from pages._ui.formats import tr
from pages._ui.secret_input import mask_secrets

ASSETS = Path(__file__).parent / "assets"
STYLE = """<style>
[data-testid='stMainBlockContainer'] { padding-left: 1.75rem; padding-right: 1.75rem; }
[class*='st-key-own_words_'] [data-testid='stFileUploaderDropzoneInstructions'] { display: none; }
</style>"""
"""What Streamlit's theme has no setting for: it keeps 5rem free on both sides, two columns of a list on a laptop; and it writes in
English beside a place for files, where some of ours say the same in the person's language.
"""
PAGES = Path(__file__).parents[1]

__all__ = ["navigation", "set_up_page", "sidebar", "signed_in"]


def only_through_the_shell() -> None:
    """Called once, at the start of the server. Until somebody called `st.navigation`, Streamlit takes every file in `pages/` for a
    page of its own, without the shell around it; and the first visitor after a start may open any page.
    """
    PagesManager.uses_pages_directory = False


def set_up_page() -> None:
    st.set_page_config(
        page_title="ContractBridge", page_icon=ASSETS / "icon.png", layout="wide", initial_sidebar_state=232
    )
    st.session_state["_dialog_open"] = False
    st.html(STYLE)
    mask_secrets()


def signed_in() -> bool:
    """True for a person with a session; otherwise shows the way in."""
    if auth.who() is not None:
        states.show_done()
        return True
    st.navigation([st.Page(_signed_out, title="ContractBridge")], position="hidden").run()
    return False


def _signed_out() -> None:
    with st.container(horizontal_alignment="center"):
        st.space("large")
        st.markdown(f"### {tr('Your session has ended')}", text_alignment="center", width="content")
        st.caption(tr("Sign in again to go on; what was saved is still there."), width="content")
        st.html(f'<a href="{auth.sub_path()}/auth/login" target="_self">{escape(tr("Sign in"))}</a>', width="content")


def navigation() -> dict[str, list[st.Page]]:
    """All pages of the person's role, in the order in which people do the steps."""
    pages = {
        "": [
            _page(
                "overview",
                tr("Overview"),
                "dashboard",
                tr("Is everything right, and what waits for a person?"),
                default=True,
            )
        ],
        tr("Set up"): [
            _page("portals", tr("Portals"), "hub", tr("Where the quantities come from: connect, upload, schedule.")),
            _page("customers", tr("Customers"), "groups", tr("Which Autotask company is each portal customer?")),
            _page(
                "products",
                tr("Products"),
                "category",
                tr("Which service is each portal product, and how is it counted?"),
            ),
        ],
        tr("Contracts"): [
            _page(
                "changes", tr("Changes"), "compare_arrows", tr("What would change on contracts, why, and for how much?")
            ),
            _page(
                "subscriptions",
                tr("Subscriptions"),
                "autorenew",
                tr("Which subscriptions run, until when, and do the contracts follow?"),
            ),
            _page(
                "consumption",
                tr("Consumption"),
                "cloud_sync",
                tr("What is charged for consumption, and out of what?"),
            ),
            _page("reports", tr("Reports"), "monitoring", tr("What was used at any moment, and how it developed.")),
            _page(
                "month_end", tr("Month end"), "event_available", tr("Can this month be billed, and who signed for it?")
            ),
            _page("history", tr("Reports"), "history", "", hidden=True),
            _page("account", tr("My account"), "account_circle", "", hidden=True),
            _page("activity", tr("Activity"), "receipt_long", tr("What happened: runs, their log and the audit.")),
        ],
    }
    if auth.may(Role.OPERATOR):
        pages[tr("Manage")] = [
            _page("alerts", tr("Alerts"), "notifications", tr("What should somebody know now, and who is told?"))
        ]
    if auth.may(Role.ADMIN):
        pages[tr("Manage")].append(
            _page("settings", tr("Settings"), "settings", tr("Autotask, people, back-up and the API budget."))
        )
    return pages


def _page(name: str, title: str, icon: str, purpose: str, *, default: bool = False, hidden: bool = False) -> st.Page:
    return st.Page(
        PAGES / f"{name}.py", title=title, icon=f":material/{icon}:", url_path=name, default=default, help=purpose or None,
        visibility="hidden" if hidden else "visible",
    )  # fmt: skip


def link(page: str, label: str, icon: str = ":material/arrow_forward:") -> None:
    """A link to another page of ours, by its name in DESIGN §7."""
    st.page_link(f"pages/{page.lower()}.py", label=label, icon=icon)


def sidebar() -> None:
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    states.storage_banner(auth.context())
    with st.sidebar:
        # Each part keeps its place, whether it has something to show or not: what is below it does not jump.
        for part in (syncing.sync_button, syncing.progress, _waiting, _person):
            with st.container():
                part()


def _waiting() -> None:
    count = overview.waiting(auth.context(), auth.actor())
    if count:
        st.page_link(
            "pages/overview.py",
            label=tr("{count} waiting for a person", count=count),
            icon=":material/notifications_active:",
            query_params={"show": "waiting"},
        )
    else:
        st.caption(f":material/check_circle: {tr('Nothing waits for a person')}")


def _person() -> None:
    person = auth.actor()
    names = list(LANGUAGES)
    st.segmented_control(
        tr("Language"),
        names,
        format_func=lambda code: LANGUAGES[code],
        default=person.language if person.language in names else "en",
        key="language",
        label_visibility="collapsed",
        on_change=_switch_language,
        required=True,
    )
    who = f"{escape(person.name)} · {escape(words.roles()[person.role.value])}"
    way_out = (
        f'<a href="{auth.sub_path()}/auth/logout" target="_self" style="color:inherit">{escape(tr("Sign out"))}</a>'
    )
    st.page_link("pages/account.py", label=tr("My account"), icon=":material/account_circle:")
    st.html(f'<div style="font-size:0.85rem;line-height:1.6">{who}<br>{way_out}</div>')


def _switch_language() -> None:
    chosen = st.session_state["language"]
    if chosen in LANGUAGES:
        people.change_own_preferences(auth.context(), auth.actor(), language=chosen)
        auth.forget()
