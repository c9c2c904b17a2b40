"""E-mail: written in the transaction that causes it, sent afterwards by the workers.

A waiting text is encrypted, since it contains links that grant access, and is deleted once sent. The settings decide where it
goes: an SMTP server; a folder of messages in a demo and in tests; in production without a server it waits.
"""

import asyncio
import os
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import structlog

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.kernel.keyring import KeyRing, Purpose, WrongSecretError
from marketplace.kernel.mail_addresses import mail_address
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work
from marketplace.platform.postgres.database_time import database_time
from marketplace.platform.sleep import interruptible_sleep
from marketplace.settings import Settings

FOLDER = "mail"
"""The folder for a demo's messages, within the data folder."""

DEMO_SENDER = "Marketplace <no-reply@marketplace.example>"

PURPOSE = Purpose("waiting mail", ("outgoing_mail.text_sealed",))
_TIMEOUT_S = 20.0
_CLAIM = timedelta(minutes=5)
"""Longer than a server may take for all the steps of one message: the claim of a dead worker expires."""

_PAUSES = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
"""Seconds before each retry: two days in all, in which a mail server is usually repaired."""

_KEPT = timedelta(days=30)
_IDLE_S = 1.0
_RETRY_S = 5.0
_MOST_ERROR = 300
_FOR_GOOD = 500

logger = structlog.get_logger()

Send = Callable[[EmailMessage], None]
"""Sends one message; blocks, and raises OSError or SMTPException."""


class UnusableAddressError(ValueError):
    """The address cannot receive a message."""


_TAKE = """
WITH due AS (
    SELECT id FROM outgoing_mail WHERE status = 'waiting' AND due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE outgoing_mail m SET claim = $2, claimed_until = $1 + $3::interval FROM due WHERE m.id = due.id
RETURNING m.id, m.recipient, m.subject, m.text_sealed, m.claim, m.created_at, m.tries
"""


async def post_mail(
    work: UnitOfWork,
    ring: KeyRing,
    recipient: str,
    subject: str,
    text: str,
    now: datetime,
    identifier: UUID | None = None,
    about: UUID | None = None,
) -> UUID:
    """Queue a message in this transaction, and return its id; an existing id is not queued again.

    `about` is the id of its subject, such as a partner: the message's status can be shown there.
    """
    identifier = identifier or uuid7()
    await work.execute(
        "INSERT INTO outgoing_mail (id, recipient, subject, text_sealed, status, tries, due_at, created_at, about)"
        " VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5, $6) ON CONFLICT DO NOTHING",
        identifier,
        recipient,
        subject,
        ring.encrypt(PURPOSE, text.encode()),
        now,
        about,
    )
    return identifier


async def post_unsent(work: UnitOfWork, recipient: str, subject: str, reason: str, now: datetime) -> UUID:
    """Record in this transaction that a message was not sent, and return its id: the requester sees the reason.

    `reason` is one for which `mail_view` has a message.
    """
    identifier = uuid7()
    await work.execute(
        "INSERT INTO outgoing_mail (id, recipient, subject, status, tries, error, created_at, ended_at)"
        " VALUES ($1, $2, $3, 'failed', 0, $4, $5, $5)",
        identifier,
        recipient,
        subject,
        reason,
        now,
    )
    return identifier


class MailSender:
    """Sends the queued messages."""

    def __init__(self, settings: Settings, clock: Clock, trust: ssl.SSLContext | None = None) -> None:
        """Choose where messages go; `trust` replaces the public certificate authorities."""
        self._settings = settings
        self._clock = clock
        self._send = _way(settings, trust)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set."""
        if self._send is None:
            logger.warning("mail_waits", reason="MARKETPLACE_SMTP_URL is not set: messages are kept until it is")
            await stop.wait()
            return
        while not stop.is_set():
            pause_s = _IDLE_S
            try:
                pause_s = 0 if await self.once() else _IDLE_S
            except Exception as error:
                pause_s = _RETRY_S
                if is_connection_lost(error):
                    logger.warning("mail_waits_for_database", error=repr(error))
                else:
                    logger.exception("mail_interrupted")
            await interruptible_sleep(stop, pause_s)

    async def once(self) -> bool:
        """Send the message that has been due for longest, and return whether there was one; False without a mail transport.

        One at a time: a second would wait behind a slow server while its claim expired, and be sent by another worker as well.
        """
        if self._send is None:
            return False
        async with unit_of_work() as work:
            row = await work.fetchrow(_TAKE, await self._now(work), uuid4(), _CLAIM)
        if row is not None:
            await self._deliver(row, self._send)
        return row is not None

    async def _now(self, work: UnitOfWork) -> datetime:
        """Return the database's time, which is the same for all senders."""
        return await database_time(work, self._clock)

    async def _deliver(self, row: Any, send: Send) -> None:
        """Send one message, outside of any transaction, and record the result."""
        error, final = "", False
        try:
            await asyncio.to_thread(send, self._message(row))
        except (OSError, smtplib.SMTPException, MessageError, ValueError, WrongSecretError) as failure:
            error, final = _readable(failure), is_final(failure)
            logger.warning("mail_not_sent", mail=str(row["id"]), error=error)
        last = final or row["tries"] >= len(_PAUSES)
        status = "sent" if not error else "failed" if last else "waiting"
        pause_s = 0 if status != "waiting" else _PAUSES[row["tries"]]
        async with unit_of_work() as work:
            now = await self._now(work)
            await work.execute(
                "UPDATE outgoing_mail SET status = $3, tries = tries + 1, claim = NULL, claimed_until = NULL, error = $4,"
                " text_sealed = CASE WHEN $3 = 'waiting' THEN text_sealed END,"
                " due_at = CASE WHEN $3 = 'waiting' THEN $5::timestamptz END,"
                " ended_at = CASE WHEN $3 <> 'waiting' THEN $6::timestamptz END"
                " WHERE id = $1 AND claim = $2 AND status = 'waiting'",
                row["id"],
                row["claim"],
                status,
                error,
                now + timedelta(seconds=pause_s),
                now,
            )

    def _message(self, row: Any) -> EmailMessage:
        recipient = mail_address(row["recipient"])
        if recipient is None:  # stored before addresses were checked as they are now
            raise UnusableAddressError("no message can be sent to this address")
        text = self._settings.keys.decrypt(PURPOSE, row["text_sealed"]).decode()
        sender = self._settings.mail_from or DEMO_SENDER
        message = EmailMessage()
        message["From"] = sender
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = row["subject"]
        message["Date"] = format_datetime(row["created_at"])
        # The same for each attempt: a server that accepted it before recognizes it.
        message["Message-ID"] = f"<{row['id']}@{parseaddr(sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no automatic reply is wanted
        message.set_content(text)
        return message


def _way(settings: Settings, trust: ssl.SSLContext | None) -> Send | None:
    if settings.smtp_url:
        return lambda message: by_smtp(settings.smtp_url, message, trust)
    if settings.mode in {"demo", "test"}:
        return lambda message: into_folder(settings.data / FOLDER, message)
    return None


def by_smtp(url: str, message: EmailMessage, trust: ssl.SSLContext | None = None) -> None:
    """Send the message to the server. Raises OSError or SMTPException."""
    with session(url, trust) as server:
        server.send_message(message)


@contextmanager
def session(url: str, trust: ssl.SSLContext | None = None) -> Iterator[smtplib.SMTP]:
    """Yield a logged-in SMTP session. `smtps` uses TLS from the start, `smtp` requires STARTTLS, and only `smtp+plain` is
    unencrypted. Raises OSError or SMTPException.
    """
    parts = urlsplit(url)
    host, trust = parts.hostname or "", trust or ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=_TIMEOUT_S, context=trust)
    else:
        server = smtplib.SMTP(host, parts.port or (587 if parts.scheme == "smtp" else 25), timeout=_TIMEOUT_S)
    with server:
        if parts.scheme == "smtp":
            server.starttls(context=trust)  # raises if the server does not support it: nothing is sent unencrypted
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server


def into_folder(folder: Path, message: EmailMessage) -> None:
    """Write the message as a file that mail programs open, named so that the newest sorts last."""
    folder.mkdir(parents=True, exist_ok=True)
    name = str(message["Message-ID"]).strip("<>").partition("@")[0]
    draft = folder / f".{name}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(bytes(message))  # its links grant access: readable by the owner only
    draft.replace(folder / f"{name}.eml")


def is_final(failure: Exception) -> bool:
    """Return whether retries are useless: the address is unusable, or a server refused it permanently (RFC 5321 §4.2.1).

    A refusal by policy (5.7.x, RFC 3463 §3.8) is mostly about us, such as a relay that does not know us yet: it is retried.
    """
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        answers: list[tuple[int, bytes | str]] = list(failure.recipients.values())
    elif isinstance(failure, smtplib.SMTPDataError):
        answers = [(failure.smtp_code, failure.smtp_error)]
    else:
        return isinstance(failure, UnusableAddressError)
    texts = [text if isinstance(text, bytes) else text.encode() for _, text in answers]
    return all(code >= _FOR_GOOD for code, _ in answers) and not any(text.startswith(b"5.7.") for text in texts)


async def mails_about(thing: UUID, limit: int) -> list[Any]:
    """Return the latest messages about the subject, the newest first: recipient, subject, status, at, error."""
    return await DB.fetch(
        "SELECT recipient, subject, status, coalesce(ended_at, created_at) AS at, error FROM outgoing_mail"
        " WHERE about = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        thing,
        limit,
    )


async def delete_old_mail(now: datetime) -> None:
    """Delete messages that were sent or given up long ago."""
    await DB.fetch("DELETE FROM outgoing_mail WHERE ended_at < $1", now - _KEPT)


def _readable(failure: Exception) -> str:
    text = f"{type(failure).__name__}: {failure}".replace("\0", "")
    return text[:_MOST_ERROR]
