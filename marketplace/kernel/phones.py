"""Telephone numbers as people write them, stored in the international form (ITU-T E.123): `+86 21 5555 0101`.

A number without a country code is Chinese. Spaces, dashes, brackets, full-width digits and an extension (`转 123`, `ext. 123`)
are understood.
"""

import re

import phonenumbers

from marketplace.kernel.letters import Words
from marketplace.kernel.typed_text import typed_plain

_REGION = "CN"
_EXTENSION = re.compile(r"\s*(?:转|轉|分机)\s*:?\s*(?=[0-9]+$)")
_LIKE_A_NUMBER = re.compile(r"(?:[0-9+() ./#:~-]|ext|x)*", re.IGNORECASE)

_NO_NUMBER = (
    "须为有效的电话号码，座机含区号，如 138 0013 8000 或 021 5555 0101；境外号码以 + 和国家代码开头。",
    "must be a telephone number that exists, with its area code, such as 138 0013 8000 or 021 5555 0101;"
    " numbers outside China begin with + and the country's code.",
)


def phone_number(text: str) -> str | None:
    """Return the number in its international form, or None if no such number can exist."""
    plain = _EXTENSION.sub(" ext. ", typed_plain(text))
    if not _LIKE_A_NUMBER.fullmatch(plain):  # no letters for digits (1-800-FLOWERS), and no words around a number
        return None
    try:
        number = phonenumbers.parse(plain, _REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) and not _is_hotline(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def phone_refusal(text: str) -> Words | None:
    """Return why the text is no telephone number, in both languages, or None."""
    return _NO_NUMBER if text and phone_number(text) is None else None


def _is_hotline(number: phonenumbers.PhoneNumber) -> bool:
    """Return whether it is a Chinese short number, such as a bank's 95588."""
    return number.country_code == phonenumbers.country_code_for_region(_REGION) and bool(
        phonenumbers.is_valid_short_number_for_region(number, _REGION)
    )
