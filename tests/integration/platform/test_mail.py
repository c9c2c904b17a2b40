"""Messages against a real SMTP server on the loopback: TLS, sign-in, a server that is away, and two senders at once."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from marketplace.kernel.clock import Clock
from marketplace.platform.outbound.mail import FOLDER, MailSender, delete_old_mail, post_mail
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.runtime.doctor_checks import mail_server
from marketplace.settings import Settings, SettingsError, load
from tests.support.authority import Authority
from tests.unit.platform.test_settings import GOOD

SENDER = "权益平台 <no-reply@marketplace.example>"


class Inbox:
    """What the server took; `answers` are given first, such as a refusal for now; `refusals` to recipients."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.answers: list[str] = []
        self.refusals: list[str] = []
        self.people: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(envelope)
        return "250 taken"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        self.people.append(given.login)
        return AuthResult(success=given.password == b"p@ss word", handled=False)


@contextmanager
def smtp(inbox: Inbox, tls: ssl.SSLContext | None = None, *, start: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port: with `tls` from the start, or with STARTTLS."""
    loop = asyncio.SelectorEventLoop()  # aiosmtpd's STARTTLS reaches into asyncio's own loop

    def made() -> SMTP:
        return SMTP(
            inbox,
            tls_context=start,
            authenticator=inbox.authenticate,
            auth_require_tls=False,
            hostname="localhost",
            loop=loop,
        )

    port: Future[int] = Future()

    async def serve(stop: asyncio.Event) -> None:
        async with await loop.create_server(made, "127.0.0.1", 0, ssl=tls) as serving:
            port.set_result(serving.sockets[0].getsockname()[1])
            await stop.wait()

    stop = asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve(stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield port.result(timeout=10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def by(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(settings, smtp_url=url, mail_from=SENDER)


async def wrote(settings: Settings, clock: Clock, text: str = "你好\nhello https://x.example/?a=1") -> None:
    async with unit_of_work() as work:
        await post_mail(work, settings.keys, "li.na@example.com", "邀请 · Invitation", text, clock.now())


async def state() -> tuple[Any, ...]:
    row = await DB.fetchrow("SELECT status, tries, text_sealed IS NULL FROM outgoing_mail")
    assert row is not None
    return tuple(row)


class DatabasesOnly(Clock):
    """A clock of a process that nobody may ask: several senders have one, the database's."""

    def now(self) -> Any:
        raise AssertionError("the process's clock was asked")


async def test_a_slow_server_holds_one_message_and_no_other(database: str, settings: Settings, clock: Clock) -> None:
    for _ in range(3):
        await wrote(settings, clock)
    slow, other = (MailSender(settings, DatabasesOnly()) for _ in range(2))
    gate, sent = threading.Event(), list[Any]()
    slow._send = lambda _: gate.wait(20) and None  # type: ignore[assignment]
    other._send = sent.append
    under_way = asyncio.create_task(slow.once())
    claimed = "SELECT count(*) FROM outgoing_mail WHERE claim IS NOT NULL"
    async with asyncio.timeout(10):
        while not await DB.fetchval(claimed):
            await asyncio.sleep(0.01)
    assert await DB.fetchval(claimed) == 1
    while await other.once():
        pass
    assert len(sent) == 2
    gate.set()
    assert await under_way
    assert await DB.fetchval("SELECT count(*) FROM outgoing_mail WHERE status = 'sent' AND tries = 1") == 3


@pytest.mark.parametrize("scheme", ["smtps", "smtp", "smtp+plain"])
async def test_a_message_arrives(
    database: str, settings: Settings, clock: Clock, authority: Authority, scheme: str
) -> None:
    inbox, context = Inbox(), authority.server("localhost")
    await wrote(settings, clock)
    assert b"hello" not in await DB.fetchval("SELECT text_sealed FROM outgoing_mail"), "it waits encrypted"
    ways = {"smtps": (context, None), "smtp": (None, context), "smtp+plain": (None, None)}
    tls, start = ways[scheme]
    with smtp(inbox, tls, start=start) as port:
        here = by(settings, f"{scheme}://us%40er:p%40ss%20word@localhost:{port}")
        assert await MailSender(here, clock, authority.trust).once() == 1
        assert await MailSender(here, clock, authority.trust).once() == 0
    (envelope,) = inbox.taken
    assert inbox.people == [b"us@er"]
    assert envelope.rcpt_tos == ["li.na@example.com"]
    assert isinstance(envelope.content, bytes)
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    assert (message["Subject"], message["To"], message["From"]) == ("邀请 · Invitation", "li.na@example.com", SENDER)
    assert message["Message-ID"].endswith("@marketplace.example>")
    assert message.get_content().split() == ["你好", "hello", "https://x.example/?a=1"]  # type: ignore[attr-defined]
    assert await state() == ("sent", 1, True), "and nothing of it is kept"


async def test_nothing_goes_out_in_the_clear_or_to_a_stranger(
    database: str, settings: Settings, clock: Clock, authority: Authority
) -> None:
    inbox = Inbox()
    await wrote(settings, clock)
    with smtp(inbox) as port:  # no STARTTLS
        assert await MailSender(by(settings, f"smtp://localhost:{port}"), clock, authority.trust).once() == 1
    clock.offset += timedelta(hours=1)
    with smtp(inbox, start=authority.server("somebody-else")) as port:
        await MailSender(by(settings, f"smtp://localhost:{port}"), clock, authority.trust).once()
    clock.offset += timedelta(hours=1)
    with smtp(inbox, authority.server("localhost")) as port:  # a certificate that nobody vouches for
        await MailSender(by(settings, f"smtps://localhost:{port}"), clock).once()
    clock.offset += timedelta(hours=2)
    with smtp(inbox, authority.server("localhost")) as port:
        await MailSender(by(settings, f"smtps://a:wrong@localhost:{port}"), clock, authority.trust).once()
    assert inbox.taken == []
    assert await state() == ("waiting", 4, False)
    error = await DB.fetchval("SELECT error FROM outgoing_mail")
    assert "wrong" not in error
    assert "SMTPAuthenticationError" in error


async def test_a_server_that_is_away_is_tried_again_for_two_days(
    database: str, settings: Settings, clock: Clock
) -> None:
    inbox = Inbox()
    await wrote(settings, clock)
    here = by(settings, "smtp+plain://127.0.0.1:1")
    sender = MailSender(here, clock)
    began, tries = clock.now(), 0
    while await DB.fetchval("SELECT status FROM outgoing_mail") == "waiting":
        assert await sender.once() == 1
        assert await sender.once() == 0, "not before its time"
        tries += 1
        due = await DB.fetchval("SELECT due_at FROM outgoing_mail")
        clock.offset += (due or clock.now()) - clock.now()
    assert await state() == ("failed", tries, True)
    assert timedelta(days=1.5) < clock.now() - began < timedelta(days=3)
    await wrote(settings, clock)
    inbox.answers = ["451 later"]
    with smtp(inbox) as port:
        here = by(settings, f"smtp+plain://127.0.0.1:{port}")
        assert await MailSender(here, clock).once() == 1
        assert inbox.taken == []
        clock.offset += timedelta(minutes=2)
        assert await MailSender(here, clock).once() == 1
        assert len(inbox.taken) == 1
    await delete_old_mail(clock.now() + timedelta(days=31))
    assert await DB.fetchval("SELECT count(*) FROM outgoing_mail") == 0


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ("550 5.1.1 no such mailbox", "failed"),
        ("550 no such mailbox", "failed"),
        ("553 5.1.3 bad address", "failed"),
        ("450 4.2.0 greylisted", "waiting"),
        ("554 5.7.1 relay access denied", "waiting"),  # the server does not know us yet
    ],
)
@pytest.mark.parametrize("at", ["recipient", "data"])
async def test_a_refusal_for_good_ends_the_tries(
    database: str, settings: Settings, clock: Clock, refusal: str, status: str, at: str
) -> None:
    inbox = Inbox()
    (inbox.answers if at == "data" else inbox.refusals).append(refusal)
    await wrote(settings, clock)
    with smtp(inbox) as port:
        assert await MailSender(by(settings, f"smtp+plain://127.0.0.1:{port}"), clock).once() == 1
    assert inbox.taken == []
    assert await state() == (status, 1, status == "failed")


async def test_an_address_that_cannot_be_mailed_is_given_up_at_once(
    database: str, settings: Settings, clock: Clock
) -> None:
    inbox = Inbox()
    async with unit_of_work() as work:  # the API refuses it before
        await post_mail(work, settings.keys, "周@huazhu.example", "邀请", "你好", clock.now())
    with smtp(inbox) as port:
        assert await MailSender(by(settings, f"smtp+plain://127.0.0.1:{port}"), clock).once() == 1
    assert inbox.taken == []
    assert await state() == ("failed", 1, True)


async def test_two_senders_send_each_message_once(database: str, settings: Settings, clock: Clock) -> None:
    inbox = Inbox()
    for number in range(20):
        await wrote(settings, clock, f"number {number}")
    with smtp(inbox) as port:
        here = by(settings, f"smtp+plain://127.0.0.1:{port}")

        async def send_all() -> None:
            while await MailSender(here, clock).once():
                pass

        await asyncio.gather(send_all(), send_all(), send_all())
    assert len(inbox.taken) == 20


async def test_what_is_undone_is_not_sent(database: str, settings: Settings, clock: Clock) -> None:
    with pytest.raises(RuntimeError):
        async with unit_of_work() as work:
            await post_mail(work, settings.keys, "a@example.com", "x", "y", clock.now())
            raise RuntimeError
    assert await DB.fetchval("SELECT count(*) FROM outgoing_mail") == 0


async def test_a_demo_writes_files_and_production_waits(
    database: str, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    await wrote(settings, clock)
    production = msgspec.structs.replace(settings, mode="production", data=tmp_path)
    assert await MailSender(production, clock).once() == 0
    stop = asyncio.Event()
    stop.set()
    await MailSender(production, clock).run(stop)
    assert await state() == ("waiting", 0, False), "nothing is lost: it goes out when a server is named"
    demo = msgspec.structs.replace(settings, data=tmp_path)
    assert await MailSender(demo, clock).once() == 1
    (file,) = (tmp_path / FOLDER).glob("*.eml")
    assert b"To: li.na@example.com" in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0, "links in it let somebody in: its owner's eyes only"


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"MARKETPLACE_SMTP_URL": "mail.example.com"}, "MARKETPLACE_SMTP_URL"),
        ({"MARKETPLACE_SMTP_URL": "http://mail.example.com"}, "MARKETPLACE_SMTP_URL"),
        ({"MARKETPLACE_SMTP_URL": "smtps://"}, "MARKETPLACE_SMTP_URL"),
        ({"MARKETPLACE_SMTP_URL": "smtps://mail.example.com:99999"}, "MARKETPLACE_SMTP_URL"),
        ({"MARKETPLACE_SMTP_URL": "smtps://mail.example.com/inbox"}, "MARKETPLACE_SMTP_URL"),
        (
            {"MARKETPLACE_SMTP_URL": "smtp+plain://mail.example.com", "MARKETPLACE_MAIL_FROM": "a@b.c"},
            "MARKETPLACE_SMTP_URL",
        ),
        ({"MARKETPLACE_SMTP_URL": "smtps://mail.example.com"}, "MARKETPLACE_MAIL_FROM"),
        ({"MARKETPLACE_MAIL_FROM": "nobody"}, "MARKETPLACE_MAIL_FROM"),
        ({"MARKETPLACE_MAIL_FROM": "平台 <周@example.com>"}, "MARKETPLACE_MAIL_FROM"),
        ({"MARKETPLACE_MAIL_FROM": "no-reply@mail.local"}, "MARKETPLACE_MAIL_FROM"),
    ],
)
def test_wrong_settings_stop_the_program(change: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(GOOD | change)
    assert refused.value.variable == variable


async def test_doctor_signs_in_at_the_mail_server_and_sends_nothing(settings: Settings) -> None:
    inbox = Inbox()
    with smtp(inbox) as port:
        good = await mail_server(by(settings, f"smtp+plain://post:p%40ss%20word@127.0.0.1:{port}"))
        wrong = await mail_server(by(settings, f"smtp+plain://post:another@127.0.0.1:{port}"))
    assert (good.good, wrong.good) == (True, False)
    assert wrong.remedy.startswith("MARKETPLACE_SMTP_URL: ")
    assert "535" in wrong.remedy
    assert set(inbox.people) == {b"post"}
    assert inbox.taken == []
