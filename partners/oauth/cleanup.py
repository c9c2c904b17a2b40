"""Deletes expired rows of the OAuth server; runs each hour."""

from datetime import datetime, timedelta

from marketplace.platform.postgres.database import DB, unit_of_work

BATCH = 5000
"""Rows for each statement: locks stay short, and a backlog takes a few rounds."""

_SWEPT = {
    "oauth_assertion": "expires_at < $1::timestamptz - interval '1 minute'",
    "oauth_dpop_proof": "expires_at < $1::timestamptz - interval '1 minute'",
    "oauth_revoked_token": "expires_at < $1::timestamptz - interval '1 minute'",
    "oauth_pushed_request": "expires_at < $1::timestamptz - interval '1 hour'",
    # Kept longer than it is valid, so that a second use is detected.
    "oauth_code": "expires_at < $1::timestamptz - interval '1 day'",
    "oauth_refresh_token": "expires_at < $1::timestamptz - interval '1 day'",
    "oauth_initial_token": "expires_at < $1::timestamptz - interval '30 days'",
}

_UNUSED = timedelta(hours=1)
_KEEP_ENDED = timedelta(days=400)


async def delete_expired(now: datetime) -> int:
    """Delete expired rows and stored responses; return the number of deleted rows."""
    total = 0
    for table, over in _SWEPT.items():
        total += await _all(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {over} LIMIT $2))", now
        )
    async with unit_of_work() as work:
        await work.execute(
            "UPDATE oauth_refresh_token SET answer_sealed = NULL WHERE answer_sealed IS NOT NULL AND rotated_at < $1",
            now - timedelta(minutes=5),
        )
    # Grants whose code was never exchanged, and grants that ended long ago. Their tokens were deleted above.
    total += await _all(
        "DELETE FROM oauth_grant WHERE id = ANY(ARRAY(SELECT g.id FROM oauth_grant g WHERE"
        " ((g.used_at IS NULL AND g.created_at < $1::timestamptz) OR least(g.revoked_at, g.expires_at) < $3)"
        " AND NOT EXISTS (SELECT FROM oauth_code c WHERE c.grant_id = g.id)"
        " AND NOT EXISTS (SELECT FROM oauth_refresh_token t WHERE t.grant_id = g.id) LIMIT $2))",
        now - _UNUSED,
        now - _KEEP_ENDED,
    )
    return total


async def _all(statement: str, *values: datetime) -> int:
    total = 0
    while True:
        gone = await DB.fetch(f"{statement} RETURNING 1", values[0], BATCH, *values[1:])
        total += len(gone)
        if len(gone) < BATCH:
            return total
