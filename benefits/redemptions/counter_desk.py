"""The counter's desk: vouchers verified and taken, all that arrive together in one transaction.

A partner sees only vouchers of its own offers, by our code or by one of its own that was handed out with it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request

from benefits.offers.titles import Titles
from benefits.redemptions.counter import (
    NotUsed,
    UnknownVoucher,
    VoucherRefused,
    check_token,
    new_token,
    spelled,
    status_now,
    status_when_undone,
    status_when_used,
    undone_event,
    used_event,
)
from benefits.redemptions.domain import VoucherStatus
from benefits.redemptions.events import SettlementTerms
from benefits.redemptions.schemas import (
    UndoneUse,
    UsedVoucher,
    VerifiedVoucher,
    VoucherUndoInput,
    VoucherUseInput,
    VoucherVerifyInput,
)
from marketplace.kernel.clock import Clock, Standing
from marketplace.kernel.codes import UnreadableCodeError, read_code
from marketplace.kernel.event import Event
from marketplace.kernel.refusals import InvalidField, Refusal
from marketplace.platform.batching.executor import BatchExecutor, Decided
from marketplace.platform.eventlog.events import WRITE as EVENTS
from marketplace.platform.eventlog.events import event_row
from marketplace.platform.http.idempotency import READ as ANSWERED
from marketplace.platform.http.idempotency import WRITE as OUTCOMES
from marketplace.platform.http.idempotency import Answers, Key, Outcome, outcome_row, refused
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.platform.postgres.reads import NOW, read_all
from marketplace.platform.postgres.rows import Columns
from marketplace.platform.postgres.writes import Write, Writes
from partners.onboarding.locations import known_locations

# Locked in the order of their ids, as a cancellation locks them, so that nobody waits in a circle.
_BY_CODE = Columns("bucket smallint, code text")
_FIND = f"""
SELECT v.bucket, v.id, v.code, v.partner_id, v.redemption_id, v.member_id, v.offer_id, v.revision, v.quantity, v.status,
       v.expires_at, v.used_at, v.partner_codes, v.location_id, v.reference, v.occasion, r.settlement
FROM {_BY_CODE.table(1, "wanted")}
JOIN voucher v ON v.bucket = wanted.bucket AND v.code = wanted.code
JOIN redemption r ON r.bucket = v.bucket AND r.id = v.redemption_id
"""

_BY_OWN_CODE = Columns("partner_id uuid, code text")
_OWN_CODES = f"""
SELECT c.partner_id, c.code, v.bucket, v.code AS voucher_code
FROM {_BY_OWN_CODE.table(1, "wanted")}
JOIN offer_code c USING (partner_id, code) JOIN voucher v ON v.bucket = c.bucket AND v.id = c.voucher_id
"""

_USED = Write(
    "used",
    "bucket smallint, id uuid, status text, location_id text, reference text",
    """UPDATE voucher v SET status = d.status, used_at = {now}, location_id = d.location_id, reference = d.reference
    FROM {rows}
    WHERE v.bucket = d.bucket AND v.id = d.id AND v.status = 'issued' RETURNING 1""",
)


_UNDONE = Write(
    "undone",
    "bucket smallint, id uuid, status text, occasion int",
    """UPDATE voucher v SET status = d.status, used_at = NULL, location_id = '', reference = '', occasion = v.occasion + 1
    FROM {rows}
    WHERE v.bucket = d.bucket AND v.id = d.id AND v.status = 'used' AND v.occasion = d.occasion RETURNING 1""",
)


class Verify(msgspec.Struct, frozen=True):
    """A partner asks whether a voucher is good."""

    partner_id: UUID
    body: VoucherVerifyInput
    language: str

    weight = 1
    key = None


class Use(msgspec.Struct, frozen=True):
    """A partner takes a voucher. In the demo's past, where nobody asks twice, there is no key."""

    partner_id: UUID
    body: VoucherUseInput
    key: Key | None
    language: str

    weight = 1


class UndoUse(msgspec.Struct, frozen=True):
    """A partner takes a use back."""

    partner_id: UUID
    body: VoucherUndoInput
    key: Key
    language: str

    weight = 1


class SeenUse(msgspec.Struct, frozen=True):
    """A use: when, where (empty for nowhere named), under which reference, and until when that location may undo it."""

    used_at: datetime
    location_id: str
    reference: str
    undo_until: datetime


CounterErrand: TypeAlias = Verify | Use | UndoUse


def counter_desk(request: Request[Any, Any, Any]) -> BatchExecutor[CounterErrand]:
    """Return this process's counter desk."""
    desk: BatchExecutor[CounterErrand] = request.app.state.counter_desk
    return desk


class _Batch(msgspec.Struct):
    """What a batch knows, and what it does; a voucher taken once is taken for the rest of the batch."""

    now: datetime
    vouchers: Mapping[tuple[UUID, str], Mapping[str, Any]]
    titles: Mapping[tuple[UUID, int], Any]
    locations: Collection[tuple[UUID, str]]
    changes: dict[UUID, tuple[object, ...]]
    undone: dict[UUID, tuple[object, ...]]
    events: list[tuple[int, Event]]


class CounterDesk:
    """How a batch at the counter is taken."""

    def __init__(self, clock: Clock, cursors: Cursors) -> None:
        """Keep the clock, and what signs the use tokens."""
        self._clock = clock
        self._cursors = cursors
        self._titles = Titles()

    async def decide(self, work: UnitOfWork, errands: Sequence[CounterErrand]) -> Decided:
        """Answer the errands in their order. A voucher that is named twice is taken once; then it is used."""
        return await self._decide(work, errands, self._clock)

    async def take_at(
        self, work: UnitOfWork, errands: Sequence[CounterErrand], at: datetime
    ) -> Sequence[Outcome | Refusal]:
        """Decide and post as if it were that instant: for the demo's past."""
        decided = await self._decide(work, errands, Standing(at))
        await decided.write()
        return decided.results

    async def _decide(self, work: UnitOfWork, errands: Sequence[CounterErrand], clock: Clock) -> Decided:
        lock = any(not isinstance(errand, Verify) for errand in errands)
        rows = await _vouchers(work, errands, lock=lock)
        keys = [errand.key.columns for errand in errands if errand.key is not None]
        answered, asked_at = await read_all(work, [(ANSWERED, keys), NOW])
        now = clock.shifted(asked_at[0])
        titles = await self._titles.of({(row["offer_id"], row["revision"]) for row in rows.values()})
        places = {(e.partner_id, e.body.location_id) for e in errands if e.body.location_id}
        batch = _Batch(now, rows, titles, await known_locations(places) if places else (), {}, {}, [])
        answers = Answers(answered)
        fresh: list[tuple[Key, Outcome]] = []
        results = [self._answer(errand, batch, answers, fresh) for errand in errands]
        writes = Writes(now)
        writes.add(_USED, list(batch.changes.values()))
        writes.add(_UNDONE, list(batch.undone.values()))
        writes.add(EVENTS, [event_row(event, bucket) for bucket, event in batch.events])
        writes.add(OUTCOMES, [outcome_row(key, outcome) for key, outcome in fresh])
        return Decided(results, lambda: writes.run(work))

    def _answer(
        self, errand: CounterErrand, batch: _Batch, answers: Answers, fresh: list[tuple[Key, Outcome]]
    ) -> Outcome | Refusal:
        earlier = None if errand.key is None else answers.known(errand.key)
        if earlier is not None:
            return earlier
        try:
            outcome = self._do(errand, batch)
        except Refusal as refusal:  # not for a state reason: not stored
            return refusal
        if errand.key is not None:
            answers.add(errand.key, outcome)
            fresh.append((errand.key, outcome))
        return outcome

    def _do(self, errand: CounterErrand, batch: _Batch) -> Outcome:
        location_id = errand.body.location_id
        if location_id and (errand.partner_id, location_id) not in batch.locations:
            raise InvalidField("location_id", "不是您登记的门店。", "is not one of your registered locations.")
        if isinstance(errand, Use):
            check_token(errand.body, errand.partner_id, batch.now, self._cursors)
        try:
            voucher = batch.vouchers.get((errand.partner_id, spelled(errand.body.code)))
            if voucher is None:
                raise UnknownVoucher
            return Outcome(200, msgspec.json.encode(self._take(errand, voucher, batch)))
        except Refusal as refusal:
            return refused(refusal, errand.language)

    def _take(
        self, errand: CounterErrand, voucher: Mapping[str, Any], batch: _Batch
    ) -> VerifiedVoucher | UsedVoucher | UndoneUse:
        match errand:
            case Verify():
                return self._verify(errand, voucher, batch)
            case Use():
                return _use(errand, voucher, batch)
            case UndoUse():
                return _undo(errand, voucher, batch)

    def _verify(self, errand: Verify, voucher: Mapping[str, Any], batch: _Batch) -> VerifiedVoucher:
        status = VoucherStatus.USED if voucher["id"] in batch.changes else status_now(voucher, batch.now)
        token = None
        if status is VoucherStatus.ISSUED:
            token = new_token(spelled(errand.body.code), errand.partner_id, batch.now, self._cursors)
        return VerifiedVoucher(
            voucher_id=voucher["id"],
            status=status.value,
            offer_id=voucher["offer_id"],
            title=batch.titles[voucher["offer_id"], voucher["revision"]],
            quantity=voucher["quantity"],
            expires_at=voucher["expires_at"],
            use_token=token,
        )


async def see_use(partner_id: UUID, code: str) -> SeenUse | None:
    """Return how the partner's voucher was used; None for one that is not used, or not there."""
    async with unit_of_work("REPEATABLE READ") as work:
        found = await _vouchers(work, [Verify(partner_id, VoucherVerifyInput(code), "")], lock=False)
    voucher = found.get((partner_id, spelled(code)))
    if voucher is None or voucher["status"] != VoucherStatus.USED:
        return None
    terms = msgspec.convert(voucher["settlement"], SettlementTerms)
    until = min(voucher["used_at"] + timedelta(minutes=terms.counter_cancel_minutes), voucher["expires_at"])
    return SeenUse(voucher["used_at"], voucher["location_id"], voucher["reference"], until)


def _use(errand: Use, voucher: Mapping[str, Any], batch: _Batch) -> UsedVoucher:
    body = errand.body
    after = status_when_used(voucher, batch.now)
    if voucher["id"] in batch.changes or voucher["id"] in batch.undone:
        raise VoucherRefused(after.value, batch.now)
    batch.changes[voucher["id"]] = (
        voucher["bucket"],
        voucher["id"],
        after.value,
        body.location_id or "",
        body.reference,
    )
    batch.events.append(
        (voucher["bucket"], used_event(voucher, body, errand.partner_id, voucher["settlement"], batch.now))
    )
    return UsedVoucher(voucher["id"], after.value, batch.now, voucher["offer_id"], voucher["quantity"], body.reference)


def _undo(errand: UndoUse, voucher: Mapping[str, Any], batch: _Batch) -> UndoneUse:
    terms = msgspec.convert(voucher["settlement"], SettlementTerms)
    location_id = errand.body.location_id or ""
    after = status_when_undone(voucher, location_id, terms.counter_cancel_minutes, batch.now)
    if voucher["id"] in batch.undone:
        raise NotUsed
    batch.undone[voucher["id"]] = (voucher["bucket"], voucher["id"], after.value, voucher["occasion"])
    batch.events.append((voucher["bucket"], undone_event(voucher, terms, errand.body.reason, batch.now)))
    return UndoneUse(
        voucher["id"], after.value, batch.now, voucher["offer_id"], voucher["quantity"], voucher["expires_at"]
    )


async def _vouchers(
    work: UnitOfWork, errands: Sequence[CounterErrand], *, lock: bool
) -> dict[tuple[UUID, str], asyncpg.Record]:
    """Return the vouchers by (partner, code as it was asked for); whoever's they are not does not find them."""
    ours: dict[tuple[UUID, str], tuple[int, str]] = {}
    theirs: set[tuple[UUID, str]] = set()
    for errand in errands:
        try:
            code, bucket = read_code(errand.body.code)
            ours[errand.partner_id, code] = (bucket, code)
        except UnreadableCodeError:
            theirs.add((errand.partner_id, spelled(errand.body.code)))
    if theirs:
        for row in await work.fetch(_OWN_CODES, _BY_OWN_CODE.json(sorted(theirs))):
            ours[row["partner_id"], row["code"]] = (row["bucket"], row["voucher_code"])
    if not ours:
        return {}
    statement = _FIND + (" ORDER BY v.bucket, v.id FOR UPDATE OF v" if lock else "")
    found = {row["code"]: row for row in await work.fetch(statement, _BY_CODE.json(sorted(set(ours.values()))))}
    return {
        (partner_id, asked): found[code]
        for (partner_id, asked), (_, code) in ours.items()
        if code in found and found[code]["partner_id"] == partner_id
    }
