"""Verify, Use and UndoUse: what a partner does with a voucher at its counter."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

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
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.batching.commands import BatchContext, CommandKind, Registry, ok
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.writes import Write

Voucher: TypeAlias = Mapping[str, Any]

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
    """A partner uses a voucher. In the demo's past, where nobody asks twice, there is no key."""

    partner_id: UUID
    body: VoucherUseInput
    key: Key | None
    language: str

    weight = 1


class UndoUse(msgspec.Struct, frozen=True):
    """A partner undoes a use."""

    partner_id: UUID
    body: VoucherUndoInput
    key: Key
    language: str

    weight = 1


CounterCommand: TypeAlias = Verify | Use | UndoUse


class CounterContext(BatchContext):
    """A batch at the counter. A voucher that is used or undone once is so for the rest of the batch."""

    def __init__(
        self,
        now: datetime,
        vouchers: Mapping[tuple[UUID, str], Voucher],
        titles: Mapping[tuple[UUID, int], Any],
        locations: Collection[tuple[UUID, str]],
        cursors: Cursors,
    ) -> None:
        super().__init__(COUNTER_COMMANDS, now, {})
        self.titles = titles
        self.cursors = cursors
        self.used: set[UUID] = set()
        self.undone: set[UUID] = set()
        self._vouchers = vouchers
        self._locations = locations

    def check_location(self, command: CounterCommand) -> None:
        """Raise InvalidField for a location that is not the partner's."""
        location_id = command.body.location_id
        if location_id and (command.partner_id, location_id) not in self._locations:
            raise InvalidField("location_id", "不是您登记的门店。", "is not one of your registered locations.")

    def voucher(self, command: CounterCommand) -> Voucher:
        """Return the voucher that the command names. Raises UnknownVoucher: a partner only finds its own."""
        voucher = self._vouchers.get((command.partner_id, spelled(command.body.code)))
        if voucher is None:
            raise UnknownVoucher
        return voucher


def _verify(command: Verify, batch: CounterContext) -> Outcome:
    batch.check_location(command)
    voucher = batch.voucher(command)
    status = VoucherStatus.USED if voucher["id"] in batch.used else status_now(voucher, batch.now)
    token = None
    if status is VoucherStatus.ISSUED:
        token = new_token(spelled(command.body.code), command.partner_id, batch.now, batch.cursors)
    view = VerifiedVoucher(
        voucher_id=voucher["id"],
        status=status,
        offer_id=voucher["offer_id"],
        title=batch.titles[voucher["offer_id"], voucher["revision"]],
        quantity=voucher["quantity"],
        expires_at=voucher["expires_at"],
        use_token=token,
    )
    return ok(view)


def _use(command: Use, batch: CounterContext) -> Outcome:
    body, now = command.body, batch.now
    batch.check_location(command)
    check_token(body, command.partner_id, now, batch.cursors)
    voucher = batch.voucher(command)
    voucher_id, status = voucher["id"], status_when_used(voucher, now)
    if voucher_id in batch.used or voucher_id in batch.undone:
        raise VoucherRefused(status.value, now)
    batch.used.add(voucher_id)
    batch.record(_USED, (voucher["bucket"], voucher_id, status.value, body.location_id or "", body.reference))
    batch.publish(used_event(voucher, body, command.partner_id, voucher["settlement"], now))
    return ok(UsedVoucher(voucher_id, status, now, voucher["offer_id"], voucher["quantity"], body.reference))


def _undo(command: UndoUse, batch: CounterContext) -> Outcome:
    batch.check_location(command)
    voucher = batch.voucher(command)
    terms = msgspec.convert(voucher["settlement"], SettlementTerms)
    location_id = command.body.location_id or ""
    voucher_id = voucher["id"]
    status = status_when_undone(voucher, location_id, terms.counter_cancel_minutes, batch.now)
    if voucher_id in batch.undone:
        raise NotUsed
    batch.undone.add(voucher_id)
    batch.record(_UNDONE, (voucher["bucket"], voucher_id, status.value, voucher["occasion"]))
    batch.publish(undone_event(voucher, terms, command.body.reason, batch.now))
    return ok(UndoneUse(voucher_id, status, batch.now, voucher["offer_id"], voucher["quantity"], voucher["expires_at"]))


COUNTER_COMMANDS: Registry[CommandKind[Any, CounterContext]] = Registry(
    ("voucher",),
    CommandKind(Verify, _verify),
    CommandKind(Use, _use, writes=(_USED,)),
    CommandKind(UndoUse, _undo, writes=(_UNDONE,)),
)
"""What the counter takes. It locks vouchers by bucket, then id, as a cancellation does."""
