"""Guesses are counted before they are looked at: in the database, in one statement, so that parallel tries all count.

The window is fixed and begins with the first guess. What is counted is hashed: the table holds no address in the clear.
Messages to a mailbox are counted in the same way, over a day.
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
"""Under a new secret key the windows begin again: whoever guesses has one more of each."""


class GuessLimit(msgspec.Struct, frozen=True):
    """How many guesses one window allows."""

    what: str
    most: int
    window: timedelta = WINDOW


BY_EMAIL = GuessLimit("email", 10)
"""Passwords for one e-mail address, known or not."""

BY_ADDRESS = GuessLimit("address", 60)
"""Of one internet address: a company's people sit behind one."""

BY_DEVICE = GuessLimit("device", 10)
"""Passwords for one e-mail address from a browser in which its person signed in before."""

BY_PERSON = GuessLimit("second factor", 5)
"""Second factors of one person: with three good codes of a million a year of guessing finds one with 40 % at five
per quarter of an hour; the password must have been right each time."""

BY_MAILBOX = GuessLimit("mailbox", 3)
"""Messages with a new link, for one e-mail address."""


BY_PERSON_AND_DEVICE = GuessLimit("second factor on a device", 5)
"""The same from a browser in which the person signed in before: somebody who has the password cannot use these up."""

A_DAY = timedelta(days=1)

LINKS_A_DAY = GuessLimit("links", 5, A_DAY)
"""Messages with a link to one mailbox in a day: invitations of all partners, repeated ones, new passwords."""

LINKS_A_DAY_OF_DEVICE = GuessLimit("links from a device", 3, A_DAY)
"""Those that a browser asks for in which the person signed in before: strangers who ask cannot use these up."""


class TooManyMessages(Refusal):
    """The mailbox got as many messages with a link as it gets in a day, whoever had them sent."""

    kind = Kind.TOO_MANY
    code = "too_many_messages"
    zh = "今天发往该邮箱的邀请已达上限（{most} 封）；请让对方查看收件箱和垃圾邮件，或明天再试。"
    en = "This mailbox was sent {most} messages today, which is the most; have its owner look for them, or try again tomorrow."
    explanation = Explanation(
        Text("该邮箱今天收到的邀请已达上限。", "The mailbox has received the most invitations of a day."),
        Text("请让对方查看垃圾邮件，或明天再试。", "Have its owner look in the spam folder, or try again tomorrow."),
    )


async def count_link(work: UnitOfWork, email: str, now: datetime, device: str | None = None) -> bool:
    """Count a message with a link to the mailbox, in this unit of work, and return whether it may be sent.

    `device` is what a known browser that asks for it is counted under (devices.py).
    """
    if device is not None and await _count(work, LINKS_A_DAY_OF_DEVICE, _of_device(device), now):
        return True
    return await _count(work, LINKS_A_DAY, _mailbox(email), now)


async def check_links(work: UnitOfWork, email: str, now: datetime) -> None:
    """Count nothing; raise TooManyMessages if the mailbox gets no more today."""
    row = PartnerStaffGuessRow
    full = row.exists().where(row.key == _mailbox(email), row.since > now - A_DAY, row.tries >= LINKS_A_DAY.most)
    if await work.run(full):
        raise TooManyMessages(most=LINKS_A_DAY.most)


def _mailbox(email: str) -> bytes:
    # No key: the same count is kept by whoever writes to the mailbox, and the address stands on partners' lists anyway.
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
    """Counts guesses."""

    def __init__(self, ring: KeyRing) -> None:
        """Derive the key under which the counted things are hashed."""
        self._key = ring.fleeting(_PURPOSE)

    async def allows(self, limit: GuessLimit, thing: str, now: datetime) -> bool:
        """Count one guess and return whether it may be looked at."""
        async with unit_of_work() as work:
            return await _count(work, limit, self._hash(limit, thing), now)

    async def forgive(self, limit: GuessLimit, thing: str) -> None:
        """Forget the guesses: the right one was among them."""
        async with unit_of_work() as work:
            await work.run(PartnerStaffGuessRow.delete().where(PartnerStaffGuessRow.key == self._hash(limit, thing)))

    def _hash(self, limit: GuessLimit, thing: str) -> bytes:
        return hmac.new(self._key, f"{limit.what}\n{thing}".encode(), hashlib.sha256).digest()


async def delete_guesses(now: datetime) -> None:
    """Delete windows that have ended, the longest included."""
    await PartnerStaffGuessRow.delete().where(PartnerStaffGuessRow.since <= now - A_DAY)
