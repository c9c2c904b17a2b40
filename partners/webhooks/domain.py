"""Endpoints and deliveries: states, retry schedule, meaning of a response, signature. Pure.

Signatures and schedule are those of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, 1.0.0).
"""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec

from marketplace.kernel.states import Transitions

MOST_ENDPOINTS = 20
"""The maximum number of endpoints of one partner."""

MAX_GRACE_HOURS = 24
KEPT_DAYS = 30
GIVE_UP_AFTER = timedelta(days=5)
"""An endpoint is disabled after failing for this long without a success."""

DELAYS_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The delay before each attempt in seconds, from the previous one."""

JITTER = 0.1
"""The maximum jitter, as a part of the delay: messages that failed together are not retried together."""

_LONGEST_WAIT = timedelta(hours=24)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_GONE = 410


class EndpointStatus(StrEnum):
    """Whether messages are sent to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    """Nothing is sent or queued. Waiting messages are sent after it is enabled again."""


ENDPOINT: Transitions[EndpointStatus] = Transitions(
    {
        (EndpointStatus.ENABLED, "disable"): EndpointStatus.DISABLED,
        (EndpointStatus.DISABLED, "disable"): EndpointStatus.DISABLED,
        (EndpointStatus.DISABLED, "enable"): EndpointStatus.ENABLED,
        (EndpointStatus.ENABLED, "enable"): EndpointStatus.ENABLED,
        (EndpointStatus.ENABLED, "simulate"): EndpointStatus.ENABLED,
        (EndpointStatus.ENABLED, "resend"): EndpointStatus.ENABLED,
    }
)


class DeliveryStatus(StrEnum):
    """The status of a message to an endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The schedule is exhausted; the message can be resent by hand."""


DELIVERY: Transitions[DeliveryStatus] = Transitions(
    {
        (DeliveryStatus.PENDING, "succeed"): DeliveryStatus.DELIVERED,
        (DeliveryStatus.PENDING, "wait"): DeliveryStatus.PENDING,
        (DeliveryStatus.PENDING, "fail"): DeliveryStatus.FAILED,
        (DeliveryStatus.PENDING, "resend"): DeliveryStatus.PENDING,
        (DeliveryStatus.DELIVERED, "resend"): DeliveryStatus.PENDING,
        (DeliveryStatus.FAILED, "resend"): DeliveryStatus.PENDING,
    }
)


class DeliveryVerdict(msgspec.Struct, frozen=True):
    """The result of an attempt: the delivery's status and next attempt, and the endpoint's failure state."""

    delivery: DeliveryStatus
    due_at: datetime | None
    failing_since: datetime | None
    disable: str | None
    """Why the endpoint is disabled, or None: `gone` or `failing`."""


def judge(
    tries: int,
    status: int | None,
    retry_after: str | None,
    failing_since: datetime | None,
    now: datetime,
    luck: float,
) -> DeliveryVerdict:
    """Return the result of an attempt of a pending delivery; attempts are numbered from 1.

    `status` is None without a response. `luck`, 0 to 1, is the jitter. Everything but 2xx is a failure, redirects included:
    a partner that moves changes the endpoint with us, and the server at the old address is not trusted to.
    """
    if status is not None and 200 <= status < 300:
        return DeliveryVerdict(DELIVERY.after(DeliveryStatus.PENDING, "succeed"), None, None, None)
    since = failing_since or now
    disable = None
    if status == _GONE:
        disable = "gone"
    elif now - since >= GIVE_UP_AFTER:
        disable = "failing"
    due_at = next_try(tries, retry_after, now, luck)
    action = "fail" if due_at is None or status == _GONE else "wait"
    after = DELIVERY.after(DeliveryStatus.PENDING, action)
    return DeliveryVerdict(after, due_at if after is DeliveryStatus.PENDING else None, since, disable)


def next_try(tries: int, retry_after: str | None, now: datetime, luck: float) -> datetime | None:
    """Return when to retry after so many attempts, or None if the schedule is exhausted.

    A Retry-After header can delay it by up to a day, and never advance it.
    """
    if tries >= len(DELAYS_S):
        return None
    due_at = now + timedelta(seconds=DELAYS_S[tries] * (1 + JITTER * luck))
    asked = _asked_for(retry_after, now)
    return due_at if asked is None else max(due_at, min(asked, now + _LONGEST_WAIT))


def _asked_for(retry_after: str | None, now: datetime) -> datetime | None:
    """Return the instant of a Retry-After field (RFC 9110 §10.2.3), or None if it is missing or invalid."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return now + timedelta(seconds=min(int(text), int(_LONGEST_WAIT.total_seconds())))
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def signed_content(message_id: str, at: datetime, body: bytes) -> bytes:
    """Return the signed content: id, Unix time and body, joined by dots."""
    return f"{message_id}.{int(at.timestamp())}.".encode() + body


def signature_v1(secret: bytes, content: bytes) -> str:
    """Return the symmetric signature for `webhook-signature`."""
    return "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def shown_secret(secret: bytes) -> str:
    """Return the secret in the format of the Standard Webhooks libraries."""
    return "whsec_" + base64.b64encode(secret).decode()
