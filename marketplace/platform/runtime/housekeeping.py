"""The platform's own cleanup jobs: expired outcomes, sessions and ticks."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from marketplace.kernel.clock import WALL
from marketplace.platform.eventlog.jobs import Job
from marketplace.platform.http.rate_limits import delete_windows
from marketplace.platform.outbound.mail import delete_old_mail
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings

BATCH = 5000
"""Rows in one statement: locks are short, and a missed night is caught up in a few rounds."""


def jobs(settings: Settings) -> Sequence[Job]:
    """Return the platform's own jobs."""

    async def clean_up_answers() -> None:
        await delete_idempotency(settings.idempotency_days)

    async def clean_up_forms() -> None:
        await delete_form_answers(WALL.now())

    async def clean_up_messages() -> None:
        await delete_old_mail(WALL.now())

    return [
        Job("platform.clean_up_answers", "23 * * * *", clean_up_answers),
        Job("platform.clean_up_sessions", "41 * * * *", delete_sessions),
        Job("platform.forget_form_answers", "47 * * * *", clean_up_forms),
        Job("platform.clean_up_ticks", "53 * * * *", delete_ticks),
        Job("platform.clean_up_windows", "7 * * * *", delete_windows),
        Job("platform.clean_up_mail", "11 3 * * *", clean_up_messages),
    ]


async def delete_idempotency(days: int) -> int:
    """Delete outcomes older than the published number of days and return how many there were."""
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


async def delete_sessions() -> None:
    """Delete expired sessions."""
    await DB.fetch("DELETE FROM web_session WHERE expires_at <= $1", WALL.now())


async def delete_form_answers(now: datetime) -> None:
    """Delete the results of submitted forms, once no page has their key any more."""
    await DB.fetch("DELETE FROM form_answer WHERE expires_at <= $1", now)


async def delete_ticks() -> None:
    """Delete ticks that every consumer has passed, except the last of them; without consumers none."""
    await DB.fetch(
        "DELETE FROM event_tick WHERE id < (SELECT min(tick) FROM consumer_position) AND at < $1",
        WALL.now() - timedelta(hours=1),
    )
