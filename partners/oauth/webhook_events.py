"""Webhook events about a partner's client credentials, and the applications that act for it."""

from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.eventlog.webhook_events import SAMPLE_AT, SAMPLE_ID, WebhookEventType
from partners.oauth.events import (
    CredentialExpiring,
    CredentialReused,
    CredentialRevoked,
    CredentialRotated,
    GrantGiven,
    GrantRevoked,
)


class CredentialExpiringData(msgspec.Struct, frozen=True):
    """A client's secret expires soon. Rotate it before."""

    client_id: str
    secret_id: UUID
    expires_at: datetime


class CredentialRotatedData(msgspec.Struct, frozen=True):
    """A client has a new secret; the old ones stay valid until `old_until`."""

    client_id: str
    secret_id: UUID
    old_until: datetime
    rotated_at: datetime


class CredentialRevokedData(msgspec.Struct, frozen=True):
    """A client was revoked."""

    client_id: str
    revoked_at: datetime


class CredentialReusedData(msgspec.Struct, frozen=True):
    """A revoked or expired secret was used."""

    client_id: str
    secret_id: UUID
    reused_at: datetime


class GrantGivenData(msgspec.Struct, frozen=True):
    """An application may act for the partner."""

    grant_id: UUID
    client_id: str
    scopes: list[str]
    given_at: datetime


class GrantRevokedData(msgspec.Struct, frozen=True):
    """An application may no longer act for the partner."""

    grant_id: UUID
    client_id: str
    reason: str
    revoked_at: datetime


_CLIENT = "partner_5f2c6c0e9a1b4d7e8f300112"

ALL = (
    WebhookEventType(
        CredentialExpiring,
        Text("客户端密钥即将到期", "A client secret ends soon"),
        CredentialExpiringData(_CLIENT, SAMPLE_ID, SAMPLE_AT),
    ),
    WebhookEventType(
        CredentialRotated,
        Text("客户端密钥已更换", "A client has a new secret"),
        CredentialRotatedData(_CLIENT, SAMPLE_ID, SAMPLE_AT, SAMPLE_AT),
    ),
    WebhookEventType(
        CredentialRevoked,
        Text("客户端已撤销", "A client was revoked"),
        CredentialRevokedData(_CLIENT, SAMPLE_AT),
    ),
    WebhookEventType(
        CredentialReused,
        Text("失效的客户端密钥被再次使用", "A secret that works no longer was tried"),
        CredentialReusedData(_CLIENT, SAMPLE_ID, SAMPLE_AT),
    ),
    WebhookEventType(
        GrantGiven,
        Text("已授权第三方应用", "An application was allowed to act"),
        GrantGivenData(SAMPLE_ID, _CLIENT, ["offers:read"], SAMPLE_AT),
    ),
    WebhookEventType(
        GrantRevoked,
        Text("第三方应用授权已终止", "An application may act no longer"),
        GrantRevokedData(SAMPLE_ID, _CLIENT, "withdrawn", SAMPLE_AT),
    ),
)
