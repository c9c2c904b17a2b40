"""Limits of guesses. Each is counted before it is checked, in one statement, so that concurrent guesses all count.

The window is fixed and begins with the first guess. Keys are hashed: the table holds no address in plain text. Messages to a
mailbox are counted in the same way, over a day.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from marketplace.kernel.keyring import KeyRing, Purpose
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from partners.staff.tables import PartnerStaffGuessRow

WINDOW = timedelta(minutes=15)

_PURPOSE = Purpose("throttle of guesses")
"""A new secret key restarts the windows, which gives a guesser one more of each."""


class GuessLimit(msgspec.Struct, frozen=True):
    """The maximum number of guesses in a window."""

    what: str
    most: int
    window: timedelta = WINDOW


BY_EMAIL = GuessLimit("email", 10)
"""Passwords for one e-mail address, known or not."""

BY_ADDRESS = GuessLimit("address", 60)
"""Passwords from one internet address, which a company's people may share."""

BY_DEVICE = GuessLimit("device", 10)
"""Passwords for one e-mail address from a browser in which its person signed in before."""

BY_PERSON = GuessLimit("second factor", 5)
"""Second factors of one person. Three of a million codes are valid, so at five guesses per quarter of an hour a year of guessing
succeeds with 40 %; the password must have been right each time."""

BY_MAILBOX = GuessLimit("mailbox", 3)
"""Messages with a new link, for one e-mail address."""


BY_PERSON_AND_DEVICE = GuessLimit("second factor on a device", 5)
"""The same from a known browser: a thief of the password cannot use these up."""

A_DAY = timedelta(days=1)

LINKS_A_DAY = GuessLimit("links", 5, A_DAY)
"""Messages with a link to one mailbox in a day: invitations of all partners, repeated ones, new passwords."""

LINKS_A_DAY_OF_DEVICE = GuessLimit("links from a device", 3, A_DAY)
"""The same, requested from a known browser: strangers cannot use these up."""


class TooManyMessages(Refusal):
    """The mailbox has reached its daily limit of messages with a link, from all senders together."""

    kind = Kind.TOO_MANY
    code = "too_many_messages"
    zh = "今天发往该邮箱的邀请已达上限（{most} 封）；请让对方查看收件箱和垃圾邮件，或明天再试。"
    en = "This mailbox has been sent {most} messages today, the daily limit. Ask its owner to find them, or try again tomorrow."
    explanation = Explanation(
        Text("该邮箱今天收到的邀请已达上限。", "The mailbox has reached its daily limit of invitations."),
        Text("请让对方查看垃圾邮件，或明天再试。", "Ask its owner to look in the spam folder, or try again tomorrow."),
    )


async def count_link(work: UnitOfWork, email: str, now: datetime, device: str | None = None) -> bool:
    """Count a message with a link to the mailbox, in this unit of work, and return whether it may be sent.

    `device` is the counter of a known browser that requests it (devices.py).
    """
    if device is not None and await _count(work, LINKS_A_DAY_OF_DEVICE, _of_device(device), now):
        return True
    return await _count(work, LINKS_A_DAY, _mailbox(email), now)


async def check_links(work: UnitOfWork, email: str, now: datetime) -> None:
    """Raise TooManyMessages if the mailbox is at its daily limit; count nothing."""
    row = PartnerStaffGuessRow
    full = row.exists().where(row.key == _mailbox(email), row.since > now - A_DAY, row.tries >= LINKS_A_DAY.most)
    if await work.run(full):
        raise TooManyMessages(most=LINKS_A_DAY.most)


def _mailbox(email: str) -> bytes:
    # No secret key: all senders share this counter, and the address is in partners' lists of people anyway.
    return hashlib.sha256(f"{LINKS_A_DAY.what}\n{email}".encode()).digest()


def _of_device(device: str) -> bytes:
    return hashlib.sha256(f"{LINKS_A_DAY_OF_DEVICE.what}\n{device}".encode()).digest()


async def _count(work: UnitOfWork, limit: GuessLimit, key: bytes, now: datetime) -> bool:
    tries: int = await work.fetchval(
        "INSERT INTO partner_staff_guess AS g (key, since, tries) VALUES ($1, $2, 1) ON CONFLICT (key) DO UPDATE SET"
        " since = CASE WHEN g.since <= $3 THEN $2 ELSE g.since END,"
        " tries = CASE WHEN g.since <= $3 THEN 1 ELSE least(g.tries + 1, 1000000) END RETURNING tries",
        key,
        now,
        now - limit.window,
    )
    return tries <= limit.most


class Throttle:
    """Counters of guesses."""

    def __init__(self, ring: KeyRing) -> None:
        """Derive the key of the hashes."""
        self._key = ring.fleeting(_PURPOSE)

    async def allows(self, limit: GuessLimit, thing: str, now: datetime) -> bool:
        """Count one guess and return whether it may be checked."""
        async with unit_of_work() as work:
            return await _count(work, limit, self._hash(limit, thing), now)

    async def forgive(self, limit: GuessLimit, thing: str) -> None:
        """Reset the counter after a right guess."""
        async with unit_of_work() as work:
            await work.run(PartnerStaffGuessRow.delete().where(PartnerStaffGuessRow.key == self._hash(limit, thing)))

    def _hash(self, limit: GuessLimit, thing: str) -> bytes:
        return hmac.new(self._key, f"{limit.what}\n{thing}".encode(), hashlib.sha256).digest()


async def delete_guesses(now: datetime) -> None:
    """Delete windows that have ended, also the longest."""
    await PartnerStaffGuessRow.delete().where(PartnerStaffGuessRow.since <= now - A_DAY)
