"""Names of companies and products in one comparable form: without case, accents, legal form, punctuation and word order."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from core.domain.text import T, Text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_FORMS = _words("""
    ab ag aps as asbl bv bvba co corp cv cvba eenmanszaak gbr gmbh inc incorporated kg kgaa limited llc llp lp ltd maatschap
    nv ohg oy oyj plc pty sa sarl sas se sl spa sprl srl ug vof vzw
""")
GROUP_WORDS = _words("beheer group groep gruppe holding holdings")
"""Words that often make another company of the same name: they weigh less, but a name without them is not the same."""

_JOINING = _words("and en et und &")
_PLAIN = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "’": "'"}
)
_ABBREVIATION = re.compile(r"\b\w(?:\.\w)+\b")
_WORD = re.compile(r"[\w&+]+")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`form` is what is compared; `core` is the same without group words. `left_out` names the words that were dropped.

    `repaired` is the name as it was before somebody read UTF-8 as something else; empty where nothing was repaired.
    """

    form: str
    core: str
    left_out: tuple[str, ...] = ()
    repaired: str = ""

    @property
    def trail(self) -> tuple[Text, ...]:
        """What was done to the name, for people."""
        steps: list[Text] = []
        if self.repaired:
            steps.append(T("read as {name}", name=self.repaired))
        if self.left_out:
            steps.append(T("without {words}", words=self.left_out))
        steps.append(T("compared as {form}", form=self.form))
        return tuple(steps)


@lru_cache(maxsize=65536)
def normalise(name: str) -> Normalised:
    """The comparable form of a name: `Café Jansen B.V.` and `jansen cafe` are equal. Empty only for a name without letters."""
    repaired = repair(name)
    decomposed = unicodedata.normalize("NFKD", repaired.translate(_PLAIN))
    text = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold().replace("'", "")
    text = _ABBREVIATION.sub(lambda found: found.group().replace(".", ""), text)
    words = _joined(_WORD.findall(text.replace("_", " ")))
    meaning = [word for word in words if word not in _JOINING]
    kept = [word for word in meaning if word not in LEGAL_FORMS] or meaning
    core = [word for word in kept if word not in GROUP_WORDS] or kept
    return Normalised(
        form=" ".join(sorted(kept)),
        core=" ".join(sorted(core)),
        left_out=tuple(word for word in meaning if word not in kept),
        repaired=repaired if repaired != name else "",
    )


def _joined(words: list[str]) -> list[str]:
    """`b v` and `v o f` as one word; other single letters stay."""
    joined: list[str] = []
    place = 0
    while place < len(words):
        length = next((n for n in (4, 3, 2) if _spells_legal_form(words[place : place + n], n)), 1)
        joined.append("".join(words[place : place + length]))
        place += length
    return joined


def _spells_legal_form(words: list[str], length: int) -> bool:
    return len(words) == length and all(len(word) == 1 for word in words) and "".join(words) in LEGAL_FORMS


def repair(name: str) -> str:
    """`MÃ¼ller` → `Müller`: UTF-8 that was read as Windows-1252 or Latin-1. Any other name comes back as it is."""
    if not any(sign in name for sign in "ÃÂâÅÄ"):
        return name
    for encoding in ("cp1252", "latin-1"):
        try:
            return name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return name
