"""What goes over the wire about offers."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from benefits.members.domain import Tier
from benefits.offers.domain import MAX_IMAGE, MAX_STOCK, Content, Price, Sale, Scenario
from marketplace.kernel.money import Money
from marketplace.kernel.text import Text

Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$(?!\n)")]
Units = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_STOCK, description="Units that can be sold; null means without limit.")
]
PerMember = Annotated[
    int, msgspec.Meta(ge=1, le=1000, description="Units that one member may have, ever; null: no limit.")
]
VoucherDays = Annotated[int, msgspec.Meta(ge=1, le=1095, description="Whole days that a voucher is good, after today.")]
Image = Annotated[str, msgspec.Meta(min_length=20, max_length=MAX_IMAGE, description="A picture as SVG text.")]
Tiers = Annotated[tuple[Tier, ...], msgspec.Meta(max_length=4, description="Tiers that may have it; empty: all.")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class OfferIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An offer as a partner registers it. `settlement_price` is what the OEM pays for one unit; null: the contract's."""

    sku: Sku
    scenario: Scenario
    title: Text
    description: Text
    terms: Text
    price: Price
    sale: Sale
    voucher_days: VoucherDays
    stock: Units | None = None
    per_member: PerMember | None = None
    tiers: Tiers = ()
    settlement_price: Money | None = None
    value: Money | None = None
    image: Image | None = None

    def content(self) -> Content:
        """Return what becomes a revision; sku and stock belong to the offer, not to what it says."""
        return Content(
            **{name: getattr(self, name) for name in Content.__struct_fields__},
        )


class StockIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new total of units, sold ones included; null: without limit."""

    stock: Units | None


class ReasonIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; the other side reads it."""

    reason: Reason


class PartnerRef(msgspec.Struct, frozen=True):
    """The partner whose offer it is."""

    id: UUID
    name: Text


class StockView(msgspec.Struct, frozen=True):
    """Units left to sell."""

    remaining: int


class OfferView(msgspec.Struct, frozen=True):
    """An offer as members see it."""

    id: UUID
    revision: int
    partner: PartnerRef
    scenario: Scenario
    title: Text
    description: Text
    terms: Text
    price: Price
    value: Money | None
    stock: StockView | None
    per_member: int | None
    tiers: tuple[Tier, ...]
    status: str
    sale: Sale
    voucher_days: int
    image_url: str | None


class PartnerOfferView(OfferView, frozen=True):
    """An offer as its partner and operations see it."""

    sku: str
    version: int
    settlement_price: Money | None
    sold: int
    reason: str


OfferAction = Literal["submit", "withdraw", "pause", "resume", "end"]
