"""Every problem code of the API, with its meaning and what to do: collected from the refusal classes."""

from collections.abc import Iterator

import msgspec

from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.platform.http.problems import STATUS
from marketplace.platform.http.refusals import HttpRefusal


class Problem(msgspec.Struct, frozen=True):
    """A code, its HTTP statuses, and its explanation."""

    code: str
    statuses: tuple[int, ...]
    explanation: Explanation


def catalogue() -> dict[str, Problem]:
    """Return the problems of every loaded package, by code, in alphabetical order."""
    explanations: dict[str, Explanation] = {}
    statuses: dict[str, set[int]] = {}
    for kind in _classes(Refusal):
        status = kind.status if issubclass(kind, HttpRefusal) else STATUS[kind.kind]
        codes = dict(kind.explanations)
        if kind.explanation is not None:
            codes[kind.code] = kind.explanation
        for code, explanation in codes.items():
            explanations.setdefault(code, explanation)
        for code in {*codes, kind.code}:
            statuses.setdefault(code, set()).add(status)
    return {
        code: Problem(code, tuple(sorted(statuses[code])), explanation)
        for code, explanation in sorted(explanations.items())
    }


def _classes(base: type[Refusal]) -> Iterator[type[Refusal]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _classes(kind)
