"""Which columns are probably customer, product and quantity: by known exports, by words, by what stands below them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import ValidationError
from rapidfuzz import fuzz

from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.files.cells import Cell, display, is_blank
from core.files.grid import Grid
from core.files.headings import Header, folded
from core.files.numbers import Ambiguous, read_cell, without_currency
from core.files.presets import Preset, recognised
from core.files.roles import MONEY_ROLES

WORDS: dict[str, tuple[str, ...]] = {
    "customer": (
        "customer", "customer name", "client", "client name", "company", "company name", "organization", "organisation",
        "organization name", "tenant", "tenant name", "account", "account name", "end customer", "site", "site name", "domain",
        "klant", "klantnaam", "naam klant", "bedrijf", "bedrijfsnaam", "organisatie", "relatie", "debiteur", "eindklant",
        "kunde", "kundenname", "firma", "unternehmen", "mandant", "société", "societe", "entreprise", "nom du client",
    ),
    "product": (
        "product", "product name", "product/service", "service", "service name", "sku", "sku name", "item", "item name", "plan",
        "licence", "license", "license type", "licence type", "license name", "subscription", "subscription name", "offer",
        "offer name", "edition", "module", "package", "dienst", "productnaam", "artikel", "artikelnaam", "omschrijving",
        "licentie", "abonnement", "pakket", "produkt", "produktname", "artikelbezeichnung", "bezeichnung", "lizenz", "leistung",
        "produit", "licence nom", "description",
    ),
    "quantity": (
        "quantity", "qty", "quantity used", "count", "seats", "seat count", "licensed users", "users", "units", "used", "assigned",
        "billable", "chargeable", "billable quantity", "used seats", "total seats", "licenses", "licences", "active users",
        "license count", "number of users", "number of licenses", "protected users", "aantal", "aantal gebruikers",
        "aantal licenties", "gebruikers", "licenties", "hoeveelheid", "stuks", "anzahl", "menge", "benutzer", "lizenzen",
        "anzahl benutzer", "quantité", "quantite", "nombre", "nombre de licences",
    ),
    "customer_id": (
        "customer id", "customer number", "company id", "tenant id", "account id", "client id", "organization id", "klantnummer",
        "kundennummer", "debiteurnummer", "numéro client",
    ),
    "product_key": (
        "product id", "product code", "sku id", "sku number", "part number", "artikelnummer", "productcode", "artikelcode",
        "offer id", "material number",
    ),
    "term": ("term", "commitment", "commitment term", "term duration", "looptijd", "laufzeit", "durée"),
    "billing_frequency": (
        "billing frequency", "billing cycle", "billing term", "billing plan", "factuurfrequentie", "facturatiefrequentie",
        "facturatieperiode", "abrechnungszeitraum", "abrechnungsintervall",
    ),
    "subscription_id": (
        "subscription id", "subscription number", "abonnementsnummer", "abonnements id", "subscription guid",
    ),
    "unit_cost": ("unit cost", "cost per unit", "seller cost", "purchase price", "inkoopprijs", "einkaufspreis"),
    "unit_price": (
        "unit price", "price per unit", "sales price", "stukprijs", "prijs per stuk", "verkoopprijs", "stückpreis",
        "einzelpreis", "prix unitaire",
    ),
    "currency": ("currency", "currency code", "valuta", "währung", "devise"),
    "effective_date": ("effective date", "ingangsdatum", "wirksam ab", "gültig ab"),
}  # fmt: skip
"""Headings that say what a column is, in English, Dutch, German and some French; the likelier ones first."""
AMOUNT_WORDS: dict[str, tuple[str, ...]] = {
    "amount": (
        "amount", "net amount", "total amount", "billed amount", "line total", "total", "subtotal", "total cost", "extended cost",
        "extended price", "pretax cost", "cost", "costs", "charge", "amount excl. vat", "total excl. vat", "bedrag",
        "nettobedrag", "netto bedrag", "totaalbedrag", "regelbedrag", "regeltotaal", "totaal", "subtotaal", "kosten",
        "totale kosten", "bedrag excl. btw", "bedrag ex btw", "bedrag exclusief btw", "totaal excl. btw", "totaal ex btw",
        "betrag", "nettobetrag", "gesamtbetrag", "summe", "kosten netto", "montant", "montant ht", "total ht",
    ),
    "period": ("month", "billing month", "invoice month", "billing period", "period", "maand", "factuurmaand", "periode",
               "verbruiksmaand", "monat", "abrechnungsmonat", "mois"),
    "period_start": ("period start", "start of period", "start date", "charge start date", "billing start date", "usage start",
                     "usage start date", "from date", "startdatum", "begindatum", "periode van", "van datum", "von"),
    "period_end": ("period end", "end of period", "end date", "charge end date", "billing end date", "usage end",
                   "usage end date", "to date", "einddatum", "periode tot", "tot datum", "bis"),
}  # fmt: skip
"""Headings of what a file of amounts has beside its columns. Offered to who says that a file tells amounts, never part of a
mapping by themselves: charges would come of it. Only whole words: "incl. VAT" looks much like "excl. VAT".
"""
NEEDED = ("customer", "product", "quantity")
SURE, NEARLY, BY_CONTENT = 95, 75, 45
FUZZY = 88
_PAIRED = re.compile(r"\d+\s*(/|of|van|von)\s*\d+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One column for one role, how sure (0 to 100), and why."""

    role: str
    heading: str
    score: int
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMapping:
    """A whole mapping, or None where a column that is needed was not recognised; the columns one by one all the same."""

    settings: FileSettings | None
    columns: tuple[Suggestion, ...]
    preset: Preset | None = None


def suggest(header: Header, grid: Grid, sheets: Sequence[Grid]) -> SuggestedMapping:
    """A mapping for a table with these headings. Never applied by itself: a person confirms it on the preview."""
    known = recognised(header)
    if known is not None:
        return SuggestedMapping(settings=known.mapping(), columns=tuple(_of_preset(known)), preset=known)
    columns = _best_columns(header, grid)
    settings = _settings(header, grid, sheets, {column.role: column for column in columns})
    return SuggestedMapping(settings=settings, columns=(*columns, *_amount_columns(header, grid)))


def _of_preset(known: Preset) -> Iterator[Suggestion]:
    for role, heading in known.settings.items():
        if isinstance(heading, str) and role in WORDS:
            yield Suggestion(
                role=role, heading=heading, score=100, reason=T("This is the export “{export}”.", export=known.title)
            )


def _best_columns(header: Header, grid: Grid) -> tuple[Suggestion, ...]:
    """The best column of each role, no column twice: the surest first."""
    found = sorted(_candidates(header, grid), key=lambda s: (-s.score, list(WORDS).index(s.role)))
    roles: dict[str, Suggestion] = {}
    taken: set[str] = set()
    for suggestion in found:
        if suggestion.role not in roles and suggestion.heading not in taken:
            roles[suggestion.role] = suggestion
            taken.add(suggestion.heading)
    return tuple(roles[role] for role in WORDS if role in roles)


def _amount_columns(header: Header, grid: Grid) -> Iterator[Suggestion]:
    """For each column that amounts may need, the likeliest heading; the same column may be more than one thing."""
    below = grid.head[header.row + 1 :]
    bare = [_bare(key) for key in header.keys]
    for role, words in AMOUNT_WORDS.items():
        for word in words:
            if word not in bare:
                continue
            index = bare.index(word)
            cells = [row[index] for row in below if index < len(row) and not is_blank(row[index])]
            if role == "amount" and not (cells and all(map(_is_amount, cells))):
                continue
            yield _said(role, _unique(header, index), words.index(word))
            break


def _candidates(header: Header, grid: Grid) -> Iterator[Suggestion]:
    below = grid.head[header.row + 1 :]
    for index, key in enumerate(header.keys):
        if not key:
            continue
        heading = _unique(header, index)
        cells = [row[index] for row in below if index < len(row) and not is_blank(row[index])]
        numeric = sum(_is_number(cell) for cell in cells)
        mostly_numbers = bool(cells) and numeric * 2 > len(cells)
        for role, words in WORDS.items():
            if role == "quantity" and cells and not mostly_numbers:
                continue
            if role in MONEY_ROLES and not all(map(_is_amount, cells)):
                continue
            if role in ("customer", "product") and mostly_numbers:
                continue
            found = _by_word(role, heading, key, words)
            if found:
                yield found
        if mostly_numbers and numeric == len(cells):
            yield Suggestion(role="quantity", heading=heading, score=BY_CONTENT, reason=T("It holds numbers only."))


def _unique(header: Header, index: int) -> str:
    """The heading, with its position where it comes several times."""
    same = header.places(header.names[index])
    return header.names[index] if len(same) < 2 else f"{header.names[index]}#{same.index(index) + 1}"


def _by_word(role: str, heading: str, key: str, words: Sequence[str]) -> Suggestion | None:
    bare = _bare(key)
    if bare in words:
        return _said(role, heading, words.index(bare))
    near = max(words, key=lambda word: fuzz.ratio(bare, word))
    if fuzz.ratio(bare, near) >= FUZZY:
        return Suggestion(
            role=role, heading=heading, score=NEARLY, reason=T("The heading looks like “{word}”.", word=near)
        )
    return None


def _bare(key: str) -> str:
    """A heading without what stands in brackets after it: a currency, a unit."""
    return re.sub(r"\s*\(.*?\)$", "", key.replace("_", " ").replace("-", " ")).strip()


def _said(role: str, heading: str, later: int) -> Suggestion:
    return Suggestion(role=role, heading=heading, score=SURE - min(later, 15), reason=T("The heading says so."))


def _is_number(cell: Cell) -> bool:
    return isinstance(read_cell(cell), Decimal | Ambiguous) or (
        isinstance(cell, str) and _PAIRED.fullmatch(cell) is not None
    )


def _is_amount(cell: Cell) -> bool:
    return _is_number(without_currency(cell))


def _settings(header: Header, grid: Grid, sheets: Sequence[Grid], roles: dict[str, Suggestion]) -> FileSettings | None:
    """The mapping these columns make: long, wide, pair, or a count of rows."""
    values: dict[str, object] = {
        role: suggestion.heading for role, suggestion in roles.items() if suggestion.score >= NEARLY or role in NEEDED
    }
    below = grid.head[header.row + 1 :]
    if "customer" not in values:
        if not _same_headings(header, sheets):
            return None
        values["customer"] = {"sheet_name": True}
    if "product" not in values:
        products = _number_columns(header, below, taken=values.values())
        if len(products) < 2:
            return None
        values = {"customer": values["customer"], "shape": "wide", "product_columns": products}
    elif "quantity" not in values:
        values["shape"] = "seats"
    elif _holds_pairs(header, below, str(values["quantity"])):
        values["shape"] = "pair"
    try:
        return FileSettings.model_validate(values)
    except ValidationError:
        return None


def _same_headings(header: Header, sheets: Sequence[Grid]) -> bool:
    """Several sheets with the same headings: probably one for each customer."""
    keys = [key for key in header.keys if key]
    alike = [
        s for s in sheets if any([folded(display(c)) for c in row if not is_blank(c)] == keys for row in s.head[:10])
    ]
    return len(alike) > 1


def _number_columns(header: Header, rows: Sequence[Sequence[Cell]], taken: object) -> list[str]:
    used = set(taken) if not isinstance(taken, str) else set()  # type: ignore[call-overload]
    found = []
    for index, name in enumerate(header.names):
        cells = [row[index] for row in rows if index < len(row) and not is_blank(row[index])]
        heading = _unique(header, index)
        if name and cells and heading not in used - {heading} and all(_is_number(cell) for cell in cells):
            found.append(heading)
    return found


def _holds_pairs(header: Header, rows: Sequence[Sequence[Cell]], heading: str) -> bool:
    places = header.places(heading)
    cells = [row[places[0]] for row in rows if places and places[0] < len(row) and not is_blank(row[places[0]])]
    return bool(cells) and all(isinstance(cell, str) and _PAIRED.fullmatch(cell.strip()) for cell in cells)
