"""The deliveries of an endpoint: list, resend, send a sample, delete old ones."""

from datetime import datetime, timedelta
from uuid import UUID

from marketplace.kernel.clock import WALL
from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.webhooks.catalogue import Catalogue
from partners.webhooks.domain import DELIVERY, ENDPOINT, KEPT_DAYS, DeliveryStatus, EndpointStatus
from partners.webhooks.endpoints import get_endpoint, lock_endpoint
from partners.webhooks.schemas import AttemptView, DeliveryDetail, DeliveryView
from partners.webhooks.tables import WebhookAttemptRow, WebhookDeliveryRow, WebhookOldKeysRow

_VIEW = "d.id, d.endpoint_id, d.message_id, d.type, d.status, d.attempts, d.due_at, d.created_at, d.ended_at"
_OWN = "FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id AND e.partner_id = $2 WHERE d.id = $1"
_BATCH = 2000


async def list_deliveries(
    partner_id: UUID, endpoint_id: UUID, status: DeliveryStatus | None, cursors: Cursors, cursor: str | None, limit: int
) -> Page[DeliveryView]:
    """Return a page of an endpoint's deliveries, the newest first. Raises NotFound."""
    await get_endpoint(partner_id, endpoint_id)
    kind = f"deliveries:{endpoint_id}:{status or ''}"
    before = cursors.read(kind, cursor)[0] if cursor else None
    rows = await DB.fetch(
        f"SELECT {_VIEW} FROM webhook_delivery d WHERE d.endpoint_id = $1 AND ($2::text IS NULL OR d.status = $2)"
        " AND ($3::uuid IS NULL OR d.id < $3) ORDER BY d.id DESC LIMIT $4",
        endpoint_id,
        status,
        before,
        limit + 1,
    )
    data = [DeliveryView(**row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [str(data[-1].id)]) if len(rows) > limit else None)


async def get_delivery(partner_id: UUID, delivery_id: UUID) -> DeliveryDetail:
    """Return one of the partner's deliveries with all attempts. Raises NotFound."""
    row = await DB.fetchrow(f"SELECT {_VIEW}, d.body {_OWN}", delivery_id, partner_id)
    if row is None:
        raise NotFound
    tries = (
        await WebhookAttemptRow.select(*WebhookAttemptRow.all_columns(exclude=[WebhookAttemptRow.delivery_id]))
        .where(WebhookAttemptRow.delivery_id == delivery_id)
        .order_by(WebhookAttemptRow.number)
    )
    return DeliveryDetail(**row, history=[AttemptView(**each) for each in tries])


async def resend(work: UnitOfWork, partner_id: UUID, delivery_id: UUID) -> None:
    """Send the message again under its id, from the beginning of the schedule. Raises NotFound, TransitionRefusedError."""
    endpoint_id = await work.fetchval(f"SELECT d.endpoint_id {_OWN}", delivery_id, partner_id)
    if endpoint_id is None:
        raise NotFound
    endpoint = await lock_endpoint(work, partner_id, endpoint_id)  # locked before the delivery, as the sender does
    ENDPOINT.after(EndpointStatus(endpoint["status"]), "resend")
    status = await work.fetchval("SELECT status FROM webhook_delivery WHERE id = $1 FOR UPDATE", delivery_id)
    if status is None:
        raise NotFound
    after = DELIVERY.after(DeliveryStatus(status), "resend")
    await work.execute(
        "UPDATE webhook_delivery SET status = $2, tries = 0, due_at = $3, ended_at = NULL WHERE id = $1",
        delivery_id,
        after,
        WALL.now(),
    )


async def simulate(
    work: UnitOfWork, catalogue: Catalogue, partner_id: UUID, endpoint_id: UUID, kind: str, now: datetime
) -> UUID:
    """Queue a sample message and return the delivery's id. Raises NotFound, InvalidField, TransitionRefusedError."""
    endpoint = await lock_endpoint(work, partner_id, endpoint_id)
    ENDPOINT.after(EndpointStatus(endpoint["status"]), "simulate")
    delivery_id, message_id = uuid7(), uuid7()
    at = WALL.now()
    await work.run(
        WebhookDeliveryRow.insert(
            WebhookDeliveryRow(
                id=delivery_id,
                endpoint_id=endpoint_id,
                message_id=message_id,
                type=kind,
                body=catalogue.sample(kind, message_id, now).decode(),
                status=DeliveryStatus.PENDING,
                tries=0,
                attempts=0,
                due_at=at,
                created_at=at,
            )
        )
    )
    return delivery_id


async def due_within(time: timedelta) -> bool:
    """Return whether a delivery is due within the time, before which the sender must not be suspended."""
    found = await DB.fetchval(
        "SELECT EXISTS (SELECT FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id"
        " WHERE e.status = 'enabled' AND d.status = 'pending' AND d.due_at <= $1)",
        WALL.now() + time,
    )
    return bool(found)


async def delete_old_deliveries(now: datetime) -> None:
    """Delete messages after their retention period, and old keys after their grace period."""
    await WebhookOldKeysRow.delete().where(WebhookOldKeysRow.until <= now)
    before = now - timedelta(days=KEPT_DAYS)
    for table in ("webhook_delivery", "partner_event"):
        gone = _BATCH
        while gone == _BATCH:
            rows = await DB.fetch(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE created_at < $1 LIMIT $2))"
                " RETURNING 1",
                before,
                _BATCH,
            )
            gone = len(rows)
