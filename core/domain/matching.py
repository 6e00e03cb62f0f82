"""Suggests which company (or service) a portal's name means. Suggestions only: nothing is linked below an exact match (M9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from core.domain.names import Normalised, normalise
from core.domain.text import T, Text

MINIMUM_SCORE = 60
"""Below this, names are not alike enough to be worth reading."""
CLOSE = 99
"""The best score of a name that is not exactly the same."""
CONTAINED_SCORE = 72
"""What a name scores at least when all of it stands in the other one."""
COMMON_WORD = 50
"""A word of more candidates than this ("Nederland", "services") says nothing about which of them is meant."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A candidate with its likeness, 0 to 100, and why. `exact`: the names are equal after normalisation, and no other is."""

    id: int
    name: str
    score: int
    reason: Text
    exact: bool


def suggest(
    names: Sequence[str], candidates: Sequence[tuple[int, str]], aliases: Mapping[str, int], limit: int = 3
) -> list[list[Suggestion]]:
    """For each name the best candidates, best first; `aliases` are names that were confirmed before, with their candidate."""
    matcher = _Matcher(candidates, aliases)
    known: dict[str, list[Suggestion]] = {}
    for name in names:
        if name not in known:
            known[name] = matcher.best(name, limit)
    return [known[name] for name in names]


def exact_matches(
    names: Sequence[str], candidates: Sequence[tuple[int, str]], aliases: Mapping[str, int]
) -> list[Suggestion | None]:
    """For each name the one candidate of exactly that name, None where there is none or more than one; quick for many names."""
    matcher = _Matcher(candidates, aliases)
    return [matcher.exact(name) for name in names]


class _Matcher:
    """Candidates by their normalised form, so that equal names need no comparing."""

    def __init__(self, candidates: Sequence[tuple[int, str]], aliases: Mapping[str, int]) -> None:
        self._names = dict(candidates)
        self._ids_by_form: dict[str, list[int]] = defaultdict(list)
        self._ids_by_core: dict[str, list[int]] = defaultdict(list)
        for number, name in sorted(self._names.items()):
            normalised = normalise(name)
            self._ids_by_form[normalised.form].append(number)
            self._ids_by_core[normalised.core].append(number)
        self._cores = [core for core in self._ids_by_core if core]
        self._cores_by_word: dict[str, list[str]] = defaultdict(list)
        for core in self._cores:
            for word in set(core.split()):
                self._cores_by_word[word].append(core)
        self._aliases: dict[str, set[int]] = defaultdict(set)
        for alias, number in aliases.items():
            if number in self._names:
                self._aliases[normalise(alias).form].add(number)

    def best(self, name: str, limit: int) -> list[Suggestion]:
        normalised = normalise(name)
        if not normalised.form:
            return []
        found = self._equal(normalised)
        if not any(suggestion.exact for suggestion in found.values()):
            for suggestion in self._alike(normalised, limit):
                found.setdefault(suggestion.id, suggestion)
        ordered = sorted(found.values(), key=lambda s: (not s.exact, -s.score, s.name.casefold(), s.id))
        return ordered[:limit]

    def exact(self, name: str) -> Suggestion | None:
        normalised = normalise(name)
        equal = self._equal(normalised).values() if normalised.form else ()
        return next((suggestion for suggestion in equal if suggestion.exact), None)

    def _equal(self, name: Normalised) -> dict[int, Suggestion]:
        """Candidates with the same normalised name or a known alias. Exact when that is one, and no repair was needed."""
        aliased = self._aliases.get(name.form, set())
        same = self._ids_by_form.get(name.form, [])
        numbers = sorted(aliased | set(same))
        unique = len(numbers) == 1
        found: dict[int, Suggestion] = {}
        for number in numbers:
            if not unique:
                reason = T("{count} have this name", count=len(numbers))
            elif number in aliased:
                reason = T("linked to this name before")
            else:
                reason = T("the same name ({steps})", steps=name.trail)
            exact = unique and not name.repaired
            found[number] = Suggestion(number, self._names[number], CLOSE if name.repaired else 100, reason, exact)
        return found

    def _alike(self, name: Normalised, limit: int) -> list[Suggestion]:
        scores = self._containing(name.core)
        spelled = process.extract(
            name.core, self._cores, scorer=fuzz.ratio, processor=None, limit=limit, score_cutoff=MINIMUM_SCORE
        )
        for core, likeness, _ in spelled:
            scores[core] = max(scores.get(core, 0), min(CLOSE, round(likeness)))
        suggestions: list[Suggestion] = []
        for core, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]:
            reason = T("{score} percent alike ({steps})", score=score, steps=name.trail)
            suggestions += [
                Suggestion(number, self._names[number], score, reason, exact=False)
                for number in self._ids_by_core[core]
            ]
        return suggestions

    def _containing(self, core: str) -> dict[str, int]:
        """Candidates whose words all stand in the name, or the other way round: "Acme" and "Acme Nederland"."""
        words = set(core.split())
        shared: dict[str, int] = defaultdict(int)
        for word in words:
            fitting = self._cores_by_word.get(word, ())
            if len(fitting) <= COMMON_WORD and len(word) > 1:
                for other in fitting:
                    shared[other] += 1
        scores: dict[str, int] = {}
        for other, count in shared.items():
            if count == min(len(words), other.count(" ") + 1):
                shorter, longer = sorted((len(core), len(other)))
                scores[other] = CONTAINED_SCORE + round(20 * shorter / longer)
        return scores
