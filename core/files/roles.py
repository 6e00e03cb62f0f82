"""Which headings a mapping needs, and where they are in a table."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.file_settings import ColumnsRightOf, FileSettings, FromSheetName, Shape
from core.files.headings import Header, ambiguous, folded, missing
from core.files.issues import ImportIssue

TEXT_ROLES = (
    "customer_id", "customer", "product_key", "product", "term", "billing_frequency", "subscription_id", "currency", "unit",
    "period", "description",
)  # fmt: skip
MONEY_ROLES = ("unit_cost", "unit_price", "amount")
DATE_ROLES = ("date", "effective_date", "period_start", "period_end")


def headings_by_role(settings: FileSettings) -> dict[str, str]:
    """The heading of each role that reads a column; roles with a constant or a name of file or sheet are not among them."""
    roles: dict[str, object] = {role: getattr(settings, role) for role in (*TEXT_ROLES, *MONEY_ROLES, *DATE_ROLES)}
    if not settings.counts_rows and settings.shape is not Shape.WIDE:
        roles["quantity"] = settings.quantity
    if settings.distinct:
        roles["distinct"] = settings.distinct
    if settings.shape is Shape.WIDE:
        roles.pop("product")
        roles.pop("product_key")
    return {role: heading for role, heading in roles.items() if isinstance(heading, str) and heading}


def needed_headings(settings: FileSettings) -> tuple[str, ...]:
    """All headings a heading row must hold, each once."""
    wide: tuple[str, ...] = ()
    if settings.shape is Shape.WIDE:
        columns = settings.product_columns
        wide = (columns.right_of,) if isinstance(columns, ColumnsRightOf) else columns
    return tuple(dict.fromkeys((*headings_by_role(settings).values(), *wide, *settings.filter)))


def reads_sheet_names(settings: FileSettings) -> bool:
    """Whether a sheet's name says the customer or product, so that all sheets belong together."""
    return isinstance(settings.customer, FromSheetName) or isinstance(settings.product, FromSheetName)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands in one table: column indexes by role, by filter heading, and of the products of a wide table."""

    header: Header
    roles: dict[str, int]
    filters: dict[str, int]
    products: dict[int, str]

    @property
    def columns(self) -> list[int]:
        return sorted({*self.roles.values(), *self.filters.values(), *self.products})


def problems(header: Header, settings: FileSettings, sheet: str) -> tuple[ImportIssue, ...]:
    """The headings that are missing or there several times."""
    found = []
    for heading in needed_headings(settings):
        places = header.places(heading)
        if len(places) != 1:
            found.append(ambiguous(header, heading, sheet) if places else missing(header, heading, sheet))
    if not found and isinstance(settings.product_columns, ColumnsRightOf):
        products = [folded(name) for name in _product_columns(header, settings, set()).values()]
        found.extend(ambiguous(header, name, sheet) for name in dict.fromkeys(products) if products.count(name) > 1)
    return tuple(found)


def layout(header: Header, settings: FileSettings) -> Layout:
    """The columns of a table whose header has no `problems`."""
    roles = {role: header.places(heading)[0] for role, heading in headings_by_role(settings).items()}
    filters = {heading: header.places(heading)[0] for heading in settings.filter}
    return Layout(
        header, roles, filters, _product_columns(header, settings, set(roles.values()) | set(filters.values()))
    )


def _product_columns(header: Header, settings: FileSettings, taken: set[int]) -> dict[int, str]:
    if settings.shape is not Shape.WIDE:
        return {}
    columns = settings.product_columns
    if isinstance(columns, ColumnsRightOf):
        first = header.places(columns.right_of)[0] + 1
        return {i: header.names[i] for i in range(first, len(header.names)) if header.names[i] and i not in taken}
    return {header.places(heading)[0]: _plain(header, heading) for heading in columns}


def _plain(header: Header, heading: str) -> str:
    """The product's name as the file writes it, not as the mapping does."""
    name = header.names[header.places(heading)[0]]
    return name if folded(name) != folded(heading) or name else heading
