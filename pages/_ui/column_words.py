"""What the shapes of a table are called."""

from __future__ import annotations

from core.domain.file_settings import Shape
from pages._ui.formats import tr


def shapes() -> dict[str, str]:
    return {
        Shape.LONG.value: tr("customer, product and quantity in each row"),
        Shape.WIDE.value: tr("a column for each product"),
        Shape.SEATS.value: tr("a row for each seat or device"),
        Shape.PAIR.value: tr("used and ordered in one cell (38 of 50)"),
        Shape.GROUPED.value: tr("the customer once, its rows below"),
        Shape.DAILY.value: tr("a row for each day"),
        Shape.TREE.value: tr("lists inside lists (JSON, XML)"),
    }
