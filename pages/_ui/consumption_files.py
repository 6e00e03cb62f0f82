"""Billing files are brought here, and here it shows whether the charges add up to what the sources told (S1-65, S1-71)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import streamlit as st

from core.services import charge_sources, consumption_files, portals, runs
from core.services.access import Role
from core.services.charge_sources import AmountSource, CustomerCheck, ReadingRow
from pages._ui import auth, grid, states, syncing
from pages._ui.formats import day, escape, moment, money, number, table, tr

CONNECTOR = "azure_export"
TYPES = ["csv", "gz", "zip", "parquet", "json"]
MOST_SHOWN = 500


def show(sources: Sequence[AmountSource]) -> None:
    """Bring files of an export; below it what every portal told last."""
    taking = [source.portal for source in sources if source.takes_files]
    if auth.may(Role.OPERATOR):
        with st.container(border=True), states.explained():
            st.markdown(f"**{tr('Bring a cost export')}**")
            portal = _portal(taking)
            files = st.file_uploader(
                tr("Files of one export, with its manifest.json where there is one"), type=TYPES, key="billing_files",
                accept_multiple_files=True,
            )  # fmt: skip
            if st.button(
                tr("Read {count} files", count=len(files)) if files else tr("Read"), type="primary", icon=":material/check:",
                disabled=not files or not portal, key="bring_files",
            ):  # fmt: skip
                _bring(portal, taking, [(file.getvalue(), file.name) for file in files])
    told = [source.portal for source in sources if source.last_read]
    if told:
        _readings(told)


def _portal(taking: Sequence[str]) -> str:
    """The portal the files are of; the first one is made with its first files."""
    if not taking:
        return str(
            st.text_input(
                tr("What do you call this source?"), "Azure", key="billing_name", max_chars=60, width=300,
            )
        ).strip()  # fmt: skip
    return str(st.selectbox(tr("Which portal is it of?"), list(taking), key="billing_portal", width=300))


def _bring(portal: str, taking: Sequence[str], files: list[tuple[bytes, str]]) -> None:
    context, actor = auth.context(), auth.actor()
    if portal not in taking:
        portals.create_portal(context, actor, portal, CONNECTOR, settings={}, secrets={})
    with st.spinner(tr("Reading the file …")):
        brought = consumption_files.bring_files(context, actor, portal, files)
    runs.request_sync(context, actor, [portal], apply=False)
    states.done(tr(brought.summary))
    if brought.reading.notes:
        st.session_state["_billing_notes"] = [tr(note) for note in brought.reading.notes]
    syncing.await_run()


def _readings(told: Sequence[str]) -> None:
    for note in st.session_state.pop("_billing_notes", []):
        st.info(escape(note), icon=":material/info:")
    st.markdown(f"**{tr('Read so far')}**")
    portal = str(st.selectbox(tr("Portal"), list(told), key="readings_portal", width=300, label_visibility="collapsed"))
    rows = charge_sources.readings(auth.context(), auth.actor(), portal)
    config = st.column_config
    columns = {
        "at": config.TextColumn(tr("Read at"), width=120),
        "period": config.TextColumn(tr("Period"), width=170),
        "lines": config.TextColumn(tr("Lines"), alignment="right", width=65),
        "whole": config.TextColumn(tr("Complete?"), width=150),
        "final": config.TextColumn(tr("Can it still change?"), width=200),
        "total": config.TextColumn(tr("Total of the source"), alignment="right", width=115),
        "files": config.TextColumn(tr("Files")),
    }
    frame = table((_reading(row) for row in rows), columns)
    grid.show(frame, columns, name=f"readings_{portal}", alt=tr("Readings of amounts"))


def _reading(row: ReadingRow) -> dict[str, object]:
    return {
        "at": moment(row.taken_at),
        "period": f"{day(row.period_start)} – {day(row.period_end)}",
        "lines": number(row.lines),
        "whole": tr("yes") if row.complete else tr("no: nothing is charged"),
        "final": _final(row),
        "total": money(row.total) if row.total is not None else "",
        "files": ", ".join(row.files),
    }


def _final(row: ReadingRow) -> str:
    """Whether the source may still change it; and what to do where it was told before that was over."""
    if row.again:
        return tr("it was final later: bring it once more")
    if not row.provisional or row.final_on is None:
        return tr("no")
    return tr("until {day}", day=row.final_on)


def check(period: date | None) -> None:
    """Customer by customer: what the source told, what its charges cost, and why they differ."""
    if period is None:
        states.empty(tr("Choose a month"), tr("The check is made month by month."), ":material/calendar_month:")
        return
    rows = charge_sources.source_check(auth.context(), auth.actor(), period)
    _verdict(rows)
    config = st.column_config
    columns = {
        "portal": config.TextColumn(tr("Portal"), width=90),
        "customer": config.TextColumn(tr("Customer in the source"), width=190),
        "told": config.TextColumn(tr("The source told"), alignment="right", width=105),
        "charged": config.TextColumn(tr("Charged, at cost"), alignment="right", width=105),
        "left": config.TextColumn(tr("Not charged"), alignment="right", width=95),
        "why": config.TextColumn(tr("Why"), width=260),
    }
    frame = table((_check(row) for row in rows[:MOST_SHOWN]), columns)
    grid.show(frame, columns, name=f"source_check_{period}", alt=tr("What the sources told against the charges"))
    if len(rows) > MOST_SHOWN:
        st.caption(
            tr("The first {count} of {total} customers; differences stand first.", count=MOST_SHOWN, total=len(rows))
        )


def _verdict(rows: Sequence[CustomerCheck]) -> None:
    """One line for each portal and currency."""
    places = dict.fromkeys((row.portal, row.currency) for row in rows)
    for portal, currency in places:
        of = [row for row in rows if (row.portal, row.currency) == (portal, currency)]
        told = sum((row.told for row in of), Decimal(0))
        left = sum((row.left for row in of), Decimal(0))
        differ = sum(row.why is not None for row in of)
        words = {
            "portal": escape(portal),
            "told": money(told, currency),
            "left": money(left, currency),
            "count": differ,
        }
        if differ:
            st.warning(
                tr("{portal}: {told} in the source, of which {left} is not charged ({count} customers).", **words),
                icon=":material/difference:",
            )
        else:
            st.success(
                tr("{portal}: the charges add up to the {told} of the source.", **words), icon=":material/task_alt:"
            )


def _check(row: CustomerCheck) -> dict[str, object]:
    return {
        "portal": row.portal,
        "customer": row.customer,
        "told": money(row.told, row.currency),
        "charged": money(row.charged, row.currency),
        "left": money(row.left, row.currency) if row.why else "",
        "why": tr(row.why) if row.why else "",
    }
