"""A batch at the counter: vouchers verified and used, all that arrive together in one transaction.

A partner only finds vouchers of its own offers, by our code or by one of its own that was handed out with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request

from benefits.offers.titles import Titles
from benefits.redemptions.counter import spelled
from benefits.redemptions.counter_commands import COUNTER_COMMANDS, CounterCommand, CounterContext, Verify
from benefits.redemptions.domain import VoucherStatus
from benefits.redemptions.events import SettlementTerms
from benefits.redemptions.schemas import VoucherVerifyInput
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock, FixedClock
from marketplace.kernel.codes import UnreadableCodeError, read_code
from marketplace.kernel.refusals import Refusal
from marketplace.platform.batching.commands import handle_all
from marketplace.platform.batching.executor import BatchExecutor, Decided
from marketplace.platform.http.idempotency import READ as ANSWERED
from marketplace.platform.http.idempotency import Answers, Outcome
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.platform.postgres.rows import Columns
from marketplace.platform.postgres.writes import Writes
from partners.locations.locations import known_locations

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


class VoucherUse(msgspec.Struct, frozen=True):
    """A use: when, where (empty for nowhere named), under which reference, and until when that location may undo it."""

    used_at: datetime
    location_id: str
    reference: str
    undo_until: datetime


def counter_desk(request: Request[Any, Any, Any]) -> BatchExecutor[CounterCommand]:
    """Return this process's counter desk."""
    return BenefitsServices.of(request).counter_desk


class CounterBatch:
    """How a batch at the counter is decided."""

    def __init__(self, clock: Clock, cursors: Cursors) -> None:
        """Keep the clock, and what signs the use tokens."""
        self._clock = clock
        self._cursors = cursors
        self._titles = Titles()

    async def decide(self, work: UnitOfWork, commands: Sequence[CounterCommand]) -> Decided:
        """Decide the commands in their order. A voucher that is named twice is used once; then it is used."""
        return await self._decide(work, commands, self._clock)

    async def run_at(
        self, work: UnitOfWork, commands: Sequence[CounterCommand], at: datetime
    ) -> Sequence[Outcome | Refusal]:
        """Decide and write as if it were that instant: for the demo's past."""
        decided = await self._decide(work, commands, FixedClock(at))
        await decided.write()
        return decided.results

    async def _decide(self, work: UnitOfWork, commands: Sequence[CounterCommand], clock: Clock) -> Decided:
        lock = any(not isinstance(command, Verify) for command in commands)
        vouchers = await _vouchers(work, commands, lock=lock)
        keys = [command.key.columns for command in commands if command.key is not None]
        rows, at = await COUNTER_COMMANDS.read(work, [(ANSWERED, keys)])
        titles = await self._titles.of({(row["offer_id"], row["revision"]) for row in vouchers.values()})
        named = {(one.partner_id, one.body.location_id) for one in commands if one.body.location_id}
        locations = await known_locations(named) if named else ()
        context = CounterContext(clock.shifted(at), vouchers, titles, locations, self._cursors)
        results = handle_all(COUNTER_COMMANDS, commands, context, Answers(rows[ANSWERED]))
        writes = Writes(context.now)
        context.add_to(writes)
        return Decided(results, lambda: writes.run(work))


async def get_use(partner_id: UUID, code: str) -> VoucherUse | None:
    """Return how the partner's voucher was used; None for one that is not used, or not there."""
    async with unit_of_work("REPEATABLE READ") as work:
        found = await _vouchers(work, [Verify(partner_id, VoucherVerifyInput(code), "")], lock=False)
    voucher = found.get((partner_id, spelled(code)))
    if voucher is None or voucher["status"] != VoucherStatus.USED:
        return None
    terms = msgspec.convert(voucher["settlement"], SettlementTerms)
    until = min(voucher["used_at"] + timedelta(minutes=terms.counter_cancel_minutes), voucher["expires_at"])
    return VoucherUse(voucher["used_at"], voucher["location_id"], voucher["reference"], until)


async def _vouchers(
    work: UnitOfWork, commands: Sequence[CounterCommand], *, lock: bool
) -> dict[tuple[UUID, str], asyncpg.Record]:
    """Return the vouchers by (partner, code as it was asked for). A partner only finds its own vouchers."""
    ours: dict[tuple[UUID, str], tuple[int, str]] = {}
    theirs: set[tuple[UUID, str]] = set()
    for command in commands:
        try:
            code, bucket = read_code(command.body.code)
            ours[command.partner_id, code] = (bucket, code)
        except UnreadableCodeError:
            theirs.add((command.partner_id, spelled(command.body.code)))
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
