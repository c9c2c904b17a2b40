"""Deliveries on their way: claimed in one transaction, sent outside of any, recorded in another.

A sender that dies leaves its claims, which end by themselves; the message is then sent again under the same id, which is how a
receiver knows it. Of several senders each passes by what another has claimed.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from marketplace.kernel.clock import Clock
from marketplace.platform.away import is_away
from marketplace.platform.database import UnitOfWork, unit_of_work
from marketplace.platform.events import publish
from marketplace.platform.outbound import Answer, Outbound, OutboundError
from partners.webhooks.domain import DeliveryStatus, EndpointStatus, Verdict, judge
from partners.webhooks.events import WebhookEndpointDisabled
from partners.webhooks.signing import message_headers, open_keys

AT_ONCE = 32
"""Requests under way in one process."""

OF_ONE_ENDPOINT = 4
"""And of those to one endpoint, in all processes: one slow receiver must not hold up the others."""

_CLAIM = timedelta(seconds=60)
"""Well beyond the ten seconds that a request may take."""

_IDLE_S = 0.5
_RETRY_S = 2.0
_MOST_ANSWER = 2000

logger = structlog.get_logger()

_TAKE = """
WITH due AS (
    SELECT d.id FROM webhook_endpoint e
    JOIN partner p ON p.id = e.partner_id AND p.status IN ('approved', 'active', 'suspended')
    CROSS JOIN LATERAL (
        SELECT id, due_at FROM webhook_delivery
        WHERE endpoint_id = e.id AND status = 'pending' AND due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
        ORDER BY due_at LIMIT greatest(0, $3 - (SELECT count(*) FROM webhook_delivery WHERE endpoint_id = e.id
                                                AND status = 'pending' AND claimed_until > $1))
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE e.status = 'enabled' ORDER BY d.due_at LIMIT $2
)
UPDATE webhook_delivery d SET claim = $4, claimed_until = $5 FROM due, webhook_endpoint e
WHERE d.id = due.id AND e.id = d.endpoint_id
RETURNING d.id, d.endpoint_id, d.message_id, d.body, d.claim, e.url, e.keys_sealed, e.old_keys_sealed, e.old_keys_until
"""


class Sender:
    """Sends what is due."""

    def __init__(
        self, outbound: Outbound, secret_key: str, clock: Clock, luck: Callable[[], float] = random.random
    ) -> None:
        """`luck` gives the jitter of each delay, 0 to 1."""
        self._outbound = outbound
        self._secret_key = secret_key
        self._clock = clock
        self._luck = luck

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and finish what is under way."""
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            try:
                rows = await self.claim(AT_ONCE - len(under_way)) if len(under_way) < AT_ONCE else []
            except Exception as error:
                if is_away(error):
                    logger.warning("webhooks_wait_for_database", error=repr(error))
                else:
                    logger.exception("webhooks_interrupted")
                await _pause(stop, _RETRY_S)
                continue
            for row in rows:
                task = asyncio.create_task(self._deliver_and_log(row))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if not rows:
                await _pause(stop, _IDLE_S)
        if under_way:
            await asyncio.wait(under_way)

    async def once(self) -> int:
        """Send what is due now and return how many messages that were."""
        rows = await self.claim(AT_ONCE)
        await asyncio.gather(*(self.deliver(row) for row in rows))
        return len(rows)

    async def claim(self, most: int) -> list[Any]:
        """Claim deliveries that are due, the longest waiting first, and return them with what sending needs."""
        now = self._clock.now()
        async with unit_of_work() as work:
            return await work.fetch(_TAKE, now, most, OF_ONE_ENDPOINT, uuid4(), now + _CLAIM)

    async def deliver(self, row: Any) -> None:
        """Send one claimed delivery and record what came of it."""
        at = self._clock.now()
        keys = [open_keys(self._secret_key, row["keys_sealed"])]
        if row["old_keys_sealed"] is not None and at < row["old_keys_until"]:
            keys.append(open_keys(self._secret_key, row["old_keys_sealed"]))
        body = row["body"].encode()
        headers = message_headers(str(row["message_id"]), at, body, keys)
        headers["Content-Type"] = "application/json"
        result: Answer | OutboundError
        try:
            result = await self._outbound.send("POST", row["url"], headers=headers, content=body, want=["retry-after"])
        except OutboundError as error:
            result = error
        async with unit_of_work() as work:
            await self._record(work, row, at, headers["webhook-signature"], result)

    async def _record(
        self, work: UnitOfWork, row: Any, at: datetime, signature: str, result: Answer | OutboundError
    ) -> None:
        now = self._clock.now()
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
        answer = result if isinstance(result, Answer) else None
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
        await work.execute(
            "INSERT INTO webhook_attempt (delivery_id, number, at, url, signature, status, answer, reason, elapsed_ms)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            row["id"],
            number,
            at,
            row["url"],
            signature,
            answer.status if answer else None,
            _readable(answer.body) if answer else "",
            None if isinstance(result, Answer) else str(result.reason),
            answer.elapsed_ms if answer else round((now - at).total_seconds() * 1000),
        )
        await _move_endpoint(work, row["endpoint_id"], endpoint, verdict, now)

    async def _deliver_and_log(self, row: Any) -> None:
        try:
            await self.deliver(row)
        except Exception as error:  # the claim ends by itself, and it is sent again
            logger.warning(
                "webhook_not_recorded", delivery=str(row["id"]), error=repr(error), exc_info=not is_away(error)
            )


async def _move_endpoint(work: UnitOfWork, endpoint_id: UUID, endpoint: Any, verdict: Verdict, now: datetime) -> None:
    disable = verdict.disable if endpoint["status"] == EndpointStatus.ENABLED else None
    if disable is None and verdict.failing_since == endpoint["failing_since"]:
        return
    await work.execute(
        "UPDATE webhook_endpoint SET failing_since = $2, status = CASE WHEN $3::text IS NULL THEN status ELSE 'disabled' END,"
        " disabled_reason = coalesce($3, disabled_reason) WHERE id = $1",
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


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
