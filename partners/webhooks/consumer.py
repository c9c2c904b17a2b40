"""Turns events of the log into partners' messages, and queues a delivery for each subscribed endpoint."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from marketplace.kernel.clock import WALL
from marketplace.kernel.ids import uuid7
from marketplace.kernel.keyring import KeyRing
from marketplace.platform.eventlog.events import StoredEvent
from marketplace.platform.postgres.database import UnitOfWork, columns
from partners.pairwise import member_reference
from partners.webhooks.catalogue import Catalogue, message
from partners.webhooks.reference_keys import current_key


class NumberedMessage(msgspec.Struct, frozen=True):
    """An event as a message to its partner."""

    id: UUID
    log_seq: int
    partner_id: UUID
    type: str
    aggregate_id: UUID
    sequence: int
    body: str


class WebhookPublisher:
    """Follows the event log for partners."""

    name = "partners.webhooks"

    def __init__(self, catalogue: Catalogue, ring: KeyRing) -> None:
        """Follow the types of the catalogue."""
        self.types = catalogue.types
        self._catalogue = catalogue
        self._ring = ring

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Number the events, store them for reading, and queue a delivery for each subscribed endpoint.

        Deliveries are due by the wall clock, which the sender uses: a sandbox's clock may be years ahead.
        """
        numbers = [event.position[1] for event in events]
        known = await work.fetch("SELECT log_seq FROM partner_event WHERE log_seq = ANY($1::bigint[])", numbers)
        seen = {row["log_seq"] for row in known}
        # An event may concern no partner, such as the secret of one of the OEM's systems: then it is only in the log.
        concerned = [event for event in events if event.payload["partner_id"] is not None]
        messages = await self._numbered(work, [event for event in concerned if event.position[1] not in seen])
        if not messages:
            return
        await work.execute(
            "INSERT INTO partner_event (id, log_seq, partner_id, type, aggregate_id, sequence, body, created_at)"
            " SELECT id, log_seq, partner_id, type, aggregate_id, sequence, body, $8 FROM unnest($1::uuid[], $2::bigint[],"
            " $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::text[]) WITH ORDINALITY"
            " AS t (id, log_seq, partner_id, type, aggregate_id, sequence, body, place) ORDER BY place",
            *columns([msgspec.structs.astuple(each) for each in messages], 7),
            WALL.now(),
        )
        deliveries = await self._deliveries(work, messages)
        await work.execute(
            "INSERT INTO webhook_delivery (id, endpoint_id, message_id, type, body, status, tries, attempts, due_at, created_at)"
            " SELECT d.*, 'pending', 0, 0, $6::timestamptz, $6"
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS d",
            *columns(deliveries, 5),
            WALL.now(),
        )

    async def _numbered(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> list[NumberedMessage]:
        subjects = [(UUID(event.payload["partner_id"]), event.aggregate_id) for event in events]
        last, messages = await _count(work, subjects), []
        key = await current_key(work, self._ring) if events else None
        for event, subject in zip(events, subjects, strict=True):
            last[subject] += 1
            announced = self._catalogue.by_type[event.type]
            reference = None
            if announced.names_member and key is not None:
                reference = member_reference(key, subject[0], UUID(event.payload["member_id"]))
            identifier = uuid7()
            data = announced.data(event.payload, reference)
            body = message(announced, identifier, event.occurred_at, event.aggregate_id, last[subject], data)
            messages.append(
                NumberedMessage(
                    identifier, event.position[1], subject[0], event.type, subject[1], last[subject], body.decode()
                )
            )
        return messages

    async def _deliveries(
        self, work: UnitOfWork, messages: Sequence[NumberedMessage]
    ) -> list[tuple[UUID, UUID, UUID, str, str]]:
        rows = await work.fetch(
            "SELECT id, partner_id, event_types FROM webhook_endpoint"
            " WHERE partner_id = ANY($1::uuid[]) AND status = 'enabled' ORDER BY id",
            sorted({each.partner_id for each in messages}),
        )
        return [
            (uuid7(), row["id"], each.id, each.type, each.body)
            for each in messages
            for row in rows
            if row["partner_id"] == each.partner_id and {each.type, "*"} & set(row["event_types"])
        ]


async def _count(work: UnitOfWork, subjects: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], int]:
    """Advance the message counter of each subject, and return for each the number before the first of these."""
    more = sorted(Counter(subjects).items())
    rows = await work.fetch(
        "INSERT INTO partner_event_number AS n (partner_id, aggregate_id, last)"
        " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])"
        " ON CONFLICT (partner_id, aggregate_id) DO UPDATE SET last = n.last + excluded.last"
        " RETURNING partner_id, aggregate_id, last",
        *columns([(*subject, count) for subject, count in more], 3),
    )
    counts = dict(more)
    return {(subject := (row["partner_id"], row["aggregate_id"])): row["last"] - counts[subject] for row in rows}
