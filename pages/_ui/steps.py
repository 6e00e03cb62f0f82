"""The five steps of the first afternoon (S1-29), shown until they are all done."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.services.access import Role
from core.services.overview import Overview
from pages._ui import auth
from pages._ui.formats import tr


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    words: str
    page: str
    button: str
    done: bool


def steps_of(now: Overview) -> list[Step]:
    connected = now.portals > 0 and now.customers > 0
    mapped = now.customers > 0 and now.customers_mapped == now.customers
    products = now.products > 0 and now.products_mapped == now.products
    return [
        Step(tr("Connect Autotask"), tr("Where the contracts are."), "settings", tr("Open settings"), now.autotask_ready),
        Step(tr("Connect a portal"), tr("Or drop an export of one."), "portals", tr("Open portals"), connected),
        Step(tr("Map customers"), tr("Portal name to company, once."), "customers", tr("Open customers"), mapped),
        Step(tr("Map products"), tr("Portal product to service, once."), "products", tr("Open products"), products),
        Step(tr("Contracts updated"), tr("Look at the plan and approve."), "changes", tr("Open changes"), now.lines_updated > 0),
    ]  # fmt: skip


NEEDS = {"settings": Role.ADMIN}
"""Streamlit has no link to a page that somebody is not offered."""


def show(now: Overview, *, may_act: bool) -> None:
    steps = steps_of(now)
    if all(step.done for step in steps) or (now.last_run and now.lines_updated and not now.actions):
        return
    current = next(index for index, step in enumerate(steps) if not step.done)
    with st.grid(5, gap="small", min_column_width=150) as wall:
        for index, step in enumerate(steps):
            with wall.container(border=True, height="stretch", gap="xxsmall"):
                icon = ":green[:material/check_circle:]" if step.done else f":material/counter_{index + 1}:"
                st.markdown(
                    f"{icon} **{step.title}**" if step.done or index == current else f":gray[{icon} {step.title}]"
                )
                st.caption(step.words)
                if index == current and may_act and auth.may(NEEDS.get(step.page, Role.VIEWER)):
                    st.page_link(f"pages/{step.page}.py", label=step.button, icon=":material/arrow_forward:")
