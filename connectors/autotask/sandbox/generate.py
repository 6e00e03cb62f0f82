"""Large made-up data for measurements: many companies and contract lines, the same for the same seed."""

from __future__ import annotations

import random
from datetime import date

from connectors.autotask.sandbox.data import SandboxData
from connectors.autotask.sandbox.grid import plus_months

_FIRST = ("Noord", "Zuid", "Groen", "Blauw", "Delta", "Rijn", "Maas", "Veluwe", "Polder", "Haven", "Molen", "Duin")
_SECOND = ("Bouw", "Zorg", "Transport", "Advies", "Techniek", "Handel", "Media", "Vastgoed", "Onderwijs", "Horeca")
_FORMS = ("B.V.", "BV", "N.V.", "Groep B.V.", "Holding B.V.", "V.O.F.")
LINES_A_CONTRACT = 10


def generate(
    companies: int = 400,
    lines: int = 12_000,
    months: int = 36,
    seed: int = 1,
    *,
    today: date | None = None,
    services: int = 60,
) -> SandboxData:
    """So many companies and contract lines (10 a contract) of `months` monthly periods, half of them past.

    Company n is named `… {n:05d}` and service m `Service {m:03d}`, so that exports for them can be made without looking.
    """
    dice = random.Random(seed)  # noqa: S311
    data = SandboxData(today or date(2026, 11, 20))
    catalogue = [
        data.service(f"Service {number:03d}", round(dice.uniform(2, 60), 2), round(dice.uniform(1, 30), 2))
        for number in range(1, services + 1)
    ]
    start = plus_months(data.today.replace(day=1), -(months // 2))
    end = plus_months(start, months) - date.resolution
    ids = [data.company(_name(dice, number), companyNumber=f"G-{number:05d}") for number in range(1, companies + 1)]
    made = 0
    decks: dict[int, list[int]] = {company: [] for company in ids}
    while made < lines:
        company = ids[(made // LINES_A_CONTRACT) % len(ids)]
        if len(decks[company]) < LINES_A_CONTRACT:
            # A company has each service once as long as the catalogue lasts: no line is ambiguous.
            decks[company] = dice.sample(catalogue, len(catalogue))
        contract = data.contract(company, f"Beheer {made // LINES_A_CONTRACT + 1}", start=start, end=end)
        for _ in range(min(LINES_A_CONTRACT, lines - made, len(catalogue))):
            service = decks[company].pop()
            line = data.line(contract, service, dice.randint(1, 80))
            if dice.random() < 0.3:
                data.adjust(line, dice.randint(1, 9), plus_months(start, dice.randint(1, max(1, months // 2))))
            made += 1
    return data


def _name(dice: random.Random, number: int) -> str:
    return f"{dice.choice(_FIRST)}{dice.choice(_SECOND).lower()} {dice.choice(_FORMS)} {number:05d}"
