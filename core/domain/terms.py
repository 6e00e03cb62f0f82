"""The words portals use for terms and billing frequencies."""

from __future__ import annotations

_TERMS = {
    "P1M": "p1m monthly month maandelijks maand monatlich 1month month-to-month mtm mensuel 1m m",
    "P1Y": "p1y p12m annual annually yearly year 1year jaarlijks jaar 1jaar jährlich jahr 1jahr annuel 12months 12maanden 1y 1yr y",
    "P2Y": "p2y 2years 2jaar 2jahre 2y 2yr 24months p24m",
    "P3Y": "p3y 3years 3year 3jaar 3jahre 3y 3yr 36months 36maanden p36m triennial",
    "P5Y": "p5y 5years 5year 5jaar 5jahre 5y 5yr 60months p60m",
}
_FREQUENCIES = {
    "monthly": "monthly month maandelijks maand permaand monatlich p1m mensuel 1month 1m m",
    "quarterly": "quarterly quarter kwartaal perkwartaal vierteljährlich p3m trimestriel",
    "semiannual": "semiannual semi-annual halfjaarlijks halbjährlich p6m",
    "yearly": "yearly annual annually year jaarlijks jaar perjaar jährlich p1y p12m annuel 1year 1y y",
    "once": "once onetime one-time eenmalig einmalig prepaid upfront",
}
_TERM_OF = {word: term for term, words in _TERMS.items() for word in words.split()}
_FREQUENCY_OF = {word: frequency for frequency, words in _FREQUENCIES.items() for word in words.split()}


def term(text: str) -> str:
    """A term as an ISO 8601 duration (`P1Y`); words that are not known stay as they are."""
    return _TERM_OF.get(text.casefold().replace(" ", ""), text)


def billing_frequency(text: str) -> str:
    """`monthly`, `quarterly`, `semiannual`, `yearly` or `once`; words that are not known stay as they are."""
    return _FREQUENCY_OF.get(text.casefold().replace(" ", ""), text)
