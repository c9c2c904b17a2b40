"""Webhook endpoints, what waits for them, and what each partner can read. Keys and checks stand in the migration that follows."""

from piccolo.columns import UUID, Array, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class WebhookEndpoint(Table, db=DB):
    """An address of a partner that wants to hear of events."""

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    url = Text(null=False, default=None)
    description = Text(null=False, default=None)
    event_types = Array(base_column=Text(), null=False, default=None)
    status = Text(null=False, default=None)
    disabled_reason = Text(null=True, default=None)
    failing_since = Timestamptz(null=True, default=None)
    keys_sealed = Bytea(null=False, default=None)
    public_key = Text(null=False, default=None)
    version = Integer(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)


class WebhookOldKeys(Table, db=DB):
    """Keys of an endpoint that were replaced, and sign beside the new ones until then."""

    id = UUID(primary_key=True, null=False, default=None)
    endpoint_id = UUID(null=False, default=None)
    keys_sealed = Bytea(null=False, default=None)
    until = Timestamptz(null=False, default=None)


class PartnerEvent(Table, db=DB):
    """What a partner is told of one event: the body as it is sent, and as it can be read."""

    seq = BigInt(primary_key=True, null=False, default=None)
    id = UUID(null=False, default=None)
    log_seq = BigInt(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    type = Text(null=False, default=None)
    aggregate_id = UUID(null=False, default=None)
    sequence = BigInt(null=False, default=None)
    body = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class PartnerEventNumber(Table, db=DB):
    """How many events of one thing a partner was told of."""

    partner_id = UUID(null=False, default=None)
    aggregate_id = UUID(primary_key=True, null=False, default=None)
    last = BigInt(null=False, default=None)


class WebhookDelivery(Table, db=DB):
    """One message on its way to one endpoint."""

    id = UUID(primary_key=True, null=False, default=None)
    endpoint_id = UUID(null=False, default=None)
    message_id = UUID(null=False, default=None)
    type = Text(null=False, default=None)
    body = Text(null=False, default=None)
    status = Text(null=False, default=None)
    tries = Integer(null=False, default=None)
    attempts = Integer(null=False, default=None)
    due_at = Timestamptz(null=True, default=None)
    claim = UUID(null=True, default=None)
    claimed_until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)
    ended_at = Timestamptz(null=True, default=None)


class WebhookAttempt(Table, db=DB):
    """One try: what was sent where, and what came back."""

    delivery_id = UUID(primary_key=True, null=False, default=None)
    number = Integer(null=False, default=None)
    at = Timestamptz(null=False, default=None)
    url = Text(null=False, default=None)
    signature = Text(null=False, default=None)
    status = Integer(null=True, default=None)
    answer = Text(null=False, default=None)
    reason = Text(null=True, default=None)
    elapsed_ms = Integer(null=False, default=None)


class MemberReferenceKey(Table, db=DB):
    """A key of members' references, sealed. Version 1 has no row: it follows from the program's secret."""

    version = Integer(primary_key=True, null=False, default=None)
    key_sealed = Bytea(null=False, default=None)
    made_by = Text(null=False, default=None)
    made_at = Timestamptz(null=False, default=None)
