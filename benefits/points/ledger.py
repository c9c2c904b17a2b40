"""The one way in which points move: load wallets under lock, and post what was decided, both set-based."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

from benefits.points.domain import Account, MemberState, Posting, Wallet
from marketplace.kernel.ids import bucket_of
from marketplace.platform.database import UnitOfWork
from marketplace.platform.reads import Read, read_all
from marketplace.platform.rows import Columns
from marketplace.platform.writes import Write, Writes

_MEMBERS = "bucket smallint, member_id uuid"
_KEYS = Columns(_MEMBERS)

_LOCK = f"""
SELECT w.member_id FROM {_KEYS.table(1, "wanted")}
JOIN wallet w ON w.bucket = wanted.bucket AND w.member_id = wanted.member_id ORDER BY w.member_id FOR UPDATE OF w
"""

WALLETS = Read(
    _MEMBERS,
    """SELECT ROW(w.member_id, w.balance, m.tier, m.status = 'active',
                  w.ctid = (SELECT seen.ctid FROM wallet seen WHERE seen.bucket = w.bucket AND seen.member_id = w.member_id))
    FROM {wanted}
    JOIN wallet w ON w.bucket = wanted.bucket AND w.member_id = wanted.member_id
    JOIN member m ON m.bucket = wanted.bucket AND m.id = wanted.member_id
    ORDER BY w.member_id FOR UPDATE OF w""",
)
"""The wallets of members by (bucket, member id), locked in id order; who is not found does not exist.

With each, whether it is as the statement saw it when it began: one whose lock was waited for may have been changed
meanwhile (it is another version of the row, at another place). The lock shows it as it is now, but all else that the same
statement reads is what was there before.
"""

_LOOK = Read(_MEMBERS, WALLETS.sql.replace("FOR UPDATE OF w", ""))

LOTS = Read(
    _MEMBERS,
    """SELECT ROW(wanted.member_id, found.expires_on, found.points)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT expires_on, points FROM lot l
        WHERE l.bucket = wanted.bucket AND l.member_id = wanted.member_id AND l.points > 0 OFFSET 0
    ) AS found""",
)
"""The lots of members by (bucket, member id)."""

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
    "counterparty uuid, expires_on date, points bigint, reverses uuid, occurred_at timestamptz",
    """INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination, counterparty,
                                expires_on, points, reverses, occurred_at) SELECT * FROM {rows}""",
)


async def read_members(work: UnitOfWork, member_ids: Collection[UUID]) -> dict[UUID, MemberState]:
    """Return the members' state without locking it, for what only looks."""
    keys = wallet_keys(member_ids)
    return member_states(*await read_all(work, [(_LOOK, keys), (LOTS, keys)]))


async def lock_wallets(work: UnitOfWork, member_ids: Iterable[UUID]) -> None:
    """Lock the members' wallets in id order, before something is read that depends on them."""
    await work.execute(_LOCK, _KEYS.json(wallet_keys(member_ids)))


def wallet_keys(member_ids: Iterable[UUID]) -> list[tuple[int, UUID]]:
    """Return the keys by which `WALLETS` and `LOTS` read."""
    return [(bucket_of(member_id), member_id) for member_id in set(member_ids)]


def are_as_seen(wallets: Iterable[tuple[UUID, int, str, bool, bool]]) -> bool:
    """Return whether none of the wallets was changed while its lock was waited for."""
    return all(as_seen for *_, as_seen in wallets)


def member_states(
    wallets: Iterable[tuple[UUID, int, str, bool, bool]], lots: Iterable[tuple[UUID, date, int]]
) -> dict[UUID, MemberState]:
    """Return the members as `WALLETS` and `LOTS` found them."""
    states = {
        member_id: MemberState(Wallet(member_id, balance, {}), tier, active)
        for member_id, balance, tier, active, _ in wallets
    }
    for member_id, expires_on, points in lots:
        states[member_id].wallet.lots[expires_on] = points
    return states


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
        member_id, points = posting.member_id, posting.points
        for account, change in ((posting.source, -points), (posting.destination, points)):
            if account is Account.WALLET:
                balances[member_id] += change
                touched.add((member_id, posting.expires_on))
            elif account is Account.HELD:
                held[member_id] += change
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
        posting.occurred_at,
    )  # fmt: skip
