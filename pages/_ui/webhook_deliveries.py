"""The last deliveries of a webhook: what came, what became of it, and once more by hand."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import streamlit as st

from core.services import webhooks
from core.services.access import Role
from core.services.webhooks import DeliveryRow
from pages._ui import auth, grid, states, words
from pages._ui.formats import escape, moment, number, table, tr

COLORS = {
    "waiting": words.BLUE, "applied": words.GREEN, "partly": words.ORANGE, "failed": words.RED, "superseded": words.GRAY,
    "ignored": words.GRAY, "unreadable": words.RED, "refused": words.RED,
}  # fmt: skip
MOST_SHOWN = 20_000
MOST_LINES = 12


def state_words() -> dict[str, str]:
    return {
        "waiting": tr("Waits"),
        "applied": tr("Used"),
        "partly": tr("Partly used"),
        "failed": tr("Not usable"),
        "superseded": tr("Superseded"),
        "ignored": tr("Nothing to do"),
        "unreadable": tr("Unreadable"),
        "refused": tr("Wrong signature"),
    }


def meanings() -> dict[str, str]:
    """What is not plain from the word alone."""
    return {
        "waiting": tr("It is worked on within a second or two, or as soon as the portal is not paused any more."),
        "superseded": tr("A newer state of the portal had come before."),
        "ignored": tr(
            "Nothing in it is a licence event. If it holds quantities, map it under Events and work on it again."
        ),
        "unreadable": tr("The body is not what its content type says. The sender was told so."),
        "refused": tr("The signature was missing, too old, or made with another secret. Nothing of it is kept."),
    }


def show(portal: str) -> None:
    rows = webhooks.deliveries(auth.context(), auth.actor(), portal)
    if not rows:
        states.empty(
            tr("Nothing came in yet"), tr("Let the sender send a test; it shows up here."), ":material/webhook:"
        )
        return
    names = state_words()
    frame = table(
        (
            {
                "id": str(row.id), "received": moment(row.received), "state": [names[row.state]], "type": row.event_type,
                "lines": number(row.lines) if row.state in ("applied", "partly") else "",
                "problems": number(len(row.problems)) if row.problems else "",
                "from": row.address, "size": number(row.size),
            }
            for row in rows
        ),
        ("id", "received", "state", "type", "lines", "problems", "from", "size"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "id": config.TextColumn(tr("Delivery"), width=70),
        "received": config.TextColumn(tr("Received"), width=140),
        "state": words.status_column(tr("Result"), names, COLORS, width=190),
        "type": config.TextColumn(tr("Event"), width=120),
        "lines": config.TextColumn(tr("Lines"), alignment="right", width=70),
        "problems": config.TextColumn(tr("Problems"), alignment="right", width=90),
        "from": config.TextColumn(tr("Sender"), width=120),
        "size": config.TextColumn(tr("Bytes"), alignment="right", width=90),
    }
    grid.show(frame, columns, name=f"deliveries_{portal}", alt=tr("Deliveries of this portal"))
    _look(portal, rows)


def _look(portal: str, rows: Sequence[DeliveryRow]) -> None:
    first = next((place for place, row in enumerate(rows) if row.needs_look), 0)
    names = state_words()
    row = st.selectbox(
        tr("Look at a delivery"), rows, index=first, key=f"delivery_{portal}",
        format_func=lambda one: f"{one.id} · {moment(one.received)} · {names[one.state]}",
    )  # fmt: skip
    if row.state in meanings():
        st.caption(meanings()[row.state])
    for problem in row.problems:
        st.markdown(f":material/error: {escape(tr(problem))}")
    if row.replay_of:
        st.caption(tr("Delivery {number} once more, by {person}.", number=str(row.replay_of), person=row.replayed_by))
    if auth.may(Role.OPERATOR):
        _actions(portal, row)
        if row.has_body and st.toggle(tr("Show the body"), key=f"body_{portal}_{row.id}"):
            _body(portal, row)


def _actions(portal: str, row: DeliveryRow) -> None:
    context, actor = auth.context(), auth.actor()
    with st.container(horizontal=True, gap="small"), states.explained():
        if st.button(
            tr("Work on it again"), icon=":material/replay:", key=f"replay_{row.id}",
            disabled=not row.has_body or row.state in ("waiting", "unreadable"),
            help=tr("After mending the mapping, say. It never overrules something newer."),
        ):  # fmt: skip
            number_of_new = webhooks.replay(context, actor, portal, row.id)
            states.done(tr("Delivery {number} is worked on.", number=str(number_of_new)))
            st.rerun()
        if row.needs_look and st.button(tr("I have looked"), icon=":material/check:", key=f"seen_{row.id}"):
            webhooks.mark_seen(context, actor, portal, [row.id])
            st.rerun()


def _body(portal: str, row: DeliveryRow) -> None:
    with states.explained():
        raw = _opened(portal, row)
        if raw is None:
            st.caption(tr("The body is not kept any more."))
            return
        text = pretty(raw[:MOST_SHOWN])
        st.code(text, language="json", wrap_lines=True, height=300 if text.count("\n") > MOST_LINES else "content")


def _opened(portal: str, row: DeliveryRow) -> bytes | None:
    """Asked for once while it is looked at: the audit tells each look, not each time that the page is drawn."""
    kept: tuple[tuple[str, int], bytes | None] | None = st.session_state.get("_hook_body")
    if kept is None or kept[0] != (portal, row.id):
        raw = webhooks.delivery_body(auth.context(), auth.actor(), portal, row.id)
        kept = st.session_state["_hook_body"] = ((portal, row.id), raw)
    return kept[1]


def pretty(raw: bytes) -> str:
    """JSON set out in lines; anything else as it is."""
    try:
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", errors="replace")
