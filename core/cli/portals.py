"""`portal list`, `portal test NAME`, `portal pull NAME`, `portal hook NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.words import document, help_text, say, table, words
from core.domain.text import T

if TYPE_CHECKING:
    from core.domain.usage import Reading, UsageLine

group = typer.Typer(help=help_text("The configured sources."), no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help=help_text("One JSON document on standard output."))]
PortalName = Annotated[str, typer.Argument(metavar="NAME", help=help_text("Name of the portal."))]


@group.command("list", help=help_text("All portals with their state."))
def list_portals(as_json: AsJson = False) -> int:
    from core.services import portals

    with opened() as (ctx, actor):
        cards = portals.list_portals(ctx, actor)
        if as_json:
            document(
                {
                    "portals": [
                        {
                            "id": card.id,
                            "name": card.name,
                            "connector": card.connector,
                            "kind": card.kind,
                            "counts": words(card.counts),
                            "status": card.state.value,
                            "message": words(card.message),
                            "mode": card.mode.value,
                            "last_read": card.last_read,
                            "next_due": card.next_due,
                            "lines": card.lines,
                            "customers": card.customers,
                        }
                        for card in cards
                    ]
                }
            )
        elif not cards:
            say(T("There are no portals yet. Connect one on the Portals page or with `workspace apply FILE`."))
        else:
            table(
                [T("Portal"), T("Connector"), T("State"), T("Lines"), T("Customers"), T("Last reading"), T("Schedule")],
                [
                    (c.name, c.connector_name, words(c.message), c.lines, c.customers, c.last_read, c.schedule)
                    for c in cards
                ],
            )
    return 0


@group.command("test", help=help_text("Try whether a portal can be read."))
def test_portal(name: PortalName, as_json: AsJson = False) -> int:
    from core.services import portals

    with opened() as (ctx, actor):
        result = portals.test_portal(ctx, actor, name)
        if as_json:
            document(
                {"portal": name, "ok": result.ok, "message": words(result.message), "remedy": words(result.remedy)}
            )
        else:
            say(result.message)
            if result.remedy:
                say(result.remedy)
    return 0 if result.ok else 1


@group.command("pull", help=help_text("Print the usage lines of one fetch; nothing is stored."))
def pull(name: PortalName, as_json: AsJson = False) -> int:
    from core.services import portals

    with opened() as (ctx, actor):
        reading = portals.pull(ctx, actor, name)
        if as_json:
            document(reading_document(name, reading))
        else:
            lines_table(reading.lines)
            for note in reading.notes:
                say(note, to_error=True)
            for customer, reason in reading.failed_customers.items():
                say(T("{customer} could not be read: {reason}", customer=customer, reason=reason), to_error=True)
    return 0 if reading.complete and not reading.failed_customers else 1


@group.command("hook", help=help_text("Make the address that a portal sends webhooks to; it is told this once."))
def hook(
    name: PortalName,
    rotate: Annotated[
        bool, typer.Option("--rotate", help=help_text("A new address; the one before it ends at once."))
    ] = False,
    as_json: AsJson = False,
) -> int:
    from core.services import webhooks

    with opened() as (ctx, actor):
        card = webhooks.hook_card(ctx, actor, name)
        path = "" if card.has_address and not rotate else webhooks.make_address(ctx, actor, name, rotate=rotate)
        card = webhooks.hook_card(ctx, actor, name)
        if as_json:
            document(
                {
                    "portal": name,
                    "path": path or None,
                    "made": bool(path),
                    "made_at": card.made_at,
                    "scheme": card.settings.verification.scheme.value,
                    "switched_off": card.settings.switched_off,
                }
            )
        elif path:
            say(T("Send to {path} at the address of the pages. It is told this once.", path=path))
        else:
            say(
                T("{portal} has an address since {moment}. --rotate makes a new one.", portal=name, moment=card.made_at)
            )
        for warning in card.warnings:
            say(warning, to_error=True)
    return 0


def reading_document(portal: str, reading: Reading) -> dict[str, object]:
    """The JSON of DESIGN §6, and what else is known."""
    return {
        "portal": portal,
        "complete": reading.complete and not reading.failed_customers,
        "scope": reading.scope.value,
        "lines": [line_document(line) for line in reading.lines],
        "failed_customers": {name: words(reason) for name, reason in reading.failed_customers.items()},
        "notes": [words(note) for note in reading.notes],
    }


def line_document(line: UsageLine) -> dict[str, object]:
    return {
        "customer_id": line.customer_id,
        "customer": line.customer,
        "product_key": line.product_key,
        "product": line.product,
        "quantity": line.quantity,
        "term": line.term,
        "billing_frequency": line.billing_frequency,
        "subscription_id": line.subscription_id,
        "unit": line.unit,
        "effective_date": line.effective_date,
        "unit_cost": line.unit_cost,
        "unit_price": line.unit_price,
        "currency": line.currency,
        "period_start": line.period_start,
        "period_end": line.period_end,
        "attributes": dict(line.attributes),
    }


def lines_table(lines: tuple[UsageLine, ...]) -> None:
    """Usage lines for people."""
    table(
        [T("Customer"), T("Product"), T("Term"), T("Billing"), T("Quantity")],
        [(line.customer, line.product, line.term, line.billing_frequency, line.quantity) for line in lines],
    )
