"""Money: whole minor units of a named currency. Never floats."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import msgspec
from iso4217 import Currency as IsoCurrency

from marketplace.kernel.text import marked

MAX_MINOR = 10**13
"""The largest single amount, in minor units (100 billion yuan): far above any real one, far below the limit of a bigint."""

AmountMinor = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_MINOR, description="Amount in minor units: fen for CNY, whole yen for JPY.")
]
EXPONENTS: dict[str, int] = {one.code: one.exponent for one in IsoCurrency if one.exponent is not None}
"""Currency -> number of decimals, from ISO 4217.

Metals, units of account, and the codes for tests and for no currency have no minor unit there; they are not accepted.
"""

Currency = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?:{'|'.join(sorted(EXPONENTS))})$(?!\n)",
        description="ISO 4217 code of a currency that has a minor unit.",
        examples=["CNY"],
        extra=marked(words=("ISO 4217 币种代码，如 CNY", "the ISO 4217 code of a currency, such as CNY")),
    ),
]

PPM = 1_000_000


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units and its currency: `{"amount": 12900, "currency": "CNY"}` is 129.00 yuan."""

    amount: AmountMinor
    currency: Currency = "CNY"


def tax_included(gross_minor: int, rate_ppm: int) -> int:
    """Return the tax contained in a gross amount, in minor units, rounded half up.

    tax = gross × rate ÷ (1 + rate), the rate in parts per million. China's VAT law quotes prices tax-inclusive and
    computes tax from the net amount, gross ÷ (1 + rate) × rate (Interim Regulations on VAT, art. 5 and 6).
    """
    divisor = PPM + rate_ppm
    return (2 * gross_minor * rate_ppm + divisor) // (2 * divisor)


def in_units(amount_minor: int, currency: str) -> Decimal:
    """Return the amount in units of the currency, exactly, with all its decimals: 12900 is 129.00 CNY and 12900 JPY."""
    return Decimal(amount_minor).scaleb(-EXPONENTS[currency])


@lru_cache(maxsize=4096)
def format_amount(amount_minor: int, currency: str) -> str:
    """Return the amount with all decimals of its currency, as exports print it: `129.00` for CNY, `12900` for JPY."""
    return f"{in_units(amount_minor, currency):f}"
