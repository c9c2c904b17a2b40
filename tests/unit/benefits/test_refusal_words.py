"""Every reason against a redemption has words in both languages, without the codes that programs read."""

import pytest

from benefits.offers.domain import OfferStatus
from benefits.redemptions.domain import RefusalReason

NOT_ON_SALE = [
    *(status.value for status in OfferStatus if status is not OfferStatus.LIVE),
    "partner_not_active",
    "not_started",
    "no_contract",
]


@pytest.mark.parametrize("found", NOT_ON_SALE)
def test_why_an_offer_is_not_on_sale_is_said_in_words(found: str) -> None:
    for language in ("zh-CN", "en"):
        words = RefusalReason("not_on_sale", "live", found).message(language)
        assert words
        assert "_" not in words
        assert "{" not in words
    assert RefusalReason("not_on_sale", "live", found).message("en") != RefusalReason(
        "not_on_sale", "live", found
    ).message("zh-CN")
