"""Webhook endpoints, their deliveries, and each partner's messages."""

from piccolo.columns import UUID, Array, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import IdentityNumber, References
from marketplace.platform.postgres.database import DB


class WebhookEndpointRow(Table, db=DB, tablename="webhook_endpoint"):
    """A webhook endpoint of a partner."""

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

    webhook_endpoint_partner = References([partner_id], "partner", ["id"])
    webhook_endpoint_types = Check("cardinality(event_types) > 0")
    webhook_endpoint_version = Check("version > 0")
    webhook_endpoint_status = Check(
        "status IN ('enabled', 'disabled') AND (status = 'disabled') = (disabled_reason IS NOT NULL)"
    )


class WebhookOldKeysRow(Table, db=DB, tablename="webhook_old_keys"):
    """Replaced keys of an endpoint, which sign beside the new ones until `until`."""

    id = UUID(primary_key=True, null=False, default=None)
    endpoint_id = UUID(null=False, default=None)
    keys_sealed = Bytea(null=False, default=None)
    until = Timestamptz(null=False, default=None)

    webhook_old_keys_endpoint = References([endpoint_id], "webhook_endpoint", ["id"], cascade=True)


class PartnerEventRow(Table, db=DB, tablename="partner_event"):
    """What a partner reads of one event: the body as it is sent, and as it can be listed."""

    seq = IdentityNumber(primary_key=True)
    id = UUID(null=False, default=None)
    log_seq = BigInt(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    type = Text(null=False, default=None)
    aggregate_id = UUID(null=False, default=None)
    sequence = BigInt(null=False, default=None)
    body = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)

    partner_event_id = Unique(["id"])
    partner_event_log_seq = Unique([log_seq])
    partner_event_sequence = Unique([partner_id, aggregate_id, sequence])


class PartnerEventNumberRow(Table, db=DB, tablename="partner_event_number"):
    """How many events of one subject a partner has."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    aggregate_id = UUID(primary_key=True, null=False, default=None)
    last = BigInt(null=False, default=None)


class WebhookDeliveryRow(Table, db=DB, tablename="webhook_delivery"):
    """The delivery of a message to an endpoint."""

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

    webhook_delivery_endpoint = References([endpoint_id], "webhook_endpoint", ["id"], cascade=True)
    webhook_delivery_message = Unique([endpoint_id, message_id])
    webhook_delivery_claim = Check("(claim IS NULL) = (claimed_until IS NULL)")
    webhook_delivery_status = Check(
        "status IN ('pending', 'delivered', 'failed') AND (status = 'pending') = (due_at IS NOT NULL) AND (status "
        "= 'pending') = (ended_at IS NULL)"
    )


class WebhookAttemptRow(Table, db=DB, tablename="webhook_attempt"):
    """One attempt: the address, and the response."""

    delivery_id = UUID(primary_key=True, null=False, default=None)
    number = Integer(primary_key=True, null=False, default=None)
    at = Timestamptz(null=False, default=None)
    url = Text(null=False, default=None)
    signature = Text(null=False, default=None)
    status = Integer(null=True, default=None)
    answer = Text(null=False, default=None)
    reason = Text(null=True, default=None)
    elapsed_ms = Integer(null=False, default=None)

    webhook_attempt_delivery = References([delivery_id], "webhook_delivery", ["id"], cascade=True)


class MemberReferenceKeyRow(Table, db=DB, tablename="member_reference_key"):
    """An encrypted key of member references. Version 1 has no row: it is derived from the program's secret."""

    version = Integer(primary_key=True, null=False, default=None)
    key_sealed = Bytea(null=False, default=None)
    made_by = Text(null=False, default=None)
    made_at = Timestamptz(null=False, default=None)

    member_reference_key_version = Check("version BETWEEN 2 AND 9999")
