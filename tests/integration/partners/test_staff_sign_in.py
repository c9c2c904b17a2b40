"""A partner's people: from the approval of an application to a session, and every way in which one ends."""

import asyncio
from contextvars import Context
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar import Request

from marketplace.kernel.clock import Clock
from marketplace.platform.http.etags import only
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.onboarding.apply import apply
from partners.onboarding.decide import admit, decide
from partners.onboarding.schemas import ApplicationInput
from partners.roles import SignedIn, StaffRole
from partners.staff.authenticate import (
    Candidate,
    CodeRefused,
    SignInRefused,
    TooManyGuesses,
    check_code,
    check_password,
    count_code,
)
from partners.staff.invitations import Inviter, LinkUsed
from partners.staff.join import join
from partners.staff.passwords import hash_password
from partners.staff.people import LastOwner, change, disable, invite, invite_again
from partners.staff.schemas import StaffInput
from partners.staff.second_factor import code_at, new_secret
from partners.staff.sign_in import IDLE, LIFETIME, PartnerSignIn, end_sessions
from partners.staff.throttle import BY_EMAIL, BY_PERSON, Throttle
from tests.support.partner_fixtures import active_partner, application_json

PASSWORD = "correct horse battery staple"


class Person:
    """Somebody who joined, with what they know."""

    def __init__(self, staff_id: UUID, partner_id: UUID, email: str, secret: bytes, codes: list[str]) -> None:
        self.id, self.partner_id, self.email, self.secret, self.codes = staff_id, partner_id, email, secret, codes


async def approved(clock: Clock) -> UUID:
    async with unit_of_work() as work:
        return await admit(work, msgspec.convert(application_json(), ApplicationInput), "admin:ops", clock.now())


async def link_of(settings: Settings, clock: Clock, staff_id: UUID) -> str:
    async with unit_of_work() as work:
        link = await Inviter(settings, clock).invite(work, staff_id)
    assert link is not None
    return link.partition("token=")[2]


async def joined(settings: Settings, clock: Clock, staff_id: UUID) -> Person:
    token, secret = await link_of(settings, clock, staff_id), new_secret()
    password = await hash_password(PASSWORD)
    async with unit_of_work() as work:
        found, codes = await join(work, settings, token, password, secret, code_at(secret, clock.now()), clock.now())
    return Person(staff_id, found.partner_id, found.email, secret, codes)


async def owner(settings: Settings, clock: Clock, partner_id: UUID | None = None) -> Person:
    partner_id = partner_id or await approved(clock)
    return await joined(
        settings, clock, await DB.fetchval("SELECT id FROM partner_staff WHERE partner_id = $1", partner_id)
    )


async def somebody(settings: Settings, clock: Clock, partner_id: UUID, email: str, *roles: StaffRole) -> Person:
    async with unit_of_work() as work:
        view = await invite(work, partner_id, StaffInput(email, "某人", list(roles)), "staff:x", clock.now())
    return await joined(settings, clock, view.id)


def browser(settings: Settings, token: str = "") -> Any:
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "state": {}, "client": ("192.0.2.7", 1),
        "headers": [(b"cookie", f"partner-1={token}".encode()), (b"user-agent", b"Test\x01")],
    }  # fmt: skip
    return Request(scope)  # type: ignore[arg-type]


async def signed_in(settings: Settings, clock: Clock, person: Person) -> str:
    async with unit_of_work() as work:
        cookie = await PartnerSignIn(settings, clock).open(work, person.id, browser(settings))
    assert cookie.value
    return cookie.value


async def who(settings: Settings, clock: Clock, token: str) -> SignedIn | None:
    return await PartnerSignIn(settings, clock).current(browser(settings, token))


async def test_the_applicant_becomes_the_first_owner(database: str, settings: Settings, clock: Clock) -> None:
    person = await owner(settings, clock)
    found = await who(settings, clock, await signed_in(settings, clock, person))
    assert found is not None
    assert (found.staff_id, found.partner_id, set(found.roles)) == (person.id, person.partner_id, {StaffRole.OWNER})
    row = await DB.fetchrow("SELECT * FROM partner_staff_session")
    assert row is not None
    assert (row["ip"], row["user_agent"]) == ("192.0.2.7", "Test\ufffd")
    kept = await DB.fetchrow("SELECT * FROM partner_staff")
    assert kept is not None
    assert kept["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert person.secret not in bytes(kept["totp_sealed"])


async def test_an_unapproved_applicant_is_nobody(database: str, settings: Settings, clock: Clock) -> None:
    async with unit_of_work() as work:
        await apply(work, msgspec.convert(application_json(), ApplicationInput), clock.now())
    assert await DB.fetchval("SELECT count(*) FROM partner_staff") == 0


async def test_a_session_ends_by_time(database: str, settings: Settings, clock: Clock) -> None:
    token = await signed_in(settings, clock, await owner(settings, clock))
    clock.offset = IDLE + timedelta(seconds=1)
    assert await who(settings, clock, token) is None, "left alone"
    clock.offset = timedelta()
    for _ in range(int(LIFETIME / IDLE) + 2):
        clock.offset += IDLE - timedelta(minutes=1)
        found = await who(settings, clock, token)
    assert found is None, "used all the time, and yet over after its lifetime"


async def test_disabling_ends_every_session_and_link_in_the_same_transaction(
    database: str, settings: Settings, clock: Clock
) -> None:
    boss = await owner(settings, clock)
    person = await somebody(settings, clock, boss.partner_id, "dev@example.com", StaffRole.DEVELOPER)
    tokens = [await signed_in(settings, clock, person) for _ in range(3)]
    with pytest.raises(RuntimeError, match="undone"):
        async with unit_of_work() as work:
            await disable(work, boss.partner_id, person.id, "staff:x", clock.now())
            raise RuntimeError("undone")
    assert await who(settings, clock, tokens[0]) is not None
    async with unit_of_work() as work:
        await disable(work, boss.partner_id, person.id, "staff:x", clock.now())
    assert [await who(settings, clock, token) for token in tokens] == [None] * 3
    assert await DB.fetchval("SELECT count(*) FROM partner_staff_session WHERE ended_at IS NULL") == 0
    # The status alone would do, too: a session that was somehow left over opens nothing.
    async with unit_of_work() as work:
        await work.execute("UPDATE partner_staff_session SET ended_at = NULL")
    assert await who(settings, clock, tokens[0]) is None
    # A returning person starts again: the old password is gone.
    async with unit_of_work() as work:
        await invite_again(work, boss.partner_id, person.id, "staff:x", clock.now())
    assert await DB.fetchval("SELECT password_hash FROM partner_staff WHERE id = $1", person.id) is None


async def test_suspended_partners_people_may_look_and_terminated_ones_may_not(
    database: str, settings: Settings, clock: Clock
) -> None:
    boss = await owner(settings, clock, await active_partner(settings, clock.now()))
    token = await signed_in(settings, clock, boss)
    for decision, stays in (("suspend", True), ("terminate", False)):
        async with unit_of_work() as work:
            await decide(work, boss.partner_id, decision, "admin:ops", "x", clock.now())  # type: ignore[arg-type]
        assert (await who(settings, clock, token) is not None) is stays, decision
    with pytest.raises(SignInRefused):
        await check_password(settings, Throttle(settings.keys), boss.email, PASSWORD, "::1", clock.now())


async def test_a_new_session_ends_the_one_that_the_browser_had(database: str, settings: Settings, clock: Clock) -> None:
    boss = await owner(settings, clock)
    old = await signed_in(settings, clock, boss)
    async with unit_of_work() as work:
        cookie = await PartnerSignIn(settings, clock).open(work, boss.id, browser(settings, old))
    assert cookie.value != old
    assert await who(settings, clock, old) is None
    assert await who(settings, clock, "planted-by-somebody") is None


async def test_sessions_are_ended_one_by_one_or_all_but_one(database: str, settings: Settings, clock: Clock) -> None:
    boss = await owner(settings, clock)
    tokens = [await signed_in(settings, clock, boss) for _ in range(4)]
    here = await who(settings, clock, tokens[0])
    other = await who(settings, clock, tokens[1])
    assert here is not None
    assert other is not None
    async with unit_of_work() as work:
        assert await end_sessions(work, boss.id, clock.now(), only=other.session_id) == 1
        assert await end_sessions(work, UUID(int=1), clock.now(), only=here.session_id) == 0, "not theirs"
    assert await who(settings, clock, tokens[1]) is None
    async with unit_of_work() as work:
        assert await end_sessions(work, boss.id, clock.now(), but=here.session_id) == 2
    assert [await who(settings, clock, token) is not None for token in tokens] == [True, False, False, False]


async def test_wrong_password_and_unknown_address_are_the_same(database: str, settings: Settings, clock: Clock) -> None:
    boss, throttle = await owner(settings, clock), Throttle(settings.keys)
    said = []
    for email, password in ((boss.email, "wrong wrong wrong"), ("nobody@example.com", PASSWORD)):
        with pytest.raises(SignInRefused) as refused:
            await check_password(settings, throttle, email, password, "::1", clock.now())
        said.append((refused.value.code, refused.value.message("zh-CN"), refused.value.details))
    assert said[0] == said[1]
    found = await check_password(settings, throttle, boss.email.upper(), PASSWORD, "::1", clock.now())
    assert [candidate.staff_id for candidate in found] == [boss.id]


async def test_a_step_and_a_recovery_code_are_good_once(database: str, settings: Settings, clock: Clock) -> None:
    boss, throttle = await owner(settings, clock), Throttle(settings.keys)
    found = await check_password(settings, throttle, boss.email, PASSWORD, "::1", clock.now())

    async def enter(code: str) -> UUID:
        async with unit_of_work() as work:
            return await check_code(work, settings, found, code, clock.now())

    with pytest.raises(CodeRefused):
        await enter(code_at(boss.secret, clock.now()))  # joining has spent it
    clock.offset = timedelta(minutes=2)
    code = code_at(boss.secret, clock.now())
    results = await asyncio.gather(*(enter(code) for _ in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["CodeRefused"] * 9 + ["UUID"]
    with pytest.raises(CodeRefused):
        await enter(code_at(boss.secret, clock.now() - timedelta(seconds=30)))  # older than the one that was used
    clock.offset += timedelta(seconds=60)
    assert await enter(code_at(boss.secret, clock.now() + timedelta(seconds=30))) == boss.id, "a clock that is ahead"
    clock.offset += timedelta(minutes=5)
    with pytest.raises(CodeRefused):
        await enter(code_at(boss.secret, clock.now() - timedelta(seconds=90)))
    results = await asyncio.gather(*(enter(boss.codes[3].lower()) for _ in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["CodeRefused"] * 9 + ["UUID"]
    assert await enter(boss.codes[4].replace("-", " ")) == boss.id
    for wrong in ("", "000000", "１２３４５６", boss.codes[3], "x" * 300):
        with pytest.raises(CodeRefused):
            await enter(wrong)


async def test_a_new_password_makes_a_half_done_sign_in_void(database: str, settings: Settings, clock: Clock) -> None:
    boss, throttle = await owner(settings, clock), Throttle(settings.keys)
    found = await check_password(settings, throttle, boss.email, PASSWORD, "::1", clock.now())
    async with unit_of_work() as work:
        await work.execute("UPDATE partner_staff SET password_hash = $1", await hash_password("another password"))
    clock.offset = timedelta(minutes=2)
    with pytest.raises(CodeRefused):
        async with unit_of_work() as work:
            await check_code(work, settings, found, code_at(boss.secret, clock.now()), clock.now())


async def test_guesses_are_counted_before_they_are_looked_at(database: str, settings: Settings, clock: Clock) -> None:
    boss, throttle = await owner(settings, clock), Throttle(settings.keys)

    async def guess(email: str, password: str = "wrong" * 3) -> str:
        try:
            await check_password(settings, throttle, email, password, "192.0.2.1", clock.now())
        except (SignInRefused, TooManyGuesses) as refused:
            return refused.code
        return "in"

    for email in (boss.email, "nobody@example.com"):
        results = await asyncio.gather(*(guess(email) for _ in range(15)))
        assert results.count("sign_in_refused") == BY_EMAIL.most, "exactly so many are looked at, however parallel"
        assert results.count("too_many_guesses") == 15 - BY_EMAIL.most
    assert await guess(boss.email, PASSWORD) == "too_many_guesses"
    clock.offset = timedelta(minutes=16)
    assert await guess(boss.email, PASSWORD) == "in"
    candidates = [Candidate(boss.id, "x")]
    results = await asyncio.gather(  # type: ignore[assignment]
        *(count_code(throttle, candidates, clock.now()) for _ in range(12)), return_exceptions=True
    )
    assert [isinstance(result, list) for result in results].count(True) == BY_PERSON.most
    rows = await DB.fetch("SELECT key FROM partner_staff_guess")
    assert all(boss.email.encode() not in row["key"] and len(row["key"]) == 32 for row in rows)


async def test_a_link_is_good_once_for_a_week_and_until_the_next(
    database: str, settings: Settings, clock: Clock
) -> None:
    partner_id = await approved(clock)
    staff_id = await DB.fetchval("SELECT id FROM partner_staff WHERE partner_id = $1", partner_id)
    first = await link_of(settings, clock, staff_id)
    second = await link_of(settings, clock, staff_id)
    password = await hash_password(PASSWORD)

    async def take(token: str) -> str:
        secret = new_secret()
        try:
            async with unit_of_work() as work:
                await join(work, settings, token, password, secret, code_at(secret, clock.now()), clock.now())
        except LinkUsed:
            return "used"
        return "in"

    assert await take(first) == "used", "replaced by the second"
    assert await take("") == "used"
    assert await take("x" * 200) == "used"
    clock.offset = timedelta(days=7, seconds=1)
    assert await take(second) == "used", "too old"
    clock.offset = timedelta()
    with pytest.raises(CodeRefused):
        async with unit_of_work() as work:
            await join(work, settings, second, password, new_secret(), "123456", clock.now())
    results = await asyncio.gather(*(take(second) for _ in range(8)))
    assert sorted(results) == ["in"] + ["used"] * 7, "a wrong code does not use it up, and only one of eight gets in"
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'partner.staff_joined'") == 1


async def test_the_last_owner_stays_however_the_deeds_race(database: str, settings: Settings, clock: Clock) -> None:
    boss = await owner(settings, clock)
    other = await somebody(settings, clock, boss.partner_id, "second@example.com", StaffRole.OWNER)

    async def leave(person: Person, how: str) -> str:
        try:
            async with unit_of_work() as work:
                if how == "disable":
                    await disable(work, person.partner_id, person.id, "staff:x", clock.now())
                else:
                    version = await work.fetchval("SELECT version FROM partner_staff WHERE id = $1", person.id)
                    wanted = {"roles": [StaffRole.FINANCE]}
                    await change(work, person.partner_id, person.id, wanted, only(version), "staff:x", clock.now())
        except LastOwner:
            return "stays"
        return "left"

    results = await asyncio.gather(
        leave(boss, "disable"), leave(other, "demote"), leave(boss, "demote"), return_exceptions=True
    )
    owners = "SELECT count(*) FROM partner_staff WHERE status = 'active' AND 'owner' = ANY(roles)"
    assert await DB.fetchval(owners) == 1, results
    assert "stays" in results


async def test_two_owners_who_leave_at_once_wait_for_each_other(
    database: str, settings: Settings, clock: Clock
) -> None:
    """Each would see the other, who has not left yet: the partner's row makes them follow each other."""
    boss = await owner(settings, clock)
    other = await somebody(settings, clock, boss.partner_id, "second@example.com", StaffRole.OWNER)

    async def leave() -> str:
        try:
            async with unit_of_work() as work:
                await disable(work, other.partner_id, other.id, "staff:x", clock.now())
        except LastOwner:
            return "stays"
        return "left"

    async with unit_of_work() as work:
        await disable(work, boss.partner_id, boss.id, "staff:x", clock.now())
        second = asyncio.create_task(leave(), context=Context())  # not in this unit of work
        await asyncio.sleep(0.3)
    assert await second == "stays"


async def test_nobody_reaches_anothers_people_or_places(database: str, settings: Settings, clock: Clock) -> None:
    from marketplace.kernel.refusals import InvalidField, NotFound
    from partners.fields import Name
    from partners.locations.locations import add_location
    from partners.locations.schemas import LocationInput

    one, other = await owner(settings, clock), await owner(settings, clock)
    async with unit_of_work() as work:
        await add_location(
            work,
            other.partner_id,
            LocationInput(id="SH-1", name=Name("店", "shop"), city="上海", address="x"),
            clock.now(),
        )
    with pytest.raises(NotFound):
        async with unit_of_work() as work:
            await disable(work, one.partner_id, other.id, "staff:x", clock.now())
    new = StaffInput("till@example.com", "收银", [StaffRole.COUNTER], ["SH-1"])
    with pytest.raises(InvalidField, match="locations"):
        async with unit_of_work() as work:
            await invite(work, one.partner_id, new, "staff:x", clock.now())
    async with unit_of_work() as work:
        view = await invite(work, other.partner_id, new, "staff:x", clock.now())
    assert view.locations == ["SH-1"]


async def test_a_demos_people_are_nobody_in_production(database: str, settings: Settings, clock: Clock) -> None:
    boss, throttle = await owner(settings, clock), Throttle(settings.keys)
    token = await signed_in(settings, clock, boss)
    async with unit_of_work() as work:
        await work.execute("UPDATE partner_staff SET demo = true")
    assert await who(settings, clock, token) is not None
    production = msgspec.structs.replace(settings, mode="production")
    assert await who(production, clock, token) is None
    with pytest.raises(SignInRefused):
        await check_password(production, throttle, boss.email, PASSWORD, "::1", clock.now())
