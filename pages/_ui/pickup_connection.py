"""Where files are picked up: the form of the place, and trusting the key of a server that has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.services import pickup_pages, portals
from core.services.forms import FormField
from core.services.portals import ConnectorCard, PortalDetail
from pages._ui import auth, settings_form, states
from pages._ui.formats import tr

HOST_KEYS, CONTENTS, BILLING = "host_keys", "contents", "consumption"
FILES = ("pattern", "subfolders", CONTENTS)
OF_BILLING = ("metric", "tags", "licences", "final_after_days", "billed_customer")
"""Fields that say nothing of a table whose columns a person chooses."""
RULES = (
    "take", "afterwards", "processed_folder", "error_folder", "wait_for_marker", "expected_every_days", "max_megabytes",
    "use_delta", "base_url", "auth_url",
)  # fmt: skip
"""Fields whose usual values are right for most."""


def draw(
    connector: ConnectorCard, values: Mapping[str, object], stored: frozenset[str], key: str
) -> tuple[dict[str, object], dict[str, str]]:
    """Settings and secrets: first where the files are, then who asks for them, then the rules, which have usual values.

    Keys of servers are not typed but looked at and trusted.
    """
    place, billing, rules = _parts(connector.settings)
    settings = settings_form.draw(place, values, key)
    if settings.get(CONTENTS) == BILLING:
        settings |= settings_form.draw(billing, values, key)
    secrets = settings_form.draw_secrets(connector.secrets, stored, f"{key}_secret")
    with st.expander(tr("Further settings ({count})", count=len(rules)), icon=":material/tune:"):
        settings |= settings_form.draw(rules, values, key)
    return settings, secrets


def _parts(fields: Sequence[FormField]) -> tuple[list[FormField], list[FormField], list[FormField]]:
    """What everybody fills in, what billing files need beside it, and the rest."""
    place = [field for field in fields if field.name not in (*RULES, HOST_KEYS, *FILES, *OF_BILLING)]
    needed = sorted(place, key=lambda field: not field.required)
    named = {field.name: field for field in fields}
    files, billing = ([named[name] for name in names if name in named] for names in (FILES, OF_BILLING))
    return [*needed, *files], billing, [field for field in fields if field.name in RULES]


def trust(
    connector: ConnectorCard,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    stored: Sequence[str],
    key: str,
) -> dict[str, object]:
    """The settings with the keys a person trusts. A server's key is shown first, and trusted only on purpose."""
    if not any(field.name == HOST_KEYS for field in connector.settings):
        return dict(settings)
    name = f"{key}_trusted"
    trusted: list[str] = st.session_state.setdefault(name, list(stored))
    with st.container(border=True):
        st.markdown(f":material/key: **{tr('How the server proves who it is')}**")
        for line in trusted:
            _one(line, trusted, key)
        if not trusted:
            st.caption(tr("Nothing is sent to a server whose key nobody trusts."))
        ready = bool(settings.get("host") and settings.get("user"))
        if st.button(
            tr("Show the server's key"), icon=":material/fingerprint:", disabled=not ready, key=f"{key}_show_key"
        ):
            with st.spinner(tr("Asking the server …")), states.explained():
                shown = pickup_pages.host_key(auth.context(), auth.actor(), connector.slug, settings, secrets)
                st.session_state[f"{key}_shown"] = shown
        _shown(trusted, key)
    return {**settings, HOST_KEYS: list(trusted)} if trusted else dict(settings)


def _one(line: str, trusted: list[str], key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        kind = line.partition(" ")[0] if " " in line else ""
        st.markdown(f":green[:material/verified_user:] `{pickup_pages.key_print(line)}` {kind}", width="content")
        if st.button(tr("Remove"), icon=":material/close:", type="tertiary", key=f"{key}_remove_{line[-24:]}"):
            trusted.remove(line)
            st.rerun()


def _shown(trusted: list[str], key: str) -> None:
    shown = st.session_state.get(f"{key}_shown")
    if shown is None or shown.line in trusted:
        return
    st.markdown(f"`{shown.fingerprint}` {shown.type}")
    st.caption(tr("Is this what whoever runs the server told you? Only then trust it."))
    if st.button(tr("It is the same: trust it"), type="primary", icon=":material/verified_user:", key=f"{key}_trust"):
        trusted.append(shown.line)
        st.session_state.pop(f"{key}_shown")
        st.rerun()


def lacking(connector: ConnectorCard, settings: Mapping[str, object]) -> list[str]:
    """What a person still has to do before the place can be used."""
    if any(field.name == HOST_KEYS for field in connector.settings) and not settings.get(HOST_KEYS):
        return [tr("a trusted host key")]
    return []


def show(detail: PortalDetail, connector: ConnectorCard, name: str, *, editable: bool) -> None:
    """The place of a portal that is connected. Columns stay as they are: they are chosen with an example."""
    card = detail.card
    key = f"pickup_{card.id}"
    settings, secrets = draw(connector, detail.settings, detail.secrets_set, f"settings_{card.id}")
    stored = detail.settings.get(HOST_KEYS, ())
    keys = [str(line) for line in stored] if isinstance(stored, list | tuple) else []
    if editable:
        settings = trust(connector, settings, secrets, keys, key)
    if editable and st.button(tr("Save"), type="primary", key="save_connection"):
        portals.update_portal(
            auth.context(), auth.actor(), card.name, name=name if name != card.name else None,
            settings={**detail.columns, **settings}, secrets=secrets or None,
        )  # fmt: skip
        st.session_state.pop(f"{key}_trusted", None)
        states.done(tr("The connection is saved."))
        st.query_params.from_dict({"portal": name})
        st.rerun()
