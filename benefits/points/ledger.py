"""The one way in which points move: load wallets under lock, and post what was decided, both set-based."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeAlias
from uuid import UUID

import asyncpg

from benefits.points.domain import Account, MemberState, PointsPostingCode, Posting, Wallet
from marketplace.kernel.ids import bucket_of
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.reads import Read, read_all
from marketplace.platform.postgres.rows import Columns
from marketplace.platform.postgres.writes import Write, Writes

_MEMBERS = "bucket smallint, member_id uuid"
_KEYS = Columns(_MEMBERS)

FoundWallet: TypeAlias = tuple[UUID, int, str, bool, date | None, int | None, bool]
"""Member, balance, tier, whether the member may redeem; day and points of a lot, if there is one; whether the wallet is
unchanged since the statement began."""

_LOCK = f"""
SELECT w.member_id FROM {_KEYS.table(1, "wanted")}
JOIN wallet w ON w.bucket = wanted.bucket AND w.member_id = wanted.member_id ORDER BY w.member_id FOR UPDATE OF w
"""

_WALLET = """SELECT ROW(w.member_id, w.balance, m.tier, m.status = 'active', l.expires_on, l.points, {as_seen})
    FROM {{wanted}}
    JOIN wallet w ON w.bucket = wanted.bucket AND w.member_id = wanted.member_id
    JOIN member m ON m.bucket = wanted.bucket AND m.id = wanted.member_id
    LEFT JOIN LATERAL (
        SELECT expires_on, points FROM lot
        WHERE lot.bucket = w.bucket AND lot.member_id = w.member_id AND lot.points > 0 OFFSET 0
    ) AS l ON true"""

WALLETS = Read(_MEMBERS, _WALLET.format(as_seen="true"))
"""The wallets of members by (bucket, member id), each once for each of its lots; who is not found does not exist."""

LOCKED_WALLETS = Read(
    _MEMBERS,
    _WALLET.format(
        as_seen="w.ctid = (SELECT seen.ctid FROM wallet seen WHERE seen.bucket = w.bucket AND seen.member_id = w.member_id)"
    )
    + " ORDER BY w.member_id FOR UPDATE OF w",
    locks="wallet",
)
"""The same, locked in id order.

With each, whether it is as the statement saw it when it began: one whose lock was waited for may have been changed
meanwhile (it is another version of the row, at another place). The lock shows it as it is now, but its lots, and all else that
the same statement reads, are what was there before.
"""

_TRANSACTIONS = Columns("bucket smallint, transaction_id uuid")
_POSTINGS_OF = f"""
SELECT p.transaction_id, p.member_id, p.expires_on, p.points, p.counterparty, p.occurred_at
FROM {_TRANSACTIONS.table(1, "wanted")}
JOIN points_posting p USING (bucket, transaction_id) WHERE p.code = $2 ORDER BY p.transaction_id, p.line
"""

_WALLETS = Write(
    "wallets",
    "bucket smallint, member_id uuid, change bigint, held bigint",
    """UPDATE wallet w SET balance = w.balance + d.change, held = w.held + d.held
    FROM {rows}
    WHERE w.bucket = d.bucket AND w.member_id = d.member_id RETURNING 1""",
)

_LOT_POINTS = Write(
    "lots",
    "bucket smallint, member_id uuid, expires_on date, points bigint",
    """INSERT INTO lot (bucket, member_id, expires_on, points) SELECT * FROM {rows}
    ON CONFLICT (bucket, member_id, expires_on) DO UPDATE SET points = excluded.points""",
)

_POSTINGS = Write(
    "posted",
    "bucket smallint, transaction_id uuid, line smallint, member_id uuid, code text, source text, destination text, "
    "counterparty uuid, expires_on date, points bigint, reverses uuid",
    """INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination, counterparty,
                                expires_on, points, reverses, occurred_at) SELECT d.*, {now} FROM {rows}""",
)


async def read_members(work: UnitOfWork, member_ids: Collection[UUID]) -> dict[UUID, MemberState]:
    """Return the members' state without locking it, for what only looks."""
    (wallets,) = await read_all(work, [(WALLETS, wallet_keys(member_ids))])
    return member_states(wallets)


async def lock_wallets(work: UnitOfWork, member_ids: Iterable[UUID]) -> set[UUID]:
    """Lock the members' wallets in id order, before something is read that depends on them; return whose there are."""
    return {row["member_id"] for row in await work.fetch(_LOCK, _KEYS.json(wallet_keys(member_ids)))}


def wallet_keys(member_ids: Iterable[UUID]) -> list[tuple[int, UUID]]:
    """Return the keys by which `WALLETS` reads."""
    return [(bucket_of(member_id), member_id) for member_id in set(member_ids)]


def are_as_seen(wallets: Iterable[FoundWallet]) -> bool:
    """Return whether none of the wallets was changed while its lock was waited for."""
    return all(as_seen for *_, as_seen in wallets)


def member_states(wallets: Iterable[FoundWallet]) -> dict[UUID, MemberState]:
    """Return the members as `WALLETS` found them."""
    states: dict[UUID, MemberState] = {}
    for member_id, balance, tier, active, expires_on, points, _ in wallets:
        state = states.get(member_id)
        if state is None:
            state = states[member_id] = MemberState(Wallet(member_id, balance, {}), tier, active)
        if expires_on is not None and points is not None:
            state.wallet.lots[expires_on] = points
    return states


async def postings_of(
    work: UnitOfWork, transactions: Sequence[tuple[int, UUID]], code: PointsPostingCode
) -> list[asyncpg.Record]:
    """Return the postings of that code by (bucket, transaction id), line by line."""
    return await work.fetch(_POSTINGS_OF, _TRANSACTIONS.json(transactions), code)


def post(writes: Writes, postings: Sequence[Posting], members: Mapping[UUID, MemberState]) -> None:
    """Add the postings, the wallets' balances and the lots that they touched to the writes.

    `members` are those whom the decisions changed in memory, under lock_wallets' locks. Balances move by difference,
    so that the row's CHECK and not our arithmetic has the last word.
    """
    balances: dict[UUID, int] = defaultdict(int)
    held: dict[UUID, int] = defaultdict(int)
    touched: set[tuple[UUID, date]] = set()
    lines: dict[UUID, int] = defaultdict(int)
    rows = []
    for posting in postings:
        member_id, source, destination = posting.member_id, posting.source, posting.destination
        if source is Account.WALLET or destination is Account.WALLET:
            balances[member_id] += posting.points if destination is Account.WALLET else -posting.points
            touched.add((member_id, posting.expires_on))
        if source is Account.HELD or destination is Account.HELD:
            held[member_id] += posting.points if destination is Account.HELD else -posting.points
        lines[posting.transaction_id] += 1
        rows.append(_row(posting, lines[posting.transaction_id]))
    changed = sorted(balances.keys() | held.keys())
    writes.add(_WALLETS, [(bucket_of(m), m, balances.get(m, 0), held.get(m, 0)) for m in changed])
    writes.add(_LOT_POINTS, [(bucket_of(m), m, day, members[m].wallet.lots.get(day, 0)) for m, day in sorted(touched)])
    writes.add(_POSTINGS, rows)


def _row(posting: Posting, line: int) -> tuple[object, ...]:
    return (
        bucket_of(posting.member_id), posting.transaction_id, line, posting.member_id, posting.code, posting.source,
        posting.destination, posting.counterparty, posting.expires_on, posting.points, posting.reverses,
    )  # fmt: skip
