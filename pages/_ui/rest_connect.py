"""An endpoint of one's own, from its address to its lines: ask, click where the numbers stand, look, save (S1-57, S1-84)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import streamlit as st

from core.domain.selection.paging_hint import suggest_paging
from core.services import portals, rest_forms, rest_mapping, runs
from core.services.portals import ConnectorCard
from core.services.rest_forms import EndpointForms, default_name
from core.services.rest_mapping import Sample
from pages._ui import (
    auth,
    mapper,
    portal_detail,
    rest_file,
    rest_pages,
    rest_request,
    rest_sign_in,
    schedule_form,
    states,
    syncing,
)
from pages._ui.formats import escape, tr

SLOT = "_endpoint"


def connect(connector: ConnectorCard, taken: set[str]) -> None:
    """A new one."""
    states.title(tr("Connect {portal}", portal=tr(connector.name)), tr(connector.counts))
    place = _place("")
    rest_file.take(place)
    if place["sample"] is not None:
        _draw(place, frozenset(), taken)
        return
    form, guide = st.columns([3, 2], gap="large")
    with guide, st.container(border=True):
        st.markdown(f"**{tr('How to')}**")
        for index, step in enumerate(connector.guide, 1):
            st.markdown(f"{index}. {escape(tr(step))}")
    with form:
        _draw(place, frozenset(), taken)


def change(portal: str) -> None:
    """One that is there already."""
    if st.button(portal, icon=":material/arrow_back:", type="tertiary", key="back"):
        _forget()
        portal_detail.go(portal=portal)
    detail = portals.portal_detail(auth.context(), auth.actor(), portal)
    states.title(tr("Where do the numbers of {portal} stand?", portal=detail.card.name))
    place = _place(detail.card.name, detail.settings)
    _draw(place, detail.secrets_set, set())


def _place(portal: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is known of the endpoint while the person is here: one at a time."""
    kept: dict[str, Any] | None = st.session_state.get(SLOT)
    if kept is None or kept["portal"] != portal:
        mapper.forget()
        version = (kept or {}).get("version", 0) + 1
        kept = st.session_state[SLOT] = {"portal": portal, "start": dict(settings or {}), "version": version, "sample": None,
                                         "name": portal}  # fmt: skip
    return kept


def _draw(place: dict[str, Any], stored: frozenset[str], taken: set[str]) -> None:
    forms = rest_forms.endpoint_forms(auth.context(), auth.actor())
    key = f"endpoint_{place['version']}"
    if place.get("kept") is not None and f"{key}_url" not in st.session_state:
        # Back from another page, where Streamlit forgets what stands in widgets: the form begins with what was there.
        place["start"] = place["kept"]
        place["version"] += 1
        key = f"endpoint_{place['version']}"
    sample: Sample | None = place["sample"]
    with states.explained():
        with st.container(border=True):
            st.subheader(tr("1. What is asked"), anchor=False)
            settings, beside = rest_request.draw(forms, place["start"], key)
            place["kept"] = {
                **settings,
                **{name: place["start"][name] for name in ("mapping",) if name in place["start"]},
            }
            with beside:
                secrets = _ask(place, forms, settings, stored, key)
                _asked(place, settings, key)
        sample = place["sample"]
        if sample is None:
            return
        mapped = _mapped(place, sample, settings, key)
        if mapped is not None:
            _keep(place, mapped, secrets, taken, key)


def _ask(
    place: dict[str, Any], forms: EndpointForms, settings: dict[str, Any], stored: frozenset[str], key: str
) -> dict[str, str]:
    """Ask once; returns the secrets that were typed. What went wrong is told here, beside the form.

    Secrets are in a form with the button: a password field outside one forgets what was typed when it is left with Tab.
    """
    given: dict[str, str] = place.get("given", {})
    by_person = rest_sign_in.is_asked(settings)
    first = by_person and not (stored | set(given)) & set(rest_sign_in.GIVEN)
    if by_person:
        rest_sign_in.explain()
        rest_sign_in.stand(signed_in=not first)
    with st.form(f"{key}_form", border=False):
        secrets = given | rest_request.draw_secrets(forms.secrets, settings, stored | set(given), key)
        with st.container(horizontal=True, gap="small"):
            away = by_person and st.form_submit_button(
                tr("Sign in at the vendor"),
                type="primary" if first else "secondary",
                icon=":material/login:",
                key=f"{key}_vendor",
            )
            pressed = st.form_submit_button(
                tr("Fetch an example"), icon=":material/download:",
                type="primary" if place["sample"] is None and not first else "secondary",
                disabled=not settings.get("url"), key=f"{key}_fetch",
            )  # fmt: skip
        if not settings.get("url"):
            st.caption(tr("Give the address first."))
    if by_person:
        _sign_in(place, settings, secrets, begin=away)
    if pressed:
        place["sample"] = None
        with states.explained(), st.spinner(tr("Asking …")):
            asked = {**settings, **({"mapping": place["start"]["mapping"]} if place["start"].get("mapping") else {})}
            place["sample"] = rest_mapping.fetch_sample(
                auth.context(), auth.actor(), asked, secrets, portal=place["portal"]
            )
            place["asked"] = _stamp(settings)
            st.rerun()
    return secrets


def _sign_in(place: dict[str, Any], settings: dict[str, Any], secrets: dict[str, str], *, begin: bool) -> None:
    """A person's sign-in at the vendor; what it gives is used and kept like a secret that was typed."""
    with states.explained():
        if begin:
            rest_sign_in.begin(
                place["portal"], settings, {n: v for n, v in secrets.items() if n not in rest_sign_in.GIVEN}
            )
    told = rest_sign_in.follow(place["portal"])
    if told is not None:
        rest = {name: value for name, value in secrets.items() if name not in rest_sign_in.GIVEN}
        place["given"] = rest | told
        st.rerun()


def _stamp(settings: dict[str, Any]) -> bytes:
    return orjson.dumps(settings, option=orjson.OPT_SORT_KEYS, default=str)


def _asked(place: dict[str, Any], settings: dict[str, Any], key: str) -> None:
    """What was asked and what came, in short."""
    sample = place["sample"]
    if sample is None:
        return
    asked = sample.request.replace("`", "'")
    st.caption(f"`{asked}` · {sample.kind.upper()} · {_size(sample.size)}")
    for note in sample.notes:
        st.caption(f":material/info: {escape(tr(note))}")
    if _stamp(settings) != place.get("asked"):
        st.info(
            tr("The request has changed: fetch an example again to see what it answers now."), icon=":material/refresh:"
        )
    _propose_pages(place, settings, sample, key)


def _propose_pages(place: dict[str, Any], settings: dict[str, Any], sample: Sample, key: str) -> None:
    hint = suggest_paging(sample.document, sample.request.partition(" ")[2]) if "paging" not in settings else {}
    if not hint:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/auto_stories: {escape(rest_pages.told(hint))}", width="content")
        st.button(
            tr("Read them all"), key=f"{key}_use_pages", on_click=_use_pages, args=(place, hint, key), type="tertiary"
        )


def _use_pages(place: dict[str, Any], hint: dict[str, Any], key: str) -> None:
    place["start"] = {**place["start"], "paging": hint}
    st.session_state[f"{key}_paging_version"] = st.session_state.get(f"{key}_paging_version", 0) + 1


def _size(size: int) -> str:
    return tr("{count} kB", count=max(1, round(size / 1024)))


def _mapped(place: dict[str, Any], sample: Sample, settings: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The settings with what was chosen; None while something is missing."""
    if sample.is_file:
        return rest_file.columns(place, sample, settings, key)
    with st.container(border=True):
        st.subheader(tr("2. Click where the numbers stand"), anchor=False)
        draft = mapper.draft_of(key, sample, place["start"].get("mapping"))
        mapper.choose(draft)
    place["kept"] = {**settings, "mapping": draft.to_settings()}
    with st.container(border=True):
        st.subheader(tr("3. What comes out"), anchor=False)
        preview = mapper.outcome(draft, place["portal"])
    return {**settings, "mapping": draft.to_settings()} if preview is not None else None


def _keep(place: dict[str, Any], settings: dict[str, Any], secrets: dict[str, str], taken: set[str], key: str) -> None:
    portal = place["portal"]
    with st.container(border=True):
        schedule: Mapping[str, object] | None = None
        name = portal
        if not portal:
            st.subheader(tr("4. When it is read"), anchor=False)
            left, right = st.columns(2, gap="medium")
            usual = default_name(settings["url"], tr("REST endpoint"))
            name = left.text_input(tr("Name"), place["name"] or usual, key=f"{key}_name", max_chars=60).strip() or usual
            with right:
                schedule = schedule_form.draw({"every": "day", "at": "02:00"}, key)
        if name in taken:
            st.caption(tr("There is a portal of this name already."))
        wrong = rest_mapping.check(auth.context(), auth.actor(), settings)
        for problem in wrong:
            st.warning(f"**{escape(problem.path)}** — {escape(tr(problem.message))}", icon=":material/warning:")
        if st.button(
            tr("Save, and read it") if portal else tr("Connect"), type="primary", icon=":material/check:",
            disabled=bool(wrong) or name in taken, key=f"{key}_save",
        ):  # fmt: skip
            _save(name, settings, secrets, portal, schedule)


def _save(
    name: str, settings: dict[str, Any], secrets: dict[str, str], portal: str, schedule: Mapping[str, object] | None
) -> None:
    context, actor = auth.context(), auth.actor()
    rest_mapping.save(context, actor, name, settings, secrets, portal=portal, schedule=schedule)
    # The first reading shows at once what is right and what still needs mapping; nothing is written.
    runs.request_sync(context, actor, [name], apply=False)
    syncing.expect_run()
    _forget()
    states.done(tr("{portal} is connected.", portal=name) if not portal else tr("The mapping is saved."))
    portal_detail.go(portal=name)


def _forget() -> None:
    st.session_state.pop(SLOT, None)
    mapper.forget()
