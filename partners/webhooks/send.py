"""Deliveries on their way: claimed in one transaction, sent outside of any, recorded in another.

A sender that dies leaves its claims, which end by themselves; the message is then sent again under the same id, which is how a
receiver knows it. Of several senders each passes by what another has claimed.

All of it goes by the database's time, one clock for all senders, and never by a sandbox's own: receivers hold the signature's
time against theirs. What happened, and when, is the message's business.
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
"""Requests under way in one process."""

OF_ONE_ENDPOINT = 4
"""And of those to one endpoint, in all processes: one slow receiver must not hold up the partner's others."""

OF_ONE_PARTNER = 8
"""And to all endpoints of one partner, in all processes: a partner whose every receiver is slow holds up nobody else."""

_CLAIM = timedelta(seconds=60)
"""Well beyond the ten seconds that a request may take."""

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
"""The partners with something due, locked: who counts what is under way, and then takes more, must be alone with it. One whose
row somebody else holds has its turn with the next claim.
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
"""Partners take turns, those with the fewest requests under way first: a long backlog of one is no reason to let others wait.
A partner that has left is told that, and nothing more.
"""


class Sender:
    """Sends what is due."""

    def __init__(
        self, outbound: Outbound, ring: KeyRing, clock: Clock, luck: Callable[[], float] = random.random
    ) -> None:
        """`luck` gives the jitter of each delay, 0 to 1; `clock` is moved by tests alone."""
        self._outbound = outbound
        self._ring = ring
        self._clock = clock
        self._luck = luck

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and finish what is under way."""
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
        """Send what is due now and return how many messages that were."""
        rows = await self.claim(AT_ONCE)
        await asyncio.gather(*(self.deliver(row) for row in rows))
        return len(rows)

    async def claim(self, most: int) -> list[Any]:
        """Claim deliveries that are due and return them with what sending needs, partners in turn."""
        async with unit_of_work() as work:
            now = await self._now(work)
            partners = [row["id"] for row in await work.fetch(_PARTNERS, now)]
            if not partners:
                return []
            return await work.fetch(_TAKE, now, partners, most, OF_ONE_ENDPOINT, OF_ONE_PARTNER, uuid4(), _CLAIM)

    async def deliver(self, row: Any) -> None:
        """Send one claimed delivery and record what came of it."""
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
        if endpoint is None or delivery is None:  # deleted meanwhile, or our claim ended and another sender has it
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
        except Exception as error:  # the claim ends by itself, and it is sent again
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
        told = WebhookEndpointDisabled(endpoint["partner_id"], endpoint_id, disable, verdict.failing_since, now)
        await publish(work, [told], now)


def _readable(body: bytes) -> str:
    """Return the beginning of an answer as text that the database can keep."""
    return body[:_MOST_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")
