"""Guesses are counted before they are looked at: in the database, in one statement, so that parallel tries all count.

The window is fixed and begins with the first guess. What is counted is hashed: the table holds no address in the clear.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from marketplace.platform.database import DB, unit_of_work
from marketplace.platform.secretbox import derive

WINDOW = timedelta(minutes=15)


class Limit(msgspec.Struct, frozen=True):
    """How many guesses one window allows."""

    what: str
    most: int


BY_EMAIL = Limit("email", 10)
"""Passwords for one e-mail address, known or not."""

BY_ADDRESS = Limit("address", 60)
"""Of one internet address: a company's people sit behind one."""

BY_PERSON = Limit("second factor", 5)
"""Second factors of one person: with three good codes of a million a year of guessing finds one with 40 % at five
per quarter of an hour; the password must have been right each time."""

BY_MAILBOX = Limit("mailbox", 3)
"""Messages with a new link, for one e-mail address."""


class Throttle:
    """Counts guesses."""

    def __init__(self, secret_key: str) -> None:
        """Derive the key under which the counted things are hashed."""
        self._key = derive(secret_key, "throttle of guesses")

    async def allows(self, limit: Limit, thing: str, now: datetime) -> bool:
        """Count one guess and return whether it may be looked at."""
        async with unit_of_work() as work:
            tries: int = await work.fetchval(
                "INSERT INTO partner_staff_guess AS g (key, since, tries) VALUES ($1, $2, 1) ON CONFLICT (key) DO UPDATE SET"
                " since = CASE WHEN g.since <= $3 THEN $2 ELSE g.since END,"
                " tries = CASE WHEN g.since <= $3 THEN 1 ELSE least(g.tries + 1, 1000000) END RETURNING tries",
                self._hash(limit, thing),
                now,
                now - WINDOW,
            )
        return tries <= limit.most

    async def forgive(self, limit: Limit, thing: str) -> None:
        """Forget the guesses: the right one was among them."""
        async with unit_of_work() as work:
            await work.execute("DELETE FROM partner_staff_guess WHERE key = $1", self._hash(limit, thing))

    def _hash(self, limit: Limit, thing: str) -> bytes:
        return hmac.new(self._key, f"{limit.what}\n{thing}".encode(), hashlib.sha256).digest()


async def forget_guesses(now: datetime) -> None:
    """Delete windows that have ended."""
    await DB.fetch("DELETE FROM partner_staff_guess WHERE since <= $1", now - WINDOW)
