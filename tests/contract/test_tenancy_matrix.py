"""Nobody sees or touches what is not theirs: each operation of the API against everybody who should not get anywhere."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from benefits.offers import partner_api
from benefits.offers.catalogue import any_offer, in_status
from marketplace.app import create_app
from marketplace.kernel.refusals import NotFound
from marketplace.platform.http import identity
from marketplace.platform.postgres.database import DB, using_database
from marketplace.platform.runtime.database_server import with_database
from marketplace.sandbox import context
from marketplace.sandbox.instances import SandboxServices
from marketplace.settings import Settings
from partners.oauth.access import callers, client_cache
from partners.oauth.clients import registration
from partners.oauth.domain import AT_THE_COUNTER, OEM_SCOPES, PARTNER_SCOPES
from partners.onboarding import requirement_api
from partners.services import PartnersServices
from partners.staff import api as staff_api
from partners.webhooks import api as webhooks_api
from partners.webhooks import deliveries
from settlement.statements import api as statements_api
from settlement.statements.statements import find
from tests.support.partners import bearer
from tests.support.tenancy_matrix import (
    ADDED,
    EVERY,
    Asker,
    Digest,
    Operation,
    Row,
    changed,
    names_things,
    operations,
    said,
)
from tests.support.tenancy_matrix_rows import ROWS
from tests.support.tenancy_matrix_world import MatrixWorld, matrix_world

pytestmark = pytest.mark.xdist_group("matrix")

NOT_IDS = {"month", "paid_on"}
SHARED = {"other_partner", "other_member_id", "elsewhere", "location"}
ROLES = ("operations", "finance", "finance_approver", "auditor")


@pytest.fixture(scope="module")
def described() -> dict[str, Operation]:
    return operations(create_app(Settings(mode="test", secret_key="x" * 32), "").openapi_schema.to_schema())


@pytest.fixture(scope="module")
async def world(postgres: str, template: str, settings: Settings) -> AsyncIterator[MatrixWorld]:
    name = f"m{uuid4().hex[:12]}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    async with matrix_world(settings, with_database(postgres, name)) as world:
        yield world
    for row in await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{name}%"):
        await admin.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    await admin.close()


@pytest.fixture(scope="module")
def digest() -> Digest:
    return Digest()


def test_every_operation_has_its_row_and_every_row_its_operation(described: dict[str, Operation]) -> None:
    rows = Counter(row.operation for row in ROWS)
    assert set(described) - set(rows) == set(), (
        "operations without a row: add them to tests/support/tenancy_matrix_rows.py"
    )
    assert set(rows) - set(described) == set(), "rows without an operation"
    assert max(rows.values()) == 1


def test_every_row_says_what_others_get_to_see() -> None:
    for row in ROWS:
        if row.who not in {"staff", "anyone"}:
            assert names_things(row) + row.listing + bool(row.own) == 1, row.operation


class Cases:
    """What is tried with one row."""

    def __init__(self, world: MatrixWorld, row: Row, operation: Operation, digest: Digest) -> None:
        self.world, self.row, self.operation, self.digest = world, row, operation, digest
        self.asker = Asker(world, row, operation)
        self.tried = 0

    async def refused(self, case: str, who: Mapping[str, str], *statuses: int, **how: Any) -> Any:
        """Ask; the status is one of these, and nothing is changed but `noted`, where the attempt is recorded."""
        noted = how.pop("noted", set())
        before = await self.marks()
        answer = await self.asker.ask(who, **how)
        where = f"{self.row.operation}, {case}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code in statuses, where
        assert set(changed(before, await self.marks())) <= noted, where
        self.tried += 1
        return answer

    async def marks(self) -> list[tuple[str, int, int]]:
        """Return the marks of the live database, and for a sandbox's operation those of all sandboxes."""
        found = await self.digest.take()
        if self.row.who == "sandbox":
            for one in SandboxServices.of(self.world.api.app).sandboxes._open.values():
                with using_database(one.place):
                    found += [
                        (f"{one.partner_id} {name}", count, mark) for name, count, mark in await self.digest.take()
                    ]
        return found

    async def quiet(self) -> None:
        """Wait until the sandboxes' own consumers have caught up with what was done there."""
        async with asyncio.timeout(30):
            seen: list[tuple[str, int, int]] = []
            while seen != (now := await self.marks()):
                seen = now
                await asyncio.sleep(0.5)

    async def both(self, case: str, who: Mapping[str, str], *statuses: int, **how: Any) -> None:
        """Ask for what is there and for what is not: the same answer, and nothing is changed."""
        there = await self.refused(case, who, *statuses, **how)
        absent = await self.refused(f"{case}, of what is not there", who, *statuses, there=False, **how)
        assert said(there) == said(absent), (
            f"{self.row.operation}, {case}: what exists can be distinguished from what does not"
        )

    def sender(self) -> dict[str, str]:
        world, row = self.world, self.row
        if row.who == "staff":
            return world.api.staff(row.right[0], subject="matrix")
        if row.who == "client":
            return world.basic(row.sender or "partner")
        return (
            {}
            if row.who == "anyone"
            else world.who[row.sender or ("application" if row.who == "applicant" else row.who)]
        )

    async def strangers(self) -> None:
        """Nobody, other audiences' people, and what was good once."""
        world, who = self.world, self.row.who
        await self.both("no token", {}, 401)
        audience = {"sandbox": "partner", "other_member": "member"}.get(who, who)
        tokens = {"partner": world.who["partner"], "member": world.who["member"], "oem": world.who["oem"],
                  "staff": world.api.staff(*ROLES)}  # fmt: skip
        for name, token in tokens.items():
            if name != audience:
                await self.both(f"a token of {name}", token, 401)
        if who in {"partner", "sandbox", "oem"}:
            await self.both("expired", await world.expired(who), 401)
            await self.both("revoked", world.who["oem_revoked" if who == "oem" else "revoked"], 401)
        else:
            ended = {
                "member": world.api.member("one", exp=1),
                "staff": bearer(world.api.oneid.token("admin", "s", ROLES, exp=1)),
            }
            await self.both("expired", ended[who], 401)
        if who == "partner":
            await self.both("its person was disabled", await world.granted(), 401)
            # What members hold is taken meanwhile: of its own, and so nothing of these.
            remains = self.row.right in AT_THE_COUNTER
            await self.both(
                "its partner is suspended", world.who["suspended"], *(self.row.hidden if remains else (403,))
            )
            await self.both("its partner has left", world.who["terminated"], 403)
        if who == "sandbox":
            await self.both("credentials of the live side", world.who["partner"], 403)

    async def lower(self) -> None:
        """Everything but the right that is needed."""
        row, world = self.row, self.world
        if row.who == "staff":
            for role in {*ROLES} - {*row.right}:
                await self.both(f"only {role}", world.api.staff(role), 403)
            await self.both("no role", world.api.staff(), 403)
        elif row.right == EVERY:
            for kept in ({"offers:read"}, {*PARTNER_SCOPES} - {"offers:read"}):
                await self.both(f"only {sorted(kept)}", await world.narrowed(row.who, kept), 403)
        elif row.right:
            every = OEM_SCOPES if row.who == "oem" else PARTNER_SCOPES
            await self.both(f"all but {row.right}", await world.narrowed(row.who, {*every} - {str(row.right)}), 403)

    async def others(self) -> None:
        """Somebody else's good credentials, with the first one's ids, and with such as are not there."""
        row, world = self.row, self.world
        if row.who == "staff":
            if names_things(row):
                await self.refused("not there", self.sender(), 404, there=False)
            if row.crossed:
                crossed = await self.refused("of another partner", self.sender(), 404, path={"partner_id": row.crossed})
                gone = {"partner_id": row.crossed, **{name: str(uuid4()) for name in row.path if name != "partner_id"}}
                absent = await self.refused("nobody's", self.sender(), 404, path=gone)
                assert said(crossed) == said(absent)
            return
        other = {"partner": "other", "member": "other_member", "sandbox": "other_sandbox", "oem": "oem",
                 "applicant": "other_application", "registration": "other_registered"}.get(row.who)  # fmt: skip
        headers = world.basic("other") if row.who == "client" else world.who[str(other)]
        if row.distinguishable:
            await self.refused("another's", headers, 400)
        elif names_things(row):
            await self.both("another's", headers, *row.hidden)
        elif row.listing:
            await self.listed(headers)

    async def listed(self, headers: Mapping[str, str]) -> None:
        """Another's list has nothing of the first one's, whatever they say of whose list it should be."""
        world = self.world
        plain = await self.refused("another's list", headers, 200, 404)
        for name in ("partner_id", "member_id"):
            asked = await self.refused("a list of the first one's", headers, 400, 404, 200, query={name: f"={name}"})
            if asked.status_code == 400:  # the operation has no such parameter
                assert [one["field"] for one in asked.json()["errors"]] == [name], asked.text
            else:
                assert said(plain) == said(asked)
        for name, value in world.ids.items():
            if name not in NOT_IDS | SHARED:
                assert value not in plain.text, f"{self.row.operation}: another sees {name}"

    async def added(self) -> None:
        """Fields that the body does not have are refused by name, or, where an RFC has them passed over, change nothing."""
        if self.row.ignored:
            await self.passed_over()
        if not self.operation.has_body or self.row.ignored:
            return
        for field in {*ADDED} - self.operation.fields:
            answer = await self.refused(
                f"added {field}", self.sender(), 400, more={field: self.world.ids["other_partner"]}
            )
            assert field in [error["field"] for error in answer.json()["errors"]], answer.text

    async def passed_over(self) -> None:
        value = self.world.ids["other_partner"]
        for field in {*ADDED} - self.operation.fields:
            before = await self.digest.named(field, value)
            answer = await self.asker.ask(self.sender(), more={field: value})
            where = f"{self.row.operation}, added {field}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code in self.row.good, where
            assert value not in answer.text, where
            assert await self.digest.named(field, value) == before, where

    async def credentials(self) -> None:
        """The endpoints at which clients, applicants and registered clients show who they are in ways of their own."""
        row, world = self.row, self.world
        if row.who == "applicant":
            await self.both("no token", {}, 401)
            await self.both("a partner's token", world.who["partner"], 404)
        elif row.who == "registration":
            for case, who in (("no token", {}), ("a partner's token", world.who["partner"])):
                await self.both(case, who, 401)
            if row.operation == "register_client":
                await self.refused("an expired token", world.who["initial_expired"], 401)
                await self.refused("its partner is suspended", world.who["initial_suspended"], 403)
        elif row.who == "client":
            wrong = world.clients["partner"] | {"client_secret": "wrong"}
            world.clients["wrong"] = wrong
            await self.both("nobody", {}, 401)
            await self.both("a wrong secret", world.basic("wrong"), 401)
            # The first use of a secret after its end is an event.
            await self.both("revoked", world.basic("revoked"), 401, noted={"event", "oauth_secret"})


async def _try(world: MatrixWorld, row: Row, operation: Operation, digest: Digest) -> None:
    cases = Cases(world, row, operation, digest)
    if row.who == "sandbox":
        await world.sandboxes()
        await cases.quiet()
    if row.who in {"partner", "member", "oem", "staff", "sandbox"}:
        await cases.strangers()
        await cases.lower()
    elif row.who != "anyone":
        await cases.credentials()
    if row.who != "anyone":
        await cases.others()
    await cases.added()
    # Last, since it may change what the others need: the same request from whom it is meant for.
    valid = await cases.asker.ask(cases.sender())
    assert valid.status_code in row.good, f"{row.operation}: the valid request: {valid.status_code} {valid.text[:500]}"
    assert cases.tried or row.who == "anyone"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation)
async def test_the_matrix(world: MatrixWorld, described: dict[str, Operation], digest: Digest, row: Row) -> None:
    await _try(world, row, described[row.operation], digest)


def _anybodys_offer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(partner_api, "one_of_partner", lambda _partner_id, offer_id: any_offer(offer_id))


def _anybodys_statement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(statements_api, "find_own", lambda _partner_id, statement_id: find(statement_id))


def _anybodys_delivery(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliveries, "_OWN", "FROM webhook_delivery d WHERE d.id = $1 AND $2::uuid IS NOT NULL")


def _everybodys_list(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(partner_api, "of_partner", lambda cursors, _id, **how: in_status(cursors, **how | {"status": "live"}))


def _said_otherwise(patch: pytest.MonkeyPatch) -> None:
    async def see(_partner_id: UUID, staff_id: UUID, _now: datetime) -> None:
        there = await DB.fetchval("SELECT 1 FROM partner_staff WHERE id = $1", staff_id)
        raise NotFound(**{"hint": "another's"} if there else {})

    patch.setattr(staff_api, "get_staff", see)


def _written_before(patch: pytest.MonkeyPatch) -> None:
    async def see(_partner_id: UUID, endpoint_id: UUID) -> None:
        await DB.fetch("UPDATE webhook_endpoint SET description = 'seen' WHERE id = $1", endpoint_id)
        raise NotFound

    patch.setattr(webhooks_api, "get_endpoint", see)


def _without_scopes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "require_scope", lambda *_: None)
    patch.setattr(callers, "_need", lambda *_: None)


def _without_roles(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "require_role", lambda *_: None)


def _anybodys_application(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(requirement_api, "prove", _believe)


async def _believe(*_: Any) -> None: ...


def _revoked_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client_cache, "is_known", lambda *_: True)


def _disabled_goes_on(patch: pytest.MonkeyPatch) -> None:
    known = client_cache.grant_of
    every = {"person_scopes": frozenset(PARTNER_SCOPES), "revoked": False}
    patch.setattr(client_cache, "grant_of", lambda row: msgspec.structs.replace(known(row), **every))


def _written_in_a_sandbox(patch: pytest.MonkeyPatch) -> None:
    state = context.state

    async def written() -> Any:
        await DB.fetch("UPDATE sandbox_state SET ahead = ahead")
        return await state()

    patch.setattr(context, "state", written)


def _the_body_says_whose(patch: pytest.MonkeyPatch) -> None:
    read, spend, said = registration.read_metadata, registration._spend, {}

    def reads(content_type: str | None, body: bytes) -> Any:
        said["partner_id"] = msgspec.json.decode(body).get("partner_id")
        return read(content_type, body)

    async def spends(*of: Any) -> Any:
        row = dict(await spend(*of))
        return row | ({"partner_id": UUID(said["partner_id"])} if said["partner_id"] else {})

    patch.setattr(registration, "read_metadata", reads)
    patch.setattr(registration, "_spend", spends)


BROKEN: list[tuple[str, str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("get_own_offer", "another's: 200", _anybodys_offer),
    ("export_own_statement_csv", "another's: 200", _anybodys_statement),
    ("get_webhook_delivery", "another's: 200", _anybodys_delivery),
    ("list_own_offers", "another sees", _everybodys_list),
    ("get_staff", "distinguished from what does not", _said_otherwise),
    ("get_webhook_endpoint", "another's: 404", _written_before),
    ("list_staff", "all but staff:manage: 200", _without_scopes),
    ("approve_statement", "only .*: (200|409)", _without_roles),
    ("get_application_checklist", "a partner's token: 200", _anybodys_application),
    ("list_own_payouts", "revoked: 200", _revoked_goes_on),
    ("list_own_offers", "its person was disabled: 200", _disabled_goes_on),
    ("register_client", "added partner_id: 201", _the_body_says_whose),
    ("create_sandbox_member_token", "another's: 404", _written_in_a_sandbox),
]


@pytest.mark.parametrize(("operation", "seen", "broken"), BROKEN, ids=lambda each: getattr(each, "__name__", ""))
async def test_what_is_broken_is_seen(
    world: MatrixWorld,
    described: dict[str, Operation],
    digest: Digest,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    seen: str,
    broken: Callable[[pytest.MonkeyPatch], None],
) -> None:
    (row,) = [row for row in ROWS if row.operation == operation]
    broken(monkeypatch)
    PartnersServices.of(world.api.app).client_cache.invalidate()
    with pytest.raises(AssertionError, match=seen):
        await _try(world, row, described[operation], digest)
    PartnersServices.of(world.api.app).client_cache.invalidate()
