"""The platform's own tables, as defined in schema.sql."""

from datetime import timedelta

from piccolo.columns import JSON, JSONB, UUID, BigInt, Boolean, Bytea, Integer, Interval, SmallInt, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import ByteText, IdentityNumber, Snapshot, TransactionId
from marketplace.platform.postgres.database import DB


class EventRow(Table, db=DB, tablename="event"):
    """The one event log; append only."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    seq = IdentityNumber(primary_key=True)
    xid = TransactionId()
    type = Text(null=False, default=None)
    aggregate = Text(null=False, default=None)
    aggregate_id = UUID(null=False, default=None)
    payload = JSON(null=False, default=None)
    occurred_at = Timestamptz(null=False, default=None)

    event_bucket = Check("bucket BETWEEN 0 AND 1023")


class EventTickRow(Table, db=DB, tablename="event_tick"):
    """A point at which the log may be cut: a snapshot, which says of each transaction whether it had committed."""

    id = IdentityNumber(primary_key=True)
    snapshot = Snapshot()
    at = Timestamptz(null=False)


class EventTickerRow(Table, db=DB, tablename="event_ticker"):
    """One row: the lock that serializes ticks."""

    only_row = Boolean(primary_key=True, null=False, default=True)

    event_ticker_only_row = Check("only_row")


class ConsumerPositionRow(Table, db=DB, tablename="consumer_position"):
    """How far a consumer has read: the tick where its window begins, and the last event that it took inside it."""

    consumer = Text(primary_key=True, null=False, default=None)
    tick = BigInt(null=False, default=0)
    seq = BigInt(null=False, default=0)
    handled = BigInt(null=False, default=0)
    moved_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)


class IdempotencyRow(Table, db=DB, tablename="idempotency"):
    """The outcome of each Idempotency-Key; status 0 while the first request runs, visible only inside its transaction."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    caller = Text(primary_key=True, null=False, default=None)
    key = Text(primary_key=True, null=False, default=None)
    fingerprint = Bytea(null=False, default=None)
    status = SmallInt(null=False, default=None)
    body = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)

    idempotency_bucket = Check("bucket BETWEEN 0 AND 1023")


class RateWindowRow(Table, db=DB, tablename="rate_window"):
    """How many requests each caller has made in its current minute; not logged."""

    caller = Text(primary_key=True, null=False, default=None)
    starts_at = Timestamptz(null=False, default=None)
    used = Integer(null=False, default=None)
    granted = Integer(null=False, default=None)

    rate_window_used = Check("used >= 0")
    rate_window_granted = Check("granted >= 0")


class AuditEntryRow(Table, db=DB, tablename="audit_entry"):
    """Who did what to which object; append only, each entry's hash covers the previous one."""

    seq = IdentityNumber(primary_key=True)
    at = Timestamptz(null=False, default=None)
    actor = Text(null=False, default=None)
    action = Text(null=False, default=None)
    target = Text(null=False, default=None)
    details = JSONB(null=False, default=None)
    hash = Bytea(null=False, default=None)


class AuditHeadRow(Table, db=DB, tablename="audit_head"):
    """One row: the last entry's hash, and the lock that serializes entries."""

    only_row = Boolean(primary_key=True, null=False, default=True)
    hash = Bytea(null=True, default=None)

    audit_head_only_row = Check("only_row")


class WebSessionRow(Table, db=DB, tablename="web_session"):
    """A person's signed-in browser; the cookie holds the token, this row only its hash."""

    token_hash = Bytea(primary_key=True, null=False, default=None)
    subject = Text(null=False, default=None)
    name = Text(null=False, default=None)
    roles = JSONB(null=False, default=None)
    csrf = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)


class InvariantSliceRow(Table, db=DB, tablename="invariant_slice"):
    """A range of one invariant: when it was checked last, when it was last true, and the result."""

    name = Text(primary_key=True, null=False, default=None)
    low = ByteText(primary_key=True, null=False, default="")
    high = ByteText(null=False, default="")
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

    invariant_slice_breaches = Check(
        "(broken > 0) = (jsonb_array_length(breaches) > 0) AND (broken > 0) = (broken_since IS NOT NULL)"
    )
    invariant_slice_range = Check("low <= high")


class InvariantWatchRow(Table, db=DB, tablename="invariant_watch"):
    """One row: up to which snapshot the checker knows the changes, and since when."""

    only_row = Boolean(primary_key=True, null=False, default=True)
    snapshot = Snapshot(current=True)
    noticed_at = Timestamptz(null=False)

    invariant_watch_only_row = Check("only_row")


class OutgoingMailRow(Table, db=DB, tablename="outgoing_mail"):
    """A queued message; its text is encrypted while it waits, and deleted afterwards. `about` is the id of its subject."""

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

    outgoing_mail_claim = Check("(claim IS NULL) = (claimed_until IS NULL)")
    outgoing_mail_status = Check(
        "status IN ('waiting', 'sent', 'failed') AND (status = 'waiting') = (due_at IS NOT NULL) AND (status = "
        "'waiting') = (text_sealed IS NOT NULL) AND (status = 'waiting') = (ended_at IS NULL)"
    )


class SecretKeyMarkRow(Table, db=DB, tablename="secret_key_mark"):
    """A fingerprint of each secret key under which something here is encrypted (secret_keys.py)."""

    fingerprint = Bytea(primary_key=True, null=False, default=None)
    since = Timestamptz(null=False, default=None)


class LastingKeyRow(Table, db=DB, tablename="lasting_key"):
    """A key that was derived from the first secret key and survives its rotation."""

    name = Text(primary_key=True, null=False, default=None)
    key_sealed = Bytea(null=False, default=None)


class SandboxStateRow(Table, db=DB, tablename="sandbox_state"):
    """One row, in a sandbox's database only: how far its clock is ahead, and what was created in it."""

    only_row = Boolean(primary_key=True, null=False, default=True)
    ahead = Interval(null=False, default=timedelta(0))
    made = JSONB(null=False, default=None)
    made_at = Timestamptz(null=False)

    sandbox_state_only_row = Check("only_row")
    sandbox_state_ahead = Check("ahead >= '0'")


class FormAnswerRow(Table, db=DB, tablename="form_answer"):
    """The result of a submitted form: an address, or a page that waits, encrypted, at an address of its own."""

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

    form_answer_answer = Unique([answer])
    form_answer_lengths = Check("octet_length(id) = 32 AND octet_length(owner) = 32")
    form_answer_state = Check(
        "(answered_at IS NOT NULL) = (location IS NOT NULL OR status IS NOT NULL) AND NOT (location IS NOT NULL "
        "AND status IS NOT NULL) AND (body_sealed IS NOT NULL) = (status IS NOT NULL AND NOT (once AND shown_at "
        "IS NOT NULL))"
    )
