"""What goes over the wire about offers."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from benefits.members.domain import Tier
from benefits.offers.domain import MAX_IMAGE, MAX_STOCK, CodeSource, MemberLimit, OfferContent, OfferStatus, Price, Sale
from marketplace.kernel.money import Money
from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.text import Text, Title, marked

Sku = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]+$(?!\n)",
        extra=marked(
            words=(" 1 至 64 个字母、数字、点、下划线或连字符", "1 to 64 letters, digits, dots, underscores or hyphens")
        ),
    ),
]
Units = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_STOCK, description="Units that can be sold; null means without limit.")
]
PerMember = Annotated[
    int, msgspec.Meta(ge=1, le=1000, description="Units that one member may have, ever; null: no limit.")
]
VoucherDays = Annotated[int, msgspec.Meta(ge=1, le=1095, description="Whole days that a voucher is good, after today.")]
Image = Annotated[
    str, msgspec.Meta(min_length=20, max_length=MAX_IMAGE, description="A picture as SVG text.", extra=marked("raw"))
]
Tiers = Annotated[tuple[Tier, ...], msgspec.Meta(max_length=4, description="Tiers that may have it; empty: all.")]
Limits = Annotated[
    tuple[MemberLimit, ...],
    msgspec.Meta(max_length=5, description="What one member may have in each window; `per_member` is the window ever."),
]
Codes = Annotated[
    CodeSource,
    msgspec.Meta(
        description="`partner`: each unit also hands out one of the codes that you upload; they are the stock."
    ),
]
RejectionReason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, extra=marked("paragraphs"))]
UploadedCode = Annotated[
    str,
    msgspec.Meta(
        min_length=4,
        max_length=64,
        pattern=r"^[\x21-\x7e]+$(?!\n)",
        extra=marked(
            words=(" 4 至 64 个可见的 ASCII 字符，不含空格", "4 to 64 visible ASCII characters without blanks")
        ),
    ),
]

MAX_CODES = 10_000


class OfferInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An offer as a partner registers it. `settlement_price` is what the OEM pays for one unit; null: the contract's."""

    sku: Sku
    scenario: Scenario
    title: Title
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
    limits: Limits = ()
    codes: Codes = "ours"

    def content(self) -> OfferContent:
        """Return what becomes a revision; sku and stock belong to the offer, not to what it says."""
        return OfferContent(
            **{name: getattr(self, name) for name in OfferContent.__struct_fields__},
        )


class StockInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new total of units, sold ones included; null: without limit."""

    stock: Units | None


class CodesInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The partner's own codes, handed out in this order; each at most once for one offer."""

    codes: Annotated[list[UploadedCode], msgspec.Meta(min_length=1, max_length=MAX_CODES)]


class SkippedCode(msgspec.Struct, frozen=True):
    """A code that was not added: its place in the call from 0, and why.

    `repeated`: it stands in the call before; `uploaded_before`: for this offer; `uploaded_for_other_offer`: for `offer_id`.
    """

    index: int
    code: str
    reason: Literal["repeated", "uploaded_before", "uploaded_for_other_offer"]
    offer_id: UUID | None = None


class CodesView(msgspec.Struct, frozen=True):
    """How many codes came new, how many did not, which and why, and how many wait to be handed out."""

    added: int
    known: int
    remaining: int
    skipped: list[SkippedCode] = []


class ReasonInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; the other side reads it."""

    reason: RejectionReason


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
    limits: tuple[MemberLimit, ...]
    tiers: tuple[Tier, ...]
    status: OfferStatus
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
    codes: CodeSource


OfferAction = Literal["submit", "withdraw", "pause", "resume", "end"]
