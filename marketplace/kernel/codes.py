"""Voucher codes: twelve characters that a person can read out, and that carry their bucket.

Two characters of bucket, nine random ones (45 bits), one check character, in Crockford's base 32
(https://www.crockford.com/base32.html): no I, L, O or U; O is read as 0, and I and L as 1.
"""

import secrets
from operator import mul

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_LENGTH = 12
# A prime: a check value is a weighted sum modulo it, which finds any one wrong letter and any two neighbours swapped.
_MODULUS = 31
_WEIGHTS = range(1, _LENGTH)
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# What each pair adds to the weighted sum, in each place that a pair may have: a code is made for every redemption.
_SUMS = [
    [weight * first + (weight + 1) * second for first in range(32) for second in range(32)]
    for weight in _WEIGHTS[:-1:2]
]


class UnreadableCodeError(ValueError):
    """The text is not a voucher code: wrong length, a foreign letter, or a wrong check character."""


CODE_BITS = 45
"""Randomness in a code."""


def new_code(bucket: int, drawn: int | None = None) -> str:
    """Return a fresh code of that bucket, grouped as `XXXX-XXXX-XXXX`; `drawn` is its randomness, if it was drawn before."""
    drawn = secrets.randbits(CODE_BITS) if drawn is None else drawn
    a, b, c, d, last = drawn >> 35 & 1023, drawn >> 25 & 1023, drawn >> 15 & 1023, drawn >> 5 & 1023, drawn & 31
    of_bucket, of_a, of_b, of_c, of_d = _SUMS
    total = of_bucket[bucket] + of_a[a] + of_b[b] + of_c[c] + of_d[d] + _WEIGHTS[-1] * last
    check = _ALPHABET[total % _MODULUS]
    return f"{_PAIRS[bucket]}{_PAIRS[a]}-{_PAIRS[b]}{_PAIRS[c]}-{_PAIRS[d]}{_ALPHABET[last]}{check}"


def read_code(text: str) -> tuple[str, int]:
    """Return the code as it is stored and its bucket, however a person typed it.

    Raises UnreadableCodeError.
    """
    letters = text.strip().upper().translate(_READ_AS)
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
