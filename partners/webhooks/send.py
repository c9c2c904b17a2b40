"""Sends deliveries: claimed in one transaction, sent outside of any, recorded in another.

The claims of a crashed sender expire; the message is then sent again under the same id, by which a receiver detects the
duplicate. Each of several senders skips what another has claimed.

All times are the database's, one clock for all senders, and not a sandbox's: receivers compare the signature's time with their
own. The time of the event is in the message.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import KeyRing
from marketplace.platform.eventlog.events import publish
from marketplace.platform.outbound.guard import Outbound, OutboundError, OutboundResponse
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.platform.postgres.database_time import database_time
from marketplace.platform.sleep import interruptible_sleep
from partners.webhooks.domain import DeliveryStatus, DeliveryVerdict, EndpointStatus, judge
from partners.webhooks.events import WebhookEndpointDisabled
from partners.webhooks.signing import message_headers, open_keys
from partners.webhooks.tables import WebhookAttemptRow

AT_ONCE = 32
"""The maximum number of concurrent requests of one process."""

OF_ONE_ENDPOINT = 4
"""The same for one endpoint, in all processes: a slow receiver must not delay the partner's others."""

OF_ONE_PARTNER = 8
"""The same for all endpoints of one partner, in all processes: a partner with slow receivers must not delay others."""

_CLAIM = timedelta(seconds=60)
"""The duration of a claim, well beyond the ten seconds of a request."""

_IDLE_S = 0.5
_RETRY_S = 2.0
_MOST_ANSWER = 2000

logger = structlog.get_logger()

_PARTNERS = """
SELECT p.id FROM partner p
WHERE EXISTS (
    SELECT FROM webhook_endpoint e JOIN webhook_delivery d ON d.endpoint_id = e.id
    WHERE e.partner_id = p.id AND e.status = 'enabled'
    AND d.status = 'pending' AND d.due_at <= $1 AND (d.claimed_until IS NULL OR d.claimed_until <= $1)
    AND (p.status <> 'terminated' OR d.type = 'partner.status_changed')
)
ORDER BY p.id FOR NO KEY UPDATE SKIP LOCKED
"""
"""Locks the partners with due deliveries: counting requests in progress and claiming more must not run concurrently. A partner
that is locked by another sender is skipped until the next claim.
"""

_TAKE = """
WITH under_way AS (
    SELECT e.partner_id, d.endpoint_id, count(*) AS so_many FROM webhook_delivery d
    JOIN webhook_endpoint e ON e.id = d.endpoint_id AND e.partner_id = ANY($2::uuid[])
    WHERE d.status = 'pending' AND d.claimed_until > $1 GROUP BY 1, 2
), due AS (
    SELECT d.id, d.due_at, e.partner_id FROM webhook_endpoint e
    JOIN partner p ON p.id = e.partner_id
    CROSS JOIN LATERAL (
        SELECT id, due_at FROM webhook_delivery
        WHERE endpoint_id = e.id AND status = 'pending' AND due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
        AND (p.status <> 'terminated' OR type = 'partner.status_changed')
        ORDER BY due_at
        LIMIT greatest(0, $4 - coalesce((SELECT so_many FROM under_way u WHERE u.endpoint_id = e.id), 0))
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE e.status = 'enabled' AND e.partner_id = ANY($2::uuid[])
), turns AS (
    SELECT id, due_at, row_number() OVER (PARTITION BY partner_id ORDER BY due_at)
        + coalesce((SELECT sum(so_many) FROM under_way u WHERE u.partner_id = due.partner_id), 0) AS turn FROM due
), taken AS (
    SELECT id FROM turns WHERE turn <= $5 ORDER BY turn, due_at LIMIT $3
)
UPDATE webhook_delivery d SET claim = $6, claimed_until = $1 + $7::interval FROM taken, webhook_endpoint e
WHERE d.id = taken.id AND e.id = d.endpoint_id
RETURNING d.id, d.endpoint_id, d.message_id, d.body, d.claim, e.partner_id, e.url,
    e.keys_sealed, ARRAY(SELECT keys_sealed FROM webhook_old_keys o WHERE o.endpoint_id = e.id AND o.until > $1
                         ORDER BY o.until DESC, o.id) AS old_keys
"""
"""Partners take turns, those with the fewest requests in progress first: one partner's backlog must not delay others.
A terminated partner is sent only `partner.status_changed`.
"""


class Sender:
    """Sends due deliveries."""

    def __init__(
        self, outbound: Outbound, ring: KeyRing, clock: Clock, luck: Callable[[], float] = random.random
    ) -> None:
        """Set up; `luck` returns the jitter of each delay, 0 to 1. Only tests move `clock`."""
        self._outbound = outbound
        self._ring = ring
        self._clock = clock
        self._luck = luck

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and finish the requests in progress."""
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            try:
                rows = await self.claim(AT_ONCE - len(under_way)) if len(under_way) < AT_ONCE else []
            except Exception as error:
                if is_connection_lost(error):
                    logger.warning("webhooks_wait_for_database", error=repr(error))
                else:
                    logger.exception("webhooks_interrupted")
                await interruptible_sleep(stop, _RETRY_S)
                continue
            for row in rows:
                task = asyncio.create_task(self._deliver_and_log(row))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if not rows:
                await interruptible_sleep(stop, _IDLE_S)
        if under_way:
            await asyncio.wait(under_way)

    async def once(self) -> int:
        """Send the deliveries that are due now and return their number."""
        rows = await self.claim(AT_ONCE)
        await asyncio.gather(*(self.deliver(row) for row in rows))
        return len(rows)

    async def claim(self, most: int) -> list[Any]:
        """Claim due deliveries and return them with the data for sending, partners in turn."""
        async with unit_of_work() as work:
            now = await self._now(work)
            partners = [row["id"] for row in await work.fetch(_PARTNERS, now)]
            if not partners:
                return []
            return await work.fetch(_TAKE, now, partners, most, OF_ONE_ENDPOINT, OF_ONE_PARTNER, uuid4(), _CLAIM)

    async def deliver(self, row: Any) -> None:
        """Send one claimed delivery and record the result."""
        at = self._clock.now()
        keys = [open_keys(self._ring, sealed) for sealed in (row["keys_sealed"], *row["old_keys"])]
        body = row["body"].encode()
        headers = message_headers(str(row["message_id"]), at, body, keys)
        headers["Content-Type"] = "application/json"
        result: OutboundResponse | OutboundError
        try:
            result = await self._outbound.send(
                "POST",
                row["url"],
                headers=headers,
                content=body,
                want=["retry-after"],
                whose=str(row["partner_id"]),
            )
        except OutboundError as error:
            result = error
        async with unit_of_work() as work:
            await self._record(work, row, at, headers["webhook-signature"], result)

    async def _now(self, work: UnitOfWork) -> datetime:
        return await database_time(work, self._clock)

    async def _record(
        self, work: UnitOfWork, row: Any, at: datetime, signature: str, result: OutboundResponse | OutboundError
    ) -> None:
        now = await self._now(work)
        endpoint = await work.fetchrow(
            "SELECT partner_id, status, failing_since FROM webhook_endpoint WHERE id = $1 FOR UPDATE",
            row["endpoint_id"],
        )
        delivery = await work.fetchrow(
            "SELECT tries FROM webhook_delivery WHERE id = $1 AND claim = $2 AND status = 'pending' FOR UPDATE",
            row["id"],
            row["claim"],
        )
        if endpoint is None or delivery is None:  # deleted meanwhile, or our claim expired and another sender has it
            return
        answer = result if isinstance(result, OutboundResponse) else None
        verdict = judge(
            delivery["tries"] + 1,
            answer.status if answer else None,
            answer.headers.get("retry-after") if answer else None,
            endpoint["failing_since"],
            now,
            self._luck(),
        )
        number = await work.fetchval(
            "UPDATE webhook_delivery SET status = $2, tries = tries + 1, attempts = attempts + 1, due_at = $3, claim = NULL,"
            " claimed_until = NULL, ended_at = $4 WHERE id = $1 RETURNING attempts",
            row["id"],
            verdict.delivery,
            verdict.due_at,
            None if verdict.delivery is DeliveryStatus.PENDING else now,
        )
        await work.run(
            WebhookAttemptRow.insert(
                WebhookAttemptRow(
                    delivery_id=row["id"],
                    number=number,
                    at=at,
                    url=row["url"],
                    signature=signature,
                    status=answer.status if answer else None,
                    answer=_readable(answer.body) if answer else "",
                    reason=None if isinstance(result, OutboundResponse) else str(result.reason),
                    elapsed_ms=answer.elapsed_ms if answer else round((now - at).total_seconds() * 1000),
                )
            )
        )
        await _move_endpoint(work, row["endpoint_id"], endpoint, verdict, now)

    async def _deliver_and_log(self, row: Any) -> None:
        try:
            await self.deliver(row)
        except Exception as error:  # the claim expires, and the message is sent again
            logger.warning(
                "webhook_not_recorded",
                delivery=str(row["id"]),
                error=repr(error),
                exc_info=not is_connection_lost(error),
            )


async def _move_endpoint(
    work: UnitOfWork, endpoint_id: UUID, endpoint: Any, verdict: DeliveryVerdict, now: datetime
) -> None:
    disable = verdict.disable if endpoint["status"] == EndpointStatus.ENABLED else None
    if disable is None and verdict.failing_since == endpoint["failing_since"]:
        return
    await work.execute(
        "UPDATE webhook_endpoint SET failing_since = $2, status = CASE WHEN $3::text IS NULL THEN status ELSE 'disabled' END,"
        " disabled_reason = coalesce($3, disabled_reason),"
        " version = version + CASE WHEN $3::text IS NULL THEN 0 ELSE 1 END WHERE id = $1",
        endpoint_id,
        verdict.failing_since,
        disable,
    )
    if disable is not None:
        disabled = WebhookEndpointDisabled(endpoint["partner_id"], endpoint_id, disable, verdict.failing_since, now)
        await publish(work, [disabled], now)


def _readable(body: bytes) -> str:
    """Return the beginning of a response as text that the database accepts."""
    return body[:_MOST_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")
