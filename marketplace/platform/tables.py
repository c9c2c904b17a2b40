"""The platform's own tables. Composite keys and checks come by raw SQL in the migration that follows each table's."""

from piccolo.columns import JSON, JSONB, UUID, BigInt, Boolean, Bytea, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Event(Table, db=DB):
    """The one event log; append only."""

    bucket = SmallInt(null=False, default=None)
    seq = BigInt(primary_key=True, null=False, default=None)
    xid = BigInt(null=False, default=None)
    type = Text(null=False, default=None)
    aggregate = Text(null=False, default=None)
    aggregate_id = UUID(null=False, default=None)
    payload = JSON(null=False, default=None)
    occurred_at = Timestamptz(null=False, default=None)


class EventTick(Table, db=DB):
    """A point at which the log may be cut: a snapshot, which says of each transaction whether it had committed."""

    id = BigInt(primary_key=True, null=False, default=None)
    snapshot = Text(null=False, default=None)
    at = Timestamptz(null=False)


class ConsumerPosition(Table, db=DB):
    """How far a consumer has read: the tick where its window begins, and the last event that it took inside it."""

    consumer = Text(primary_key=True, null=False, default=None)
    tick = BigInt(null=False, default=0)
    seq = BigInt(null=False, default=0)
    handled = BigInt(null=False, default=0)
    moved_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)


class Idempotency(Table, db=DB):
    """The outcome of each Idempotency-Key; status 0 while the first request runs, seen only inside its transaction."""

    bucket = SmallInt(null=False, default=None)
    caller = Text(null=False, default=None)
    key = Text(primary_key=True, null=False, default=None)
    fingerprint = Bytea(null=False, default=None)
    status = SmallInt(null=False, default=None)
    body = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class AuditEntry(Table, db=DB):
    """Who did what to what; append only, each entry's hash covers the one before."""

    seq = BigInt(primary_key=True, null=False, default=None)
    at = Timestamptz(null=False, default=None)
    actor = Text(null=False, default=None)
    action = Text(null=False, default=None)
    target = Text(null=False, default=None)
    details = JSONB(null=False, default=None)
    hash = Bytea(null=False, default=None)


class WebSession(Table, db=DB):
    """A person's signed-in browser; the cookie holds the token, this row only its hash."""

    token_hash = Bytea(primary_key=True, null=False, default=None)
    subject = Text(null=False, default=None)
    name = Text(null=False, default=None)
    roles = JSONB(null=False, default=None)
    csrf = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class InvariantSlice(Table, db=DB):
    """A range of one invariant: when it was looked at last, when it was last true, and what was found."""

    name = Text(primary_key=True, null=False, default=None)
    low = Text(null=False, default="")
    high = Text(null=False, default="")
    cut = Text(null=False, default="")
    stops_payouts = Boolean(null=False, default=True)
    due_at = Timestamptz(null=False)
    claimed_until = Timestamptz(null=True, default=None)
    changed_at = Timestamptz(null=True, default=None)
    checked_at = Timestamptz(null=True, default=None)
    last_true_at = Timestamptz(null=True, default=None)
    broken_since = Timestamptz(null=True, default=None)
    rows = BigInt(null=False, default=0)
    broken = BigInt(null=False, default=0)
    breaches = JSONB(null=False, default="[]")
    took_ms = Integer(null=False, default=0)
    memo = JSONB(null=True, default=None)
    failed_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)


class OutgoingMail(Table, db=DB):
    """A message to be sent; its text is encrypted while it waits, and gone afterwards. `about` is what it tells of, by id."""

    id = UUID(primary_key=True, null=False, default=None)
    recipient = Text(null=False, default=None)
    subject = Text(null=False, default=None)
    text_sealed = Bytea(null=True, default=None)
    status = Text(null=False, default=None)
    tries = Integer(null=False, default=None)
    due_at = Timestamptz(null=True, default=None)
    claim = UUID(null=True, default=None)
    claimed_until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)
    ended_at = Timestamptz(null=True, default=None)
    error = Text(null=False, default="")
    about = UUID(null=True, default=None)


class SecretKeyMark(Table, db=DB):
    """A fingerprint of each secret key under which something here is encrypted (secret_keys.py)."""

    fingerprint = Bytea(primary_key=True, null=False, default=None)
    since = Timestamptz(null=False, default=None)


class LastingKey(Table, db=DB):
    """A key that was derived from the first secret key, and that later ones do not change."""

    name = Text(primary_key=True, null=False, default=None)
    key_sealed = Bytea(null=False, default=None)


class FormAnswer(Table, db=DB):
    """What a sent form of a page led to: an address, or a page that waits, encrypted, at an address of its own."""

    id = Bytea(primary_key=True, null=False, default=None)
    answer = UUID(null=False, default=None)
    owner = Bytea(null=False, default=None)
    page = Text(null=False, default=None)
    location = Text(null=True, default=None)
    status = SmallInt(null=True, default=None)
    headers = JSONB(null=False, default="{}")
    body_sealed = Bytea(null=True, default=None)
    once = Boolean(null=False, default=False)
    created_at = Timestamptz(null=False, default=None)
    answered_at = Timestamptz(null=True, default=None)
    shown_at = Timestamptz(null=True, default=None)
    expires_at = Timestamptz(null=False, default=None)
