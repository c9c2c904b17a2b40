"""One effect for each Idempotency-Key: outcome and effect are committed together.

Same key and body: the same response again, with `Idempotency-Replayed: true`. Same key, other body: 422. Missing: 400.
Still running: 409. A refusal for a state reason is stored like a success; the refusal of an invalid request is not stored.
(IETF draft-ietf-httpapi-idempotency-key-header-07.)
"""

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import msgspec
import structlog
from litestar import Request
from litestar.params import HeaderParameter

from marketplace.kernel.clock import WALL
from marketplace.kernel.ids import BUCKETS
from marketplace.kernel.refusals import Explanation, InvalidField, Kind, Refusal, WrongState
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.problems import MEDIA_TYPE, problem_body, status_of
from marketplace.platform.http.query_parameters import REQUIRED
from marketplace.platform.http.responses import RawResponse
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import Busy, UnitOfWork, unit_of_work
from marketplace.platform.postgres.reads import Read
from marketplace.platform.postgres.rows import hexed
from marketplace.platform.postgres.writes import Write

MAX_KEY = 255
REPLAYED = "Idempotency-Replayed"

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description=REQUIRED
        + "1 to 255 printable ASCII characters: a new one for each intent, the same for each retry.",
        # Description only: the framework would name the handler's argument instead of the header; `request_key` checks it.
        schema_extra={"minLength": 1, "maxLength": MAX_KEY},
    ),
]

WRITE = Write(
    "outcomes",
    "bucket smallint, caller text, key text, fingerprint bytea, status smallint, body bytea",
    """INSERT INTO idempotency (bucket, caller, key, fingerprint, status, body, created_at)
    SELECT d.*, {now} FROM {rows}""",
)
"""Stores outcomes as one of several writes in a batch; `outcome_row` makes its rows."""

READ = Read(
    "bucket smallint, caller text, key text",
    """SELECT ROW(wanted.caller, wanted.key, found.fingerprint, found.status, found.body)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT fingerprint, status, body FROM idempotency i
        WHERE i.bucket = wanted.bucket AND i.caller = wanted.caller AND i.key = wanted.key OFFSET 0
    ) AS found""",
)
"""Reads earlier outcomes as one of several reads in a batch; `Key.columns` makes its keys."""

_STORED_REFUSALS = {Kind.CONFLICT, Kind.NOT_FOUND, Kind.PRECONDITION}

_FOLLOW_UP_S = (0.05, 0.1, 0.2, 0.4, 0.8, *([1.0] * 9))
"""Pauses between checks after a lost COMMIT: ten seconds in all, in which a killed PostgreSQL has restarted."""

logger = structlog.get_logger()


class MissingKey(Refusal):
    """A request with an effect came without a key."""

    kind = Kind.INVALID
    code = "idempotency_key_missing"
    zh = "缺少 Idempotency-Key 请求头：每个新意图用一个新值，重试用同一个值。"
    en = "The Idempotency-Key header is missing: a new value for each intent, the same for each retry."
    explanation = Explanation(
        Text("该请求必须带 Idempotency-Key 请求头。", "The request must carry an Idempotency-Key header."),
        Text(
            "每个新意图使用一个新值，重试时使用同一个值。",
            "Send a new value for each intent, and the same value for each retry.",
        ),
    )


class KeyReused(Refusal):
    """The key was used before with another request."""

    kind = Kind.UNPROCESSABLE
    code = "idempotency_key_reused"
    zh = "该 Idempotency-Key 已用于内容不同的请求。"
    en = "This Idempotency-Key was used before with a different request."
    explanation = Explanation(
        Text(
            "该 Idempotency-Key 已用于内容不同的请求。", "The Idempotency-Key was used before with a different request."
        ),
        Text("新的请求请使用新的 Idempotency-Key。", "Use a new Idempotency-Key for a new request."),
    )


class InProgress(Refusal):
    """The first request with the key is still running."""

    code = "request_in_progress"
    zh = "使用同一 Idempotency-Key 的请求仍在处理，请稍后重试。"
    en = "A request with this Idempotency-Key is still running; try again shortly."
    explanation = Explanation(
        Text(
            "使用同一 Idempotency-Key 的请求仍在处理。", "A request with the same Idempotency-Key is still in progress."
        ),
        Text("请稍后以同一 Idempotency-Key 重试。", "Try again shortly with the same Idempotency-Key."),
    )


class Outcome(msgspec.Struct, frozen=True):
    """A stored response: HTTP status and JSON body."""

    status: int
    body: bytes
    replayed: bool = False

    def response(self) -> RawResponse:
        """Return the HTTP response."""
        media_type = MEDIA_TYPE if self.status >= 400 else "application/json"
        return RawResponse(self.body, self.status, media_type, {REPLAYED: "true"} if self.replayed else None)


class Key(msgspec.Struct, frozen=True):
    """The caller, its key, and the request's fingerprint."""

    bucket: int
    caller: str
    key: str
    fingerprint: bytes

    @property
    def columns(self) -> tuple[int, str, str]:
        """The primary key of its row, for `READ`."""
        return self.bucket, self.caller, self.key


def outcome_row(key: Key, outcome: Outcome) -> tuple[object, ...]:
    """Return an outcome as a row of WRITE."""
    return key.bucket, key.caller, key.key, hexed(key.fingerprint), outcome.status, hexed(outcome.body)


def checked_key(key: str | None) -> str:
    """Return the key if it is valid. Raises MissingKey or InvalidField."""
    if not key:
        raise MissingKey
    if len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidField(
            "Idempotency-Key",
            f"须为 1 至 {MAX_KEY} 个可见 ASCII 字符。",
            f"must be 1 to {MAX_KEY} printable ASCII characters.",
        )
    return key


def fingerprint(operation: str, body: Any) -> bytes:
    """Return 32 bytes that differ when the operation or its decoded body does (white space and key order do not count)."""
    return hashlib.sha256(operation.encode() + b"\n" + msgspec.json.encode(body, order="deterministic")).digest()


def key_for(caller: str, key: str | None, operation: str, body: Any, bucket: int | None = None) -> Key:
    """Return the full key of a request. Callers that are not members get a bucket by their name."""
    if bucket is None:
        bucket = zlib.crc32(caller.encode()) % BUCKETS
    return Key(bucket, caller, checked_key(key), fingerprint(operation, body))


def settle(stored_fingerprint: bytes, stored: Outcome, wanted: bytes) -> Outcome:
    """Return the stored outcome as a replay. Raises KeyReused if it belongs to another request."""
    if stored_fingerprint != wanted:
        raise KeyReused
    return Outcome(stored.status, stored.body, replayed=True)


class Answers:
    """The outcomes of a batch so far, by key: a copy of a request in the same batch is a replay like any other."""

    def __init__(self, found: Iterable[tuple[str, str, bytes, int, bytes]]) -> None:
        """Start with the outcomes that `READ` found."""
        self._outcomes = {(caller, key): (stored, Outcome(status, body)) for caller, key, stored, status, body in found}

    def known(self, key: Key) -> Outcome | Refusal | None:
        """Return the earlier outcome as a replay, the refusal of a reused key, or None for a new key."""
        found = self._outcomes.get((key.caller, key.key))
        if found is None:
            return None
        try:
            return settle(found[0], found[1], key.fingerprint)
        except KeyReused as refusal:
            return refusal

    def add(self, key: Key, outcome: Outcome) -> None:
        """Remember an outcome of this batch."""
        self._outcomes[key.caller, key.key] = (key.fingerprint, outcome)


def is_stored(refusal: Refusal) -> bool:
    """Return whether the refusal is for a state reason, and therefore stored like a success."""
    return refusal.kind in _STORED_REFUSALS


def refused(refusal: Refusal, language: str) -> Outcome:
    """Return the outcome to store for a refusal for a state reason. Raises any other refusal again: it is not stored."""
    if not is_stored(refusal):
        raise refusal
    return Outcome(status_of(refusal), msgspec.json.encode(problem_body(refusal, language)))


async def once(
    key: Key,
    language: str,
    work: Callable[[UnitOfWork], Awaitable[Any]],
    *,
    status: int = 200,
    now: datetime | None = None,
) -> Outcome:
    """Do the work once for the key, in one unit of work with the stored outcome, and return the outcome.

    `work` gets the unit of work and returns JSON values. If it raises a Refusal of state (conflict, not found), its changes are
    rolled back and the refusal is stored as the outcome; any other exception stores nothing. After a connection was lost at
    COMMIT, the key is looked up for some seconds, so that no committed request is reported as failed; `work` may therefore run
    again.
    """
    in_doubt = False
    for pause_s in (*_FOLLOW_UP_S, None):
        transaction = unit_of_work()
        try:
            async with transaction:
                return await _claim_and_work(transaction, key, language, work, status, now)
        except Exception as error:
            in_doubt = in_doubt or transaction.in_doubt
            if (
                not in_doubt
                or pause_s is None
                or not (is_connection_lost(error) or isinstance(error, Busy | InProgress))
            ):
                raise
            logger.warning("commit_in_doubt", key=key.key, caller=key.caller, error=repr(error))
            await asyncio.sleep(pause_s)
    raise AssertionError("unreachable")


async def _claim_and_work(
    transaction: UnitOfWork,
    key: Key,
    language: str,
    work: Callable[[UnitOfWork], Awaitable[Any]],
    status: int,
    now: datetime | None,
) -> Outcome:
    if not await _claim(transaction, key, now):
        return await _replay(transaction, key)
    outcome = await _attempt(transaction, language, work, status)
    await transaction.execute(
        "UPDATE idempotency SET status = $4, body = $5 WHERE bucket = $1 AND caller = $2 AND key = $3",
        key.bucket, key.caller, key.key, outcome.status, outcome.body,
    )  # fmt: skip
    return outcome


async def _claim(transaction: UnitOfWork, key: Key, now: datetime | None) -> bool:
    """Insert the key; False if it exists. Waits while the first request runs; raises InProgress if that takes too long."""
    try:
        claimed = await transaction.fetchval(
            "INSERT INTO idempotency (bucket, caller, key, fingerprint, status, body, created_at)"
            " VALUES ($1, $2, $3, $4, 0, '', $5) ON CONFLICT DO NOTHING RETURNING 1",
            key.bucket, key.caller, key.key, key.fingerprint, now or WALL.now(),
        )  # fmt: skip
    except asyncpg.LockNotAvailableError as error:
        raise InProgress from error
    return claimed is not None


async def _attempt(
    transaction: UnitOfWork, language: str, work: Callable[[UnitOfWork], Awaitable[Any]], status: int
) -> Outcome:
    try:
        async with transaction.nested():
            answer = await work(transaction)
    except Refusal as refusal:
        return refused(refusal, language)
    except TransitionRefusedError as refusal:
        return refused(WrongState(refusal.action, refusal.state, refusal.allowed), language)
    return Outcome(status, msgspec.json.encode(answer))


async def _replay(transaction: UnitOfWork, key: Key) -> Outcome:
    row = await transaction.fetchrow(
        "SELECT fingerprint, status, body FROM idempotency WHERE bucket = $1 AND caller = $2 AND key = $3",
        key.bucket,
        key.caller,
        key.key,
    )
    if row is None:  # the first request was rolled back between our INSERT and this read
        raise InProgress
    return settle(row["fingerprint"], Outcome(row["status"], row["body"]), key.fingerprint)


def operation_of(request: Request[Any, Any, Any]) -> str:
    """Return method and path, which are part of the fingerprint."""
    return f"{request.method} {request.url.path}"


def request_key(request: Request[Any, Any, Any], caller: str, key: str | None, body: Any) -> Key:
    """Return the full key of a request by a caller that is not a member. Raises MissingKey or InvalidField."""
    return key_for(caller, key, operation_of(request), body)
