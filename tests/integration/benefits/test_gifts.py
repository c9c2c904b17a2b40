"""Points given from member to member, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import good, oem
from tests.support.world import breaches

pytestmark = pytest.mark.dates

GIFTS = "/v1/me/points/gifts"


@pytest.fixture
async def api(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(settings, dsn, clock) as api:
        yield api
        assert await breaches() == {}


async def member(api: Api, subject: str, points: int = 0) -> tuple[str, dict[str, str]]:
    headers = api.member(subject)
    found = good(await api.get("/v1/me", headers=headers))["member"]["id"]
    if points:
        earning = {"reference": f"e-{subject}", "member_id": found, "points": points, "kind": "service",
                   "occurred_at": Clock().now().isoformat()}  # fmt: skip
        good(await api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=await oem(api)))
    return found, headers


async def balance(api: Api, headers: dict[str, str]) -> Any:
    return good(await api.get("/v1/me/points", headers=headers))


async def test_a_gift_moves_points_that_keep_their_day(api: Api) -> None:
    _, giver = await member(api, "giver", 500)
    friend, theirs = await member(api, "friend")
    key = fresh_key()
    given = good(await api.post(GIFTS, json={"member_id": friend, "points": 120}, headers=giver | key), 201)
    assert (given["points"], given["balance"], given["member_id"]) == (120, 380, friend)
    again = await api.post(GIFTS, json={"member_id": friend, "points": 120}, headers=giver | key)
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", given)
    mine, got = await balance(api, giver), await balance(api, theirs)
    assert (mine["balance"], got["balance"]) == (380, 120)
    assert mine["expiring"][0]["expires_on"] == got["expiring"][0]["expires_on"]
    shown = good(await api.get("/v1/me/points/movements", headers=theirs))["data"]
    assert [(one["code"], one["points"]) for one in shown] == [("gift", 120)]


@pytest.mark.parametrize(
    ("points", "status", "code"), [(501, 409, "insufficient_points"), (10_001, 400, "invalid_request")]
)
async def test_what_is_not_there_or_not_allowed_cannot_be_given(api: Api, points: int, status: int, code: str) -> None:
    _, giver = await member(api, "giver", 500)
    friend, _ = await member(api, "friend")
    body = {"member_id": friend, "points": points}
    assert good(await api.post(GIFTS, json=body, headers=giver | fresh_key()), status)["code"] == code


async def test_nobody_gives_to_themselves_to_a_stranger_or_while_blocked(api: Api) -> None:
    me, giver = await member(api, "giver", 500)
    friend, theirs = await member(api, "friend", 500)
    refused = await api.post(GIFTS, json={"member_id": me, "points": 1}, headers=giver | fresh_key())
    assert good(refused, 400)["errors"][0]["field"] == "member_id"
    nobody = f"{me[:-12]}{friend[-12:]}"
    refused = await api.post(GIFTS, json={"member_id": nobody, "points": 1}, headers=giver | fresh_key())
    assert good(refused, 409)["code"] == "unknown_member"
    await DB.fetch("UPDATE member SET status = 'blocked' WHERE id = $1", friend)
    for body, headers in (({"member_id": friend, "points": 1}, giver), ({"member_id": me, "points": 1}, theirs)):
        assert good(await api.post(GIFTS, json=body, headers=headers | fresh_key()), 409)["code"] == "not_eligible"
