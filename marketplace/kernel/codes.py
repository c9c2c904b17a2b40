"""Voucher codes: twelve characters that a person can read out and that contain their bucket.

Two characters of bucket, nine random ones (45 bits), one check character, in Crockford's base 32
(https://www.crockford.com/base32.html): no I, L, O or U; O is read as 0, and I and L as 1.
"""

import secrets
from operator import mul

from marketplace.kernel.typed_text import typed_plain

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_LENGTH = 12
# Prime: a check value is a weighted sum modulo it, which detects any single wrong letter and any swap of two neighbours.
_MODULUS = 31
_WEIGHTS = range(1, _LENGTH)
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


class UnreadableCodeError(ValueError):
    """The text is not a voucher code: wrong length, a foreign letter, or a wrong check character."""


CODE_BITS = 45
"""Randomness in a code."""


def new_code(bucket: int, drawn: int | None = None) -> str:
    """Return a new code of that bucket, grouped as `XXXX-XXXX-XXXX`. `drawn` is its randomness, if already drawn."""
    drawn = secrets.randbits(CODE_BITS) if drawn is None else drawn
    pairs = [_PAIRS[drawn >> shift & 1023] for shift in (35, 25, 15, 5)]
    body = "".join((_PAIRS[bucket], *pairs, _ALPHABET[drawn & 31]))
    return _grouped(body + _check(body))


def read_code(text: str) -> tuple[str, int]:
    """Return the code in its stored form, and its bucket, from what a person typed. Raises UnreadableCodeError."""
    letters = typed_plain(text).upper().translate(_READ_AS)
    if len(letters) != _LENGTH or any(letter not in _VALUES for letter in letters):
        raise UnreadableCodeError(text)
    if _check(letters[:-1]) != letters[-1]:
        raise UnreadableCodeError(text)
    return _grouped(letters), _VALUES[letters[0]] << 5 | _VALUES[letters[1]]


def _check(body: str) -> str:
    total = sum(map(mul, _WEIGHTS, map(_VALUES.__getitem__, body)))
    return _ALPHABET[total % _MODULUS]


def _grouped(letters: str) -> str:
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
