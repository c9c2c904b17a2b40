"""The webhook events of a partner's offers and their redemptions; they never name the member."""

from datetime import datetime
from uuid import UUID

import msgspec

from benefits.offers.domain import OfferStatus
from benefits.offers.events import OfferChanged
from benefits.points.events import PointsGranted
from benefits.redemptions.events import (
    RedemptionCancelled,
    RedemptionIssued,
    VoucherExpired,
    VoucherUsed,
    VoucherUseUndone,
)
from marketplace.kernel.text import Text
from marketplace.platform.eventlog.webhook_events import SAMPLE_AT, SAMPLE_ID, SAMPLE_REFERENCE, WebhookEventType


class OfferChangedData(msgspec.Struct, frozen=True):
    """An offer took a step."""

    offer_id: UUID
    revision: int
    action: str
    status: OfferStatus
    reason: str
    at: datetime


class RedemptionIssuedData(msgspec.Struct, frozen=True):
    """A member holds a voucher for the offer."""

    redemption_id: UUID
    voucher_id: UUID
    member_reference: str
    offer_id: UUID
    revision: int
    quantity: int
    points: int
    issued_at: datetime


class RedemptionCancelledData(msgspec.Struct, frozen=True):
    """The voucher is void."""

    redemption_id: UUID
    voucher_id: UUID
    member_reference: str
    offer_id: UUID
    revision: int
    quantity: int
    cancelled_at: datetime


class VoucherUsedData(msgspec.Struct, frozen=True):
    """The voucher was taken."""

    redemption_id: UUID
    voucher_id: UUID
    member_reference: str
    offer_id: UUID
    revision: int
    quantity: int
    location_id: str
    reference: str
    used_at: datetime


class VoucherUseUndoneData(msgspec.Struct, frozen=True):
    """A use was taken back; the voucher can be used again."""

    redemption_id: UUID
    voucher_id: UUID
    member_reference: str
    offer_id: UUID
    revision: int
    quantity: int
    location_id: str
    reference: str
    undone_at: datetime


class PointsGrantedData(msgspec.Struct, frozen=True):
    """Points were credited in the partner's name."""

    member_reference: str
    reference: str
    points: int
    pack_balance: int | None
    granted_at: datetime


class VoucherExpiredData(msgspec.Struct, frozen=True):
    """Nobody used the voucher in time."""

    redemption_id: UUID
    voucher_id: UUID
    member_reference: str
    offer_id: UUID
    expired_at: datetime


_IDS = (SAMPLE_ID, SAMPLE_ID, SAMPLE_REFERENCE, SAMPLE_ID)

ALL = (
    WebhookEventType(
        OfferChanged,
        Text("优惠状态变更", "An offer took a step"),
        OfferChangedData(SAMPLE_ID, 1, "approve", OfferStatus.LIVE, "", SAMPLE_AT),
    ),
    WebhookEventType(
        RedemptionIssued,
        Text("会员已兑换", "A member redeemed an offer"),
        RedemptionIssuedData(*_IDS, 1, 1, 2600, SAMPLE_AT),
    ),
    WebhookEventType(
        RedemptionCancelled,
        Text("兑换已取消", "A redemption was cancelled"),
        RedemptionCancelledData(*_IDS, 1, 1, SAMPLE_AT),
    ),
    WebhookEventType(
        VoucherUsed,
        Text("券已核销", "A voucher was used"),
        VoucherUsedData(*_IDS, 1, 1, "SH-0001", "POS-42", SAMPLE_AT),
    ),
    WebhookEventType(
        VoucherUseUndone,
        Text("核销已撤销", "A use was undone"),
        VoucherUseUndoneData(*_IDS, 1, 1, "SH-0001", "POS-42", SAMPLE_AT),
    ),
    WebhookEventType(
        PointsGranted,
        Text("积分已发放", "Points were granted"),
        PointsGrantedData(SAMPLE_REFERENCE, "ORDER-7", 200, 9_800, SAMPLE_AT),
    ),
    WebhookEventType(VoucherExpired, Text("券已过期", "A voucher expired"), VoucherExpiredData(*_IDS, SAMPLE_AT)),
)
