"""What the platform itself does with time: answers, sessions and ticks that nobody needs any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from marketplace.kernel.clock import WALL
from marketplace.platform.eventlog.jobs import Job
from marketplace.platform.http.rate_limits import forget_windows
from marketplace.platform.outbound.mail import forget_mail
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings

BATCH = 5000
"""Rows in one statement: locks are short, and a missed night is caught up in a few rounds."""


def jobs(settings: Settings) -> Sequence[Job]:
    """Return the platform's own jobs."""

    async def forget_answers() -> None:
        await forget_idempotency(settings.idempotency_days)

    async def forget_forms() -> None:
        await forget_form_answers(WALL.now())

    async def forget_messages() -> None:
        await forget_mail(WALL.now())

    return [
        Job("platform.forget_answers", "23 * * * *", forget_answers),
        Job("platform.forget_sessions", "41 * * * *", forget_sessions),
        Job("platform.forget_form_answers", "47 * * * *", forget_forms),
        Job("platform.forget_ticks", "53 * * * *", forget_ticks),
        Job("platform.forget_windows", "7 * * * *", forget_windows),
        Job("platform.forget_mail", "11 3 * * *", forget_messages),
    ]


async def forget_idempotency(days: int) -> int:
    """Delete stored answers older than the published number of days and return how many there were."""
    total, before = 0, WALL.now() - timedelta(days=days)
    while True:
        gone = await DB.fetch(
            "DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency"
            " WHERE created_at < $1 LIMIT $2)) RETURNING 1",
            before, BATCH,
        )  # fmt: skip
        total += len(gone)
        if len(gone) < BATCH:
            return total


async def forget_sessions() -> None:
    """Delete sessions whose time is over."""
    await DB.fetch("DELETE FROM web_session WHERE expires_at <= $1", WALL.now())


async def forget_form_answers(now: datetime) -> None:
    """Delete what sent forms led to, once no page has their key any more."""
    await DB.fetch("DELETE FROM form_answer WHERE expires_at <= $1", now)


async def forget_ticks() -> None:
    """Delete ticks that every consumer has passed, but for the last of them; without consumers none."""
    await DB.fetch(
        "DELETE FROM event_tick WHERE id < (SELECT min(tick) FROM consumer_position) AND at < $1",
        WALL.now() - timedelta(hours=1),
    )
