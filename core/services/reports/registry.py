"""All reports by name. A new one is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.text import T
from core.reporting import Form, Rendered, Report, Style, render
from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone_name
from core.services.reports.as_of import as_of
from core.services.reports.asked import Asked, Scene, scene
from core.services.reports.compare import compare
from core.services.reports.customer import customer
from core.services.reports.development import development
from core.services.reports.invoice import invoice
from core.services.reports.leakage import leakage
from core.services.reports.margin import margin
from core.services.reports.month_end import next_invoice
from core.services.reports.vendor import vendor

if TYPE_CHECKING:
    from core.services.context import Context

Builder = Callable[[Scene], Report]

REPORTS: Mapping[str, Builder] = MappingProxyType(
    {
        "as-of": as_of,
        "compare": compare,
        "customer": customer,
        "development": development,
        "invoice": invoice,
        "leakage": leakage,
        "margin": margin,
        "next-invoice": next_invoice,
        "vendor": vendor,
    }
)


def build(ctx: Context, actor: Actor, name: str, asked: Asked | None = None) -> Report:
    """A report of `REPORTS`. Raises InputError (kind `unknown_` with report, portal, product or customer)."""
    require(actor, Role.VIEWER)
    if name not in REPORTS:
        raise InputError(
            T("There is no report {name}. There are: {known}.", name=name, known=tuple(REPORTS)), kind="unknown_report"
        )
    with ctx.database.session() as session:
        return REPORTS[name](scene(ctx, session, asked or Asked()))


def export(ctx: Context, actor: Actor, name: str, form: Form, asked: Asked | None = None) -> Rendered:
    """A report as a file, in the language and the way of writing of who asks; on paper with its chart."""
    wanted = replace(asked or Asked(), chart=True) if form is Form.PDF else asked
    return render(build(ctx, actor, name, wanted), form, style_of(ctx, actor))


def style_of(ctx: Context, actor: Actor) -> Style:
    """How this person reads numbers, dates and sentences."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return Style(actor.language, actor.locale, zone_name(session))
