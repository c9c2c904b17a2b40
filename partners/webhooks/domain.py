"""Endpoints and deliveries: their states, the schedule, what an answer means, and the signature. Pure.

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
"""Endpoints of one partner."""

MAX_GRACE_HOURS = 24
KEPT_DAYS = 30
GIVE_UP_AFTER = timedelta(days=5)
"""An endpoint that has failed for so long without one success is disabled."""

DELAYS_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each try, counted from the one before."""

JITTER = 0.1
"""A delay is longer by up to this part of it, so that what failed together does not come back together."""

_LONGEST_WAIT = timedelta(hours=24)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_GONE = 410


class EndpointStatus(StrEnum):
    """Whether an endpoint is sent to."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    """Nothing is sent, and nothing new is laid up for it; what waits goes on when it is enabled again."""


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
    """Where one message to one endpoint stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The schedule is used up; it can be sent again by hand."""


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
    """What a try changes: the delivery's state and next try, and how its endpoint stands now."""

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
    """Return what follows from the try with that number, counted from 1, of a delivery that is pending.

    `status` is None when there was no answer. `luck`, 0 to 1, is the jitter's. Anything but 2xx is a failure, redirects too:
    whoever moves says so to us, not to whatever stands at the old address.
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
    """Return when to try again after so many tries, or None when the schedule is used up.

    A Retry-After of the other side can make it later, up to a day, and never earlier.
    """
    if tries >= len(DELAYS_S):
        return None
    due_at = now + timedelta(seconds=DELAYS_S[tries] * (1 + JITTER * luck))
    asked = _asked_for(retry_after, now)
    return due_at if asked is None else max(due_at, min(asked, now + _LONGEST_WAIT))


def _asked_for(retry_after: str | None, now: datetime) -> datetime | None:
    """Return the instant of a Retry-After field (RFC 9110 §10.2.3), or None for none that can be read."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return now + timedelta(seconds=min(int(text), int(_LONGEST_WAIT.total_seconds())))
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def signed_content(message_id: str, at: datetime, body: bytes) -> bytes:
    """Return what is signed: id, Unix second and body, with dots between them."""
    return f"{message_id}.{int(at.timestamp())}.".encode() + body


def signature_v1(secret: bytes, content: bytes) -> str:
    """Return the symmetric signature as it stands in `webhook-signature`."""
    return "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def shown_secret(secret: bytes) -> str:
    """Return the secret as the libraries of Standard Webhooks take it."""
    return "whsec_" + base64.b64encode(secret).decode()
