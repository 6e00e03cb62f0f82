"""What stands behind a number: its lines, the reading of each, and the row of the file (M13)."""

from __future__ import annotations

from datetime import date

import streamlit as st

from core.domain.contract import ItemRef, LineRef
from core.services import views_history
from core.services.reports import Asked, line_sources, lineage
from core.services.reports.lineage import Behind, Number, Raw
from pages._ui import auth, dialogs, grid, states, words
from pages._ui.formats import escape, moment, money, number, table, tr
from pages._ui.shell import link

ASKED, TOLD = "_number_asked", "_number_told"
OPENED = 3
"""So many lines are shown opened."""


def ask(asked: Asked, about: Number, words: str = "") -> None:
    """Show what is behind this number when the page is drawn; for callbacks. `words` stand above it."""
    st.session_state[ASKED] = (asked, about, words)


def ask_contract_line(
    company_id: int, item: ItemRef, line: LineRef | None, words: str, day: date | None = None
) -> None:
    """The same for a contract line: the usage lines that it is counted from, as they were at the end of `day`."""
    st.session_state[ASKED] = (Asked(moment=day), (company_id, item, line), words)


def tell(words: str, page: str, label: str) -> None:
    """The same for what no usage line stands behind: what it is, and the page that tells more of it."""
    st.session_state[TOLD] = (words, page, label)


def show_asked() -> None:
    if told := st.session_state.pop(TOLD, None):
        st.dialog(tr("What this is"), width="medium")(_told)(*told)
    if wanted := st.session_state.pop(ASKED, None):
        st.dialog(tr("Where this number comes from"), width=820, position="right")(_body)(*wanted)


def _told(words: str, page: str, label: str) -> None:
    dialogs.opened()
    st.markdown(escape(words))
    link(page, label)


def _body(asked: Asked, about: Number | tuple[int, ItemRef, LineRef | None], above: str) -> None:
    dialogs.opened()
    with states.explained():
        context, actor = auth.context(), auth.actor()
        if above:
            st.markdown(escape(above))
        if not isinstance(about, Number):
            found = line_sources.line_sources(context, actor, *about)
            if not found:
                st.caption(tr("Nothing that is used is linked to this line."))
                return
            about = Number(line_ids=found)
        story = lineage.behind(context, actor, asked, about)
        if not story.lines:
            st.markdown(tr("Nothing was known of it at {moment}.", moment=story.instant))
            return
        count = len(story.lines) + story.left_out
        if count > 1:
            where = tr("{count} lines at {moment}", count=count, moment=story.instant)
            st.markdown(f"**{number(story.total)}** — {where}")
        with st.container(gap="xxsmall"):
            for line in story.lines:
                _line(line, opened=count <= OPENED)
        if story.left_out:
            st.caption(
                tr("{count} smaller lines are not listed here; the download has all of them.", count=story.left_out)
            )


def _line(line: Behind, *, opened: bool) -> None:
    quantity = tr("ended") if line.quantity is None else number(line.quantity)
    title = f"**{quantity}** · {escape(line.product)} · {escape(line.customer)}"
    with st.expander(title, expanded=opened, key=f"behind_{line.read.line_id}", on_change="rerun") as part:
        if not (opened or part.open):
            return
        _facts(line)
        _reading(line)
        _steps(line)


def _facts(line: Behind) -> None:
    read = line.read
    facts = [
        line.portal, line.company and tr("company {name}", name=line.company), words.term(read.term, read.billing_frequency),
        read.subscription_id and tr("subscription {number}", number=read.subscription_id),
        "" if read.unit_price is None else tr("{price} per unit", price=money(read.unit_price, read.currency or "EUR")),
    ]  # fmt: skip
    st.caption(" · ".join(escape(one) for one in facts if one))


def _reading(line: Behind) -> None:
    """The request or file that said so, and the raw row where it was kept."""
    read = line.read
    where = " · ".join(one for one in (read.source, _place(read.place)) if one)
    when = escape(tr("Read on {moment}", moment=read.taken_at))
    st.markdown(f":material/sensors: {when}" + (f": **{escape(where)}**" if where else ""))
    more = [
        tr("{count} lines in that reading", count=read.reading_lines),
        tr("everything was read") if read.complete else tr("a part was read"),
        tr("added up from {rows} rows", rows=read.rows) if read.rows > 1 else "",
        tr("last confirmed {moment}", moment=read.confirmed_at),
    ]
    st.caption(" · ".join(one for one in more if one))
    with states.explained():
        kept = lineage.raw(auth.context(), auth.actor(), read)
        if kept is not None:
            _rows(kept)
        elif read.attributes:
            shown = [{"field": name, "value": str(value)} for name, value in read.attributes.items()]
            columns = {
                "field": st.column_config.TextColumn(tr("Field")),
                "value": st.column_config.TextColumn(tr("Value")),
            }
            grid.show(
                table(shown, columns), columns, name=f"fields_{read.line_id}", alt=tr("What the portal told beside it")
            )


def _rows(kept: Raw) -> None:
    if kept.rows is None:
        st.caption(tr("{file}, brought by {person}.", file=kept.file, person=kept.imported_by or "?"))
        return
    columns = ["#", *_headings(kept)]
    marked = ((f"▶ {index}" if index == kept.rows.wanted else str(index), *cells) for index, cells in kept.rows.rows)
    frame = table((dict(zip(columns, cells, strict=False)) for cells in marked), columns)
    shown = {name: st.column_config.TextColumn(name, width=70 if name == "#" else None) for name in columns}
    grid.show(
        frame, shown, name=f"raw_{kept.file}_{kept.rows.wanted}", alt=tr("The row of the file with its neighbours")
    )


def _headings(kept: Raw) -> list[str]:
    """Names of columns, none twice."""
    assert kept.rows is not None
    width = max((len(cells) for _, cells in kept.rows.rows), default=0)
    found: list[str] = []
    for place in range(width):
        name = kept.rows.headings[place] if place < len(kept.rows.headings) else ""
        found.append(name if name and name not in found and name != "#" else f"{name} {place + 1}".strip())
    return found


def _steps(line: Behind) -> None:
    """How it came to this quantity, the newest first."""
    steps = views_history.line_steps(auth.context(), auth.actor(), line.read.line_id)[::-1]
    if len(steps) < 2:
        return
    columns = {
        "since": st.column_config.TextColumn(tr("Since"), width=140, alignment="right"),
        "quantity": st.column_config.TextColumn(tr("Units"), width=70, alignment="right"),
        "words": st.column_config.TextColumn(tr("What happened"), width=150),
        "origin": st.column_config.TextColumn(tr("Read from")),
    }
    rows = (
        {"since": moment(one.since), "quantity": number(one.quantity), "words": tr(one.words), "origin": one.origin}
        for one in steps[:200]
    )
    st.markdown(f"**{tr('How it came to this')}**")
    grid.show(
        table(rows, columns), columns, name=f"steps_{line.read.line_id}", alt=tr("Each reading that changed this line")
    )


def _place(place: str) -> str:
    """`row 14` in the person's language; other places are names of cells or requests."""
    return tr("row {number}", number=place.removeprefix("row ")) if place.startswith("row ") else place


def nothing_read() -> None:
    """A workspace without a single reading."""
    with states.empty(
        tr("Nothing was read yet"),
        tr("Every reading is kept from the first one on; reports look back from any moment."),
        ":material/monitoring:",
    ):
        link("portals", tr("Open portals"))
