"""What a person types from paper or a screen, normalized before it is compared: codes, second factors, addresses.

A Chinese keyboard types full-width letters and digits, its own dashes and stops, and wide spaces; text copied from a chat
contains invisible characters. None of them is ever meant.
(Unicode's compatibility composition, UAX #15; dashes are category Pd.)
"""

import unicodedata

from marketplace.kernel.letters import is_hidden

_MORE_DASHES = "\u2212\u30fc\u2043\u02d7"  # minus, the long vowel of kana, the hyphen bullet, the modifier minus


def typed_plain(text: str) -> str:
    """Return the normalized text: no full-width forms, one sort of dash, single spaces, nothing invisible."""
    if not text.isascii():
        text = "".join(map(_plain, unicodedata.normalize("NFKC", text)))
    return " ".join(text.split())


def typed_address(text: str) -> str:
    """Return a normalized mail address in lower case: without spaces, and with dots for Chinese full stops."""
    return typed_plain(text).replace(" ", "").replace("\u3002", ".").lower()


def _plain(letter: str) -> str:
    if letter.isascii():
        return letter
    category = unicodedata.category(letter)
    if category == "Pd" or letter in _MORE_DASHES:
        return "-"
    if letter.isspace():
        return " "
    return "" if category in {"Cf", "Cc"} or is_hidden(letter) else letter
