"""Search terms of a text, in any script. Texts and queries are folded the same way.

PostgreSQL's own parser keeps a Chinese run whole and trigrams need three characters, so neither finds 酒店; bigrams in an array
under a GIN index do. Scripts without spaces give each character and each pair of neighbours; others give whole words.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_MAX_TERM = 30

_RUN_ON = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd\u3005-\u3007"  # Han, with its repetition marks and zero
    "\u3041-\u309f\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e"  # Hangul
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
)
_RUN = re.compile(f"[{_RUN_ON}]+|[^\\W_{_RUN_ON}]+")
_IS_RUN_ON = re.compile(f"[{_RUN_ON}]")

_ACCENTED = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC")  # the last two: points that indicate pronunciation
_NOT_TAKEN_APART = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ё": "е"}
)
"""Letters that Unicode does not decompose into a letter and an accent, and that people type without the accent."""

_KATAKANA = {ord(letter): ord(letter) - 0x60 for letter in map(chr, range(0x30A1, 0x30F7))}


def search_terms(text: str) -> list[str]:
    """Return the index terms of a text, sorted and distinct."""
    terms: set[str] = set()
    for run in _runs(text):
        if _IS_RUN_ON.match(run):
            terms.update(run)
            terms.update(_pairs(run))
        else:
            terms.add(run[:_MAX_TERM])
    return sorted(terms)


@lru_cache(maxsize=4096)
def query_terms(query: str) -> tuple[str, ...]:
    """Return the terms that a matching text must all have: of a run without spaces, two or more characters, its pairs only."""
    terms: set[str] = set()
    for run in _runs(query):
        if _IS_RUN_ON.match(run):
            terms.update(_pairs(run) or [run])
        else:
            terms.add(run[:_MAX_TERM])
    return tuple(sorted(terms))


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)]


def _runs(text: str) -> Iterator[str]:
    return iter(_RUN.findall(folded(text)))


def folded(text: str) -> str:
    """Return the text folded for comparison: compatibility forms, case, accents and the two kana make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return plain
    return _without_accents(plain).translate(_NOT_TAKEN_APART).translate(_KATAKANA)


def _without_accents(text: str) -> str:
    # Strip real accents only: the mark of ガ changes the sound, and Hangul would decompose into its letters.
    kept: list[str] = []
    accented = False
    for letter in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(letter):
            accented = _takes_accents(letter)
        elif accented:
            continue
        kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


@lru_cache(maxsize=4096)
def _takes_accents(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(_ACCENTED)
