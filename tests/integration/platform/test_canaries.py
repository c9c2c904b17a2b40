"""Members' names and phone numbers reach no partner: not in an answer, an error, a webhook, a file, or a line of the log.

The members of this world have names and numbers like nobody else's. A partner's whole day is gone through, with every
operation that takes a partner's credentials (the rows of the tenancy matrix), and all that leaves the house is searched.
"""

import base64
import io
import json
import logging
import re
import sys
import zipfile
from base64 import b32encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest
import structlog

from marketplace.app import create_app
from marketplace.platform import logs
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.runtime.database_server import with_database
from marketplace.settings import Settings
from partners.pairwise import first_key, member_reference
from partners.staff.second_factor import code_at
from partners.webhooks import api as webhooks_api
from partners.webhooks import deliveries
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import WebhookPublisher
from partners.webhooks.send import Sender
from tests.support.portal import PASSWORD, Portal, link_in, post_office
from tests.support.receiver import Receiver, receiving
from tests.support.tenancy_matrix import Asker, Row, operations
from tests.support.tenancy_matrix_rows import ROWS
from tests.support.tenancy_matrix_world import CANARIES, MatrixWorld, matrix_world

pytestmark = pytest.mark.xdist_group("matrix")

MEMBERS_OWN = ("/members", "/admin", "/points")
"""The audiences of the OEM's own people and systems, who may see members."""

SECRETS = {
    "access_token", "client_secret", "secret", "application_token", "registration_access_token", "initial_access_token",
    "use_token", "code", "partner_codes",
}  # fmt: skip


def marks(world: MatrixWorld) -> set[str]:
    """Return what names a member: whole, in parts, and as JSON writes it."""
    found = {"金丝雀", "canary-"}
    for canary in CANARIES.values():
        number = canary["phone"].replace(" ", "")
        found |= {
            canary["name"].partition("·")[2],
            canary["phone"],
            number,
            number[-8:],
            number[-11:],
            canary["subject"],
            canary["vehicle"].rpartition(" ")[2],
        }
    found |= {world.ids["member_id"], world.ids["other_member_id"]}
    return found | {json.dumps(mark)[1:-1] for mark in found}


def unpacked(body: bytes) -> bytes:
    """Return the text of a file: a workbook is a ZIP archive."""
    if not body.startswith(b"PK\x03\x04"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        return b"\n".join(book.read(name) for name in book.namelist())


def secrets_in(value: Any) -> set[str]:
    """Return the secrets in an answer: what stands under a name that says so."""
    if isinstance(value, list):
        return set().union(*(secrets_in(each) for each in value))
    if not isinstance(value, dict):
        return set()
    found = {value[name] for name in SECRETS & value.keys() if isinstance(value[name], str) and len(value[name]) > 10}
    return found.union(*(secrets_in(each) for each in value.values()))


class Overheard:
    """All that partners are answered, all secrets that anybody is told, and the log."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bytes]] = []
        self.secrets: set[str] = set()
        self.log: list[str] = []

    async def answer(self, response: httpx.Response) -> None:
        """Keep the answer, unless it is for the OEM's own."""
        await response.aread()
        if "json" in response.headers.get("content-type", "") and response.is_success:
            self.secrets |= secrets_in(response.json())
        token = response.request.headers.get("authorization", "").partition(" ")[2].split(".")
        audience = ""
        if len(token) == 3:
            claims = json.loads(base64.urlsafe_b64decode(token[1] + "=="))
            audience = str(claims["aud"])
        if not audience.endswith(MEMBERS_OWN) or not response.is_success:
            where = f"{response.request.method} {response.request.url} -> {response.status_code}"
            self.answers.append((where, unpacked(response.content) + str(response.headers).encode()))


class _Keep(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logs.RowlessFormatter())
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))


@pytest.fixture(scope="module")
def overheard() -> Iterator[Overheard]:
    """Listen at the loudest level, to our own log as it is set up and to the libraries'."""
    heard = Overheard()
    before, straight, root = structlog.get_config(), logs._straight, logging.getLogger()
    level, handler = root.level, _Keep(heard.log)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logs.configure(Settings(mode="test", log_level="debug"))
    said = structlog.get_config()["processors"]
    logs._straight = False  # through the chain, which is overheard; the short way says the same (test_request_ids.py)

    class Lines:
        def msg(self, line: bytes) -> None:
            heard.log.append(line.decode())

        debug = info = warning = error = critical = exception = msg

    structlog.configure(processors=said, logger_factory=lambda *_: Lines(), cache_logger_on_first_use=False)
    yield heard
    structlog.configure(**before)
    logs._straight = straight
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
async def receiver(anyio_backend: Any) -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
async def world(
    postgres: str, template: str, settings: Settings, receiver: Receiver, overheard: Overheard
) -> AsyncIterator[MatrixWorld]:
    name = f"c{uuid4().hex[:12]}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    async with matrix_world(settings, with_database(postgres, name), receiver.url) as world:
        world.api.event_hooks["response"].append(overheard.answer)
        yield world
    for row in await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{name}%"):
        await admin.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    await admin.close()


BAD = {"金": 1, "name": ["x"], "member_id": "nobody", "quantity": -1}


async def _one_row(world: MatrixWorld, row: Row, asker: Asker) -> None:
    """Every way of asking: rightly, for what is another's or not there, and badly."""
    if row.who == "client":
        senders = [world.basic(row.sender or "partner"), world.basic("other")]
    elif row.who == "anyone":
        senders = [{}]
    else:
        first = row.sender or ("application" if row.who == "applicant" else row.who)
        senders = [world.who[first], world.who["other"], world.who["suspended"]]
    for sender in senders[::-1]:
        await asker.ask(sender, there=False)
        if asker.operation.has_body:
            await asker.ask(sender, more=BAD)
        await asker.ask(sender)


async def _reported(world: MatrixWorld, settings: Settings, receiver: Receiver) -> None:
    announcer = WebhookPublisher(catalogue_of(settings.packages), settings.keys)
    await catch_up(announcer)
    allowed = Outbound.of(msgspec.structs.replace(settings, outbound_allow="127.0.0.0/8"))
    sender = Sender(allowed, settings.keys, world.clock, luck=lambda: 0.0)
    while await sender.once():
        pass


@pytest.fixture(scope="module")
async def day(world: MatrixWorld, settings: Settings, receiver: Receiver, overheard: Overheard) -> MatrixWorld:
    """A partner's whole day."""
    await _reported(world, settings, receiver)
    await world.sandboxes()
    described = operations(create_app(Settings(mode="test", secret_key="x" * 32), "").openapi_schema.to_schema())
    ours = [row for row in ROWS if row.who in {"partner", "sandbox", "applicant", "client", "registration", "anyone"}]
    for row in ours:
        await _one_row(world, row, Asker(world, row, described[row.operation]))
    await _reported(world, settings, receiver)
    return world


def seen(world: MatrixWorld, text: str, *, ids: bool = True) -> list[str]:
    """Return what in the text names a member; without `ids`, their numbers with us do not count."""
    numbers = set() if ids else {world.ids["member_id"], world.ids["other_member_id"]}
    return [mark for mark in marks(world) - numbers if mark in text]


def told_to_partners(heard: Overheard, receiver: Receiver) -> list[tuple[str, str]]:
    """Return everything that left the house towards partners, with where it came from."""
    answers = [(where, body.decode("utf-8", "replace")) for where, body in heard.answers]
    hooks = [(f"webhook {got.message['type']}", got.body.decode() + str(got.headers)) for got in receiver.got]
    return [*answers, *hooks]


async def test_no_partner_is_told_who_a_member_is(day: MatrixWorld, overheard: Overheard, receiver: Receiver) -> None:
    assert len(overheard.answers) > 300
    assert {"redemption.issued", "voucher.used"} <= {got.message["type"] for got in receiver.got}
    for where, text in told_to_partners(overheard, receiver):
        assert seen(day, text) == [], where
    for table in ("partner_event", "webhook_delivery", "webhook_attempt", "statement", "money_posting"):
        for row in await DB.fetch(f"SELECT t::text AS row FROM {table} t"):
            assert seen(day, row["row"]) == [], table


async def test_each_partner_knows_a_member_by_a_name_of_its_own(
    day: MatrixWorld, settings: Settings, receiver: Receiver
) -> None:
    key, member_id = first_key(settings.keys), UUID(day.ids["member_id"])
    own = member_reference(key, UUID(day.ids["partner_id"]), member_id)
    others = member_reference(key, UUID(day.ids["other_partner"]), member_id)
    named = {got.message["data"].get("member_reference") for got in receiver.got}
    assert own in named
    assert others not in named
    for path in ("/v1/partner/redemptions", "/v1/partner/events?limit=100"):
        answer = await day.api.get(path, headers=day.who["partner"])
        assert answer.status_code == 200
        assert len(answer.json()["data"]) > 1
        assert "member_id" not in answer.text


async def test_the_log_names_nobody_and_tells_no_secret(day: MatrixWorld, overheard: Overheard) -> None:
    lines = "\n".join(overheard.log)
    assert len(overheard.log) > 500
    assert '"request"' in lines
    # A member's number without a person is what a log is for.
    assert seen(day, lines, ids=False) == []
    assert len(overheard.secrets) > 20
    assert not [secret for secret in overheard.secrets if secret in lines]
    for address in ("owner@example.com", "staff@example.com", "new@example.com", "wang@example.com"):
        assert address not in lines
    assert "6222021001112223334" not in lines, "the payout account"


async def test_a_fault_of_ours_is_logged_without_the_row_that_it_was_about(
    day: MatrixWorld, overheard: Overheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL tells with a refused row all that stands in it; a traceback would carry that into the log."""
    reported = []

    async def fails(*_: Any) -> None:
        try:
            async with unit_of_work() as work:
                await work.execute("UPDATE member SET status = 'nonsense' WHERE id = $1", UUID(day.ids["member_id"]))
        except asyncpg.PostgresError as error:
            reported.append(str(error))
            raise

    monkeypatch.setattr(webhooks_api, "get_endpoint", fails)
    before = len(overheard.log)
    path = f"/v1/partner/webhook-endpoints/{day.ids['endpoint']}"
    answer = await day.api.get(path, headers=day.who["partner"])
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert seen(day, reported[0], ids=False), "the database does tell"
    lines = "\n".join(overheard.log[before:])
    assert "CheckViolationError" in lines
    assert seen(day, lines, ids=False) == []
    assert seen(day, answer.text) == []
    try:
        await fails()
    except asyncpg.PostgresError:
        record = logging.LogRecord("a library", logging.ERROR, "", 0, "failed", None, sys.exc_info())
        text = logs.RowlessFormatter().format(record)
    assert "CheckViolationError" in text
    assert seen(day, text, ids=False) == []


async def test_a_persons_sign_in_leaves_nothing_of_theirs_in_the_log(
    day: MatrixWorld, overheard: Overheard, settings: Settings, tmp_path: Path
) -> None:
    """From the invitation to a session: no address, password, link, authenticator's secret or code, and no cookie."""
    own, before = msgspec.structs.replace(settings, data=tmp_path), len(overheard.log)
    sent = await post_office(own, day.clock)
    message, *_ = [each for each in sent if "new@example.com" in each["To"]]
    portal = Portal.of(day.api.app, own, day.clock)
    joined = await portal.join(link_in(message))
    assert joined.status_code == 200
    recovery = re.findall(r'class="num">([A-Z2-7-]{19})<', joined.text)
    assert recovery
    other = Portal.of(day.api.app, own, day.clock)
    other.secret = portal.secret
    assert (await other.sign_in("new@example.com", "a wrong password")).status_code != 200
    assert (await other.sign_in("new@example.com")).status_code == 200
    code = code_at(portal.secret, day.clock.now())
    lines = "\n".join(
        line for line in overheard.log[before:] if not line.startswith("HTTP Request: ")
    )  # the test's own browser
    assert "/partner/sign-in" in lines
    secret = b32encode(portal.secret).decode().rstrip("=")
    kept = [cookie.value or "" for browser in (portal, other) for cookie in browser.cookies.jar]
    assert kept
    for text in (
        "new@example.com",
        PASSWORD,
        "a wrong password",
        link_in(message).partition("token=")[2],
        secret,
        *kept,
    ):
        assert text
        assert text not in lines
    assert f'"{code}"' not in lines
    assert not [each for each in recovery if each in lines]


async def test_what_leaks_is_seen(day: MatrixWorld, overheard: Overheard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variants: an answer that carries the member, a file that does, and a line of the log."""
    name = CANARIES["member"]["name"]

    async def leaks(*_: Any) -> Any:
        before = len(overheard.log)
        structlog.get_logger().debug("looked", member=name)
        assert seen(day, "\n".join(overheard.log[before:]), ids=False)
        return {"name": name}

    monkeypatch.setattr(deliveries, "get_delivery", leaks)
    await day.api.get(f"/v1/partner/webhook-deliveries/{day.ids['delivery']}", headers=day.who["partner"])
    where, body = overheard.answers[-1]
    assert where.endswith("200")
    assert seen(day, body.decode())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/sharedStrings.xml", name)
    assert seen(day, unpacked(file.getvalue()).decode())
