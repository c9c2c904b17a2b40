"""Money: whole minor units of a named currency. No floats, ever."""

from typing import Annotated

import msgspec

from marketplace.kernel.text import marked

MAX_MINOR = 10**13
"""The largest single amount, in minor units (100 billion yuan): far above any real one, far below a bigint's end."""

AmountMinor = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR, description="Amount in minor units (fen for CNY).")]
Currency = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Z]{3}$(?!\n)",
        description="ISO 4217 code.",
        examples=["CNY"],
        extra=marked(words=("币种代码，如 CNY", "the code of a currency, such as CNY")),
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


def format_minor(amount_minor: int) -> str:
    """Return the amount with two decimals, as exports and pages print it: `12900` is `129.00`."""
    sign = "-" if amount_minor < 0 else ""
    whole, cents = divmod(abs(amount_minor), 100)
    return f"{sign}{whole}.{cents:02d}"
