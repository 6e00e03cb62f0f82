"""One rule: which products, which service, how they are counted, with a worked example on real readings beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import streamlit as st

from core.domain.contract import ItemRef
from core.domain.errors import InputError
from core.domain.file_settings import NumberFormat
from core.domain.mapping import ProductKey, Rounding, RuleSource
from core.domain.numbers import read_text
from core.domain.text import T
from core.services import products
from core.services.products import ProductRow, RuleDraft, RulePreview, RuleRow
from pages._ui import auth, dialogs, grid, product_edits, states, words
from pages._ui.formats import escape, locale, number, table, tr

EXAMPLES = 8
"""So many companies are worked out beside the formula."""
NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def open_for(rows: Sequence[ProductRow]) -> None:
    """A new rule for these products; the suggested service of the first one is filled in."""
    suggested = next((row.suggestions[0].item for row in rows if row.suggestions), None)
    sources = tuple(RuleSource(row.key, name) for row, name in zip(rows, _names(rows), strict=True))
    _open(
        tr("A rule for these products"),
        None,
        suggested,
        sources,
        RuleDraft(item=suggested or _nothing(), sources=sources),
        {row.key: row.product for row in rows},
    )


def open_rule(row: RuleRow) -> None:
    _open(row.service, row.draft.id, row.draft.item, row.draft.sources, row.draft, row.names)


def _open(
    title: str,
    rule_id: int | None,
    item: ItemRef | None,
    sources: tuple[RuleSource, ...],
    draft: RuleDraft,
    names: Mapping[ProductKey, str],
) -> None:
    st.dialog(title, width="large")(_body)(rule_id, item, sources, draft, names)


def _body(
    rule_id: int | None,
    item: ItemRef | None,
    sources: tuple[RuleSource, ...],
    draft: RuleDraft,
    names: Mapping[ProductKey, str],
) -> None:
    dialogs.opened()
    form, example = st.columns([5, 6], gap="large")
    with form:
        edited = _fields(rule_id, item, sources, draft, names)
    with example:
        st.markdown(f"**{tr('Worked out on what is used now')}**")
        if edited is None:
            st.caption(tr("Choose a service and fill in the formula to see it worked out."))
        else:
            with states.explained():
                _examples(products.preview_rule(auth.context(), auth.actor(), edited, EXAMPLES))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if rule_id is not None and st.button(tr("Delete rule"), icon=":material/delete:", key="rule_delete"):
            with states.explained():
                products.delete_rule(auth.context(), auth.actor(), rule_id)
                _close(tr("The rule was deleted."))
        if st.button(tr("Save rule"), type="primary", icon=":material/save:", disabled=edited is None, key="rule_save"):
            with states.explained():
                products.save_rule(auth.context(), auth.actor(), edited)
                _close(tr("The rule was saved."))


def _fields(
    rule_id: int | None,
    item: ItemRef | None,
    sources: tuple[RuleSource, ...],
    draft: RuleDraft,
    names: Mapping[ProductKey, str],
) -> RuleDraft | None:
    """The draft as it stands in the fields; None while something is missing or not a number."""
    key = f"rule_{rule_id or 'new'}"
    items = product_edits.all_items()
    chosen = next((index for index, ref in enumerate(items.values()) if ref == item), None)
    label = st.selectbox(
        tr("Autotask service"), list(items), index=chosen, key=f"{key}_item", placeholder=tr("Choose a service")
    )
    named = _source_names(sources, key, names)
    formula = st.text_input(
        tr("Formula"), value=draft.formula, key=f"{key}_formula", max_chars=200,
        help=tr("Names of the products and quantity, their sum; + − * / ( ) and max, min, ceil, floor, round. Example: {example}",
                example="max(0, ceil(users * 1.1) - 5)"),
    )  # fmt: skip
    first, second, third = st.columns(3)
    included = first.text_input(
        tr("Included"), _plain(draft.included), key=f"{key}_included", help=tr("Free units, taken off.")
    )
    minimum = second.text_input(tr("Minimum"), _plain(draft.minimum), key=f"{key}_minimum")
    maximum = third.text_input(tr("Maximum"), _plain(draft.maximum), key=f"{key}_maximum")
    roundings = words.roundings()
    rounding = st.selectbox(
        tr("Whole units"), list(roundings), format_func=lambda word: roundings[word], key=f"{key}_rounding",
        index=list(roundings).index(draft.rounding.value),
    )  # fmt: skip
    match_period = st.checkbox(
        tr("Only contracts with the billing period of the product"), draft.match_period, key=f"{key}_match"
    )
    if label is None or not formula.strip():
        return None
    try:
        return RuleDraft(
            id=rule_id, item=items[label], sources=named, formula=formula.strip(), included=_number(included) or Decimal(0),
            minimum=_number(minimum), maximum=_number(maximum), rounding=Rounding(rounding), match_period=match_period,
            label=draft.label,
        )  # fmt: skip
    except InputError as error:
        states.show_error(error)
        return None


def _source_names(sources: tuple[RuleSource, ...], key: str, names: Mapping[ProductKey, str]) -> tuple[RuleSource, ...]:
    """What the formula calls each product."""
    st.markdown(f"**{tr('Products and their names in the formula')}**")
    named = []
    for index, source in enumerate(sources):
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.caption(escape(product_words(source.product, names)))
        name = right.text_input(
            tr("Name"), source.name, key=f"{key}_name_{index}", label_visibility="collapsed", max_chars=40
        )
        named.append(RuleSource(source.product, name.strip()))
    return tuple(named)


def _examples(previews: Sequence[RulePreview]) -> None:
    if not previews:
        st.caption(tr("No linked customer uses these products now."))
        return
    frame = table(
        (
            {
                "company": preview.company,
                "inputs": ", ".join(f"{name} = {number(value)}" for name, value in preview.inputs.items()),
                "units": "—" if preview.units is None else number(preview.units),
            }
            for preview in previews
        ),
        ("company", "inputs", "units"),
    )
    columns = {
        "company": st.column_config.TextColumn(tr("Company"), width=150),
        "inputs": st.column_config.TextColumn(tr("Goes in")),
        "units": st.column_config.TextColumn(tr("Units"), alignment="right", width=60),
    }
    grid.show(frame, columns, name="rule_examples", alt=tr("The rule worked out for companies"))
    first = next((preview for preview in previews if preview.problem), previews[0])
    for step in first.steps:
        st.caption(tr(step))
    if first.problem:
        st.warning(tr(first.problem))


def _close(sentence: str) -> None:
    states.done(sentence)
    grid.new_editor("products")
    st.rerun()


def _names(rows: Sequence[ProductRow]) -> list[str]:
    """A short name for each product, each one different: `microsoft_365_business`."""
    names: list[str] = []
    for index, row in enumerate(rows):
        name = NOT_A_NAME.sub("_", row.product.lower()).strip("_")[:24].strip("_") or "product"
        name = f"p_{name}" if name[0].isdigit() else name
        names.append(name if name not in names else f"{name}_{index + 1}")
    return names


def _plain(value: Decimal | None) -> str:
    return "" if not value else number(value)


def _number(text: str) -> Decimal | None:
    """A number as people and `number` write it: `1.500` is fifteen hundred in Dutch. None for an empty field. Raises InputError."""
    if not text.strip():
        return None
    value = read_text(text, NumberFormat.COMMA if locale().startswith("nl") else NumberFormat.POINT)
    if not isinstance(value, Decimal):
        raise InputError(T("{text} is not a number.", text=text))
    return value


def _nothing() -> ItemRef:
    from core.domain.contract import LineKind

    return ItemRef(LineKind.SERVICE, 0)


def product_words(key: ProductKey, names: Mapping[ProductKey, str]) -> str:
    term = words.term(key.term, key.billing_frequency)
    return f"{key.portal} · {names.get(key, key.product_key)}" + (f" · {term}" if term else "")
