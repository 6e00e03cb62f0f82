"""What is said about a row that cannot be read, and what to do about it."""

from __future__ import annotations

from core.domain.file_settings import FileSettings, Shape
from core.domain.text import T, Text
from core.files.cells import Cell, CellError, Lossy, Unstored, display
from core.files.dates import AmbiguousDate, Moment
from core.files.issues import Kind, shown
from core.files.numbers import Ambiguous, Number, Unreadable, plain

Said = tuple[Kind, Text, Text]
"""Kind, message, remedy."""


def about_quantity(number: Number, cell: Cell) -> Said:
    """Why a quantity cannot be used."""
    text = shown(display(cell))
    if isinstance(number, Ambiguous):
        return (
            Kind.AMBIGUOUS_NUMBER,
            T(
                "“{text}” can mean {grouped} or {decimal}.",
                text=text,
                grouped=number.grouped,
                decimal=plain(number.decimal),
            ),
            T("Set the decimal sign (comma or point) in the mapping."),
        )
    match number.kind if isinstance(number, Unreadable) else Kind.NOT_A_NUMBER:
        case Kind.CELL_ERROR_VALUE:
            return _error_value(text)
        case Kind.FORMULA_WITHOUT_VALUE:
            return _unstored()
        case Kind.QUANTITY_IS_DATE:
            return (
                Kind.QUANTITY_IS_DATE,
                T("The quantity is a date or a time: “{text}”.", text=text),
                T("Perhaps 5/10 was typed and became a date. Type the number again and format the cell as a number."),
            )
    return (
        Kind.NOT_A_NUMBER,
        T("“{text}” is not a number.", text=text),
        T("Correct the cell in the file, or export it again."),
    )


def about_pair(cell: Cell) -> Said:
    return (
        Kind.NOT_A_NUMBER,
        T("“{text}” is not a pair of numbers such as 38 of 50.", text=shown(display(cell))),
        T("Correct the cell in the file, or export it again."),
    )


def about_name(role: str, name: object, settings: FileSettings) -> Said:
    """Why a customer, product or number cannot be used."""
    if isinstance(name, Lossy):
        return (
            Kind.LOSSY_IDENTIFIER,
            T("“{text}” has lost digits: a spreadsheet took the code for a number.", text=shown(name.text)),
            T(
                "Format the column as text before saving, or export the file again and do not open it in a spreadsheet first."
            ),
        )
    if isinstance(name, CellError):
        return _error_value(name.code)
    if isinstance(name, Unstored):
        return _unstored()
    if role.startswith("product"):
        return (
            Kind.PRODUCT_MISSING,
            T("The row has a quantity but no product."),
            T("Correct the row in the file, or export it again."),
        )
    return Kind.CUSTOMER_MISSING, T("The row has a quantity but no customer."), _fill_down_remedy(settings)


def _fill_down_remedy(settings: FileSettings) -> Text:
    if settings.fill_down or settings.shape is Shape.GROUPED:
        return T("No row above it names a customer either. Correct the row in the file, or export it again.")
    return T("If the customer stands only on the first row of its group, turn on “fill down” in the mapping.")


def about_date(moment: Moment, cell: Cell) -> Said:
    text = shown(display(cell))
    if isinstance(moment, AmbiguousDate):
        return (
            Kind.AMBIGUOUS_DATE,
            T(
                "“{text}” can be {day_first} or {month_first}.",
                text=text,
                day_first=moment.day_first.date(),
                month_first=moment.month_first.date(),
            ),
            T("Set the date format in the mapping."),
        )
    if moment is None:
        return Kind.NOT_A_DATE, T("The row has no date."), T("Correct the row in the file, or export it again.")
    return (
        Kind.NOT_A_DATE,
        T("“{text}” is not a date.", text=text),
        T("Set the date format in the mapping, or correct the cell."),
    )


def _error_value(code: str) -> Said:
    return (
        Kind.CELL_ERROR_VALUE,
        T("The cell holds the error {code}.", code=code),
        T("Open the file in the spreadsheet program, correct the formula and save it again."),
    )


def _unstored() -> Said:
    return (
        Kind.FORMULA_WITHOUT_VALUE,
        T("The cell holds a formula without a stored result."),
        T("Open the file in a spreadsheet program and save it, so that the result is stored."),
    )
