"""The parts of a mapping as people read them."""

from __future__ import annotations

from core.domain.selection import FilterOp, NodeKind
from pages._ui.formats import tr

ICONS = {
    NodeKind.LIST: "format_list_bulleted",
    NodeKind.RECORD: "data_object",
    NodeKind.TEXT: "text_fields",
    NodeKind.NUMBER: "numbers",
    NodeKind.FLAG: "toggle_on",
    NodeKind.EMPTY: "block",
}


def parts() -> dict[str, str]:
    return {
        "records": tr("Records"),
        "customer": tr("Customer"),
        "customer_id": tr("Customer number"),
        "product": tr("Product"),
        "product_key": tr("Product code"),
        "quantity": tr("Quantity"),
        "subscription_id": tr("Subscription"),
        "term": tr("Term"),
        "billing_frequency": tr("Billing frequency"),
        "unit": tr("Unit"),
        "unit_cost": tr("Unit cost"),
        "unit_price": tr("Unit price"),
        "amount": tr("Amount"),
        "description": tr("Description"),
        "currency": tr("Currency"),
        "period_start": tr("Start of the period"),
        "period_end": tr("End of the period"),
        "effective_date": tr("Effective date"),
    }


def part(name: str) -> str:
    if name.startswith("filter "):
        return tr("Filter {number}", number=str(int(name.split()[1]) + 1))
    return parts().get(name, name)


def conditions() -> dict[str, str]:
    return {
        FilterOp.EQUALS.value: tr("is"),
        FilterOp.NOT_EQUALS.value: tr("is not"),
        FilterOp.IN.value: tr("is one of"),
        FilterOp.EXISTS.value: tr("is there"),
        FilterOp.MISSING.value: tr("is not there"),
        FilterOp.GREATER.value: tr("is greater than"),
        FilterOp.LESS.value: tr("is less than"),
        FilterOp.MATCHES.value: tr("fits the pattern"),
    }
