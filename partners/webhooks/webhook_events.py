"""Webhook events about a partner itself, its contracts, endpoints and people."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.eventlog.webhook_events import SAMPLE_AT, SAMPLE_ID, WebhookEventType
from partners.contracts.events import (
    ContractEnded,
    ContractOffered,
    ContractSigned,
    ContractWithdrawn,
    PayoutAccountChanged,
    PointPackLow,
)
from partners.locations.events import LocationAdded
from partners.registry.domain import PartnerStatus
from partners.registry.events import PartnerStatusChanged
from partners.staff.events import StaffChanged, StaffDisabled, StaffInvited, StaffJoined
from partners.webhooks.events import WebhookEndpointDisabled


class PartnerStatusChangedData(msgspec.Struct, frozen=True):
    """The partner's own status changed; `reason` is the reason given by operations."""

    before: PartnerStatus
    after: PartnerStatus
    changed_at: datetime
    reason: str | None


class LocationAddedData(msgspec.Struct, frozen=True):
    """A location was added."""

    location_id: str
    added_at: datetime


class ContractOfferedData(msgspec.Struct, frozen=True):
    """A version of the contract is waiting for signature."""

    contract_id: UUID
    version: int
    starts_on: date
    ends_on: date | None
    content_hash: str
    offered_at: datetime


class ContractSignedData(msgspec.Struct, frozen=True):
    """Both sides have signed a version of the contract."""

    contract_id: UUID
    version: int
    starts_on: date
    ends_on: date | None
    signed_at: datetime


class ContractWithdrawnData(msgspec.Struct, frozen=True):
    """An offered version was withdrawn."""

    contract_id: UUID
    version: int
    reason: str
    withdrawn_at: datetime


class ContractEndedData(msgspec.Struct, frozen=True):
    """A contract ends before its end date."""

    contract_id: UUID
    version: int
    ends_on: date
    ended_at: datetime


class PayoutAccountChangedData(msgspec.Struct, frozen=True):
    """The payout account changed."""

    last_four: str
    changed_at: datetime


class PointPackLowData(msgspec.Struct, frozen=True):
    """The prepaid balance is low: buy another pack."""

    balance: int
    low_balance_points: int
    at: datetime


class WebhookEndpointDisabledData(msgspec.Struct, frozen=True):
    """The endpoint was disabled: nothing is sent to it until it is enabled again."""

    endpoint_id: UUID
    reason: str
    failing_since: datetime | None
    disabled_at: datetime


class StaffInvitedData(msgspec.Struct, frozen=True):
    """A person was invited; `GET /v1/partner/staff/{id}` returns who it is, with the required scope."""

    staff_id: UUID
    roles: list[str]
    invited_at: datetime


class StaffJoinedData(msgspec.Struct, frozen=True):
    """The person accepted the invitation."""

    staff_id: UUID
    roles: list[str]
    joined_at: datetime


class StaffChangedData(msgspec.Struct, frozen=True):
    """The person's name, roles or locations changed; `roles` are the current ones."""

    staff_id: UUID
    roles: list[str]
    changed_at: datetime


class StaffDisabledData(msgspec.Struct, frozen=True):
    """The person can no longer sign in."""

    staff_id: UUID
    disabled_at: datetime


_DAY = date(2026, 12, 1)

ALL = (
    WebhookEventType(
        PartnerStatusChanged,
        Text("合作方状态变更", "The partner's state changed"),
        PartnerStatusChangedData(PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED, SAMPLE_AT, "投诉未处理"),
    ),
    WebhookEventType(LocationAdded, Text("新增门店", "A location was added"), LocationAddedData("SH-0001", SAMPLE_AT)),
    WebhookEventType(
        ContractOffered,
        Text("合同待签署", "A contract is offered to be signed"),
        ContractOfferedData(SAMPLE_ID, 1, _DAY, None, "0" * 64, SAMPLE_AT),
    ),
    WebhookEventType(
        ContractSigned,
        Text("合同已签署", "A contract was signed"),
        ContractSignedData(SAMPLE_ID, 1, _DAY, None, SAMPLE_AT),
    ),
    WebhookEventType(
        ContractWithdrawn,
        Text("合同已撤回", "A contract was withdrawn"),
        ContractWithdrawnData(SAMPLE_ID, 1, "改用新条款", SAMPLE_AT),
    ),
    WebhookEventType(
        ContractEnded,
        Text("合同提前终止", "A contract ends early"),
        ContractEndedData(SAMPLE_ID, 1, _DAY, SAMPLE_AT),
    ),
    WebhookEventType(
        PayoutAccountChanged,
        Text("付款账户已变更", "The payout account changed"),
        PayoutAccountChangedData("3334", SAMPLE_AT),
    ),
    WebhookEventType(
        PointPackLow,
        Text("预付积分余额不足", "Prepaid points run low"),
        PointPackLowData(980, 1000, SAMPLE_AT),
    ),
    WebhookEventType(
        WebhookEndpointDisabled,
        Text("Webhook 端点已停用", "A webhook endpoint was disabled"),
        WebhookEndpointDisabledData(SAMPLE_ID, "failing", SAMPLE_AT, SAMPLE_AT),
    ),
    WebhookEventType(
        StaffInvited,
        Text("人员已邀请", "Somebody was invited"),
        StaffInvitedData(SAMPLE_ID, ["finance"], SAMPLE_AT),
    ),
    WebhookEventType(
        StaffJoined,
        Text("人员已加入", "Somebody joined"),
        StaffJoinedData(SAMPLE_ID, ["finance"], SAMPLE_AT),
    ),
    WebhookEventType(
        StaffChanged,
        Text("人员信息变更", "Somebody's roles or places changed"),
        StaffChangedData(SAMPLE_ID, ["finance"], SAMPLE_AT),
    ),
    WebhookEventType(
        StaffDisabled, Text("人员已停用", "Somebody's access ended"), StaffDisabledData(SAMPLE_ID, SAMPLE_AT)
    ),
)
