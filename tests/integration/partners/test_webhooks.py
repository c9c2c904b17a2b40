"""Webhooks from an event to a partner's own server, over real sockets, and everything that goes wrong on the way."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB
from partners.webhooks.domain import DELAYS_S
from partners.webhooks.send import Sender
from tests.support.app import fresh_key
from tests.support.partners import bearer, partner_client, staff_post, token
from tests.support.receiver import receiving
from tests.support.webhooks import DELIVERIES, ENDPOINTS, House


async def test_an_event_reaches_the_partners_server_signed(house: House) -> None:
    endpoint = await house.endpoint("partner.location_added")
    assert endpoint["secret"].startswith("whsec_")
    await house.location("SH-1")
    await house.location("SH-2")
    assert await house.publish() == 2
    got = sorted(house.receiver.got, key=lambda each: each.message["sequence"])
    for each, name in zip(got, ("SH-1", "SH-2"), strict=True):
        assert each.is_signed(endpoint["secret"])
        assert each.is_signed_with(endpoint["public_key"])
        assert not each.is_signed("whsec_" + "A" * 43 + "=")
        assert each.headers["content-type"] == "application/json"
        assert each.headers["host"] == f"127.0.0.1:{house.receiver.port}"
        assert each.message["id"] == each.headers["webhook-id"]
        assert (each.message["type"], each.message["data"]["location_id"]) == ("partner.location_added", name)
        each.body += b" "
        assert not each.is_signed(endpoint["secret"]), "a changed body"
    first, second = (each.message["sequence"] for each in got)
    assert second == first + 1
    shown = await house.delivery(endpoint)
    assert (shown["status"], shown["attempts"], shown["history"][0]["status"]) == ("delivered", 1, 204)
    assert await house.publish() == 0


async def test_the_secret_is_shown_once_and_lies_sealed(house: House) -> None:
    key = fresh_key()
    body = {"url": house.receiver.url, "event_types": ["*"]}
    first = await house.api.post(ENDPOINTS, json=body, headers=house.headers | key)
    again = await house.api.post(ENDPOINTS, json=body, headers=house.headers | key)
    assert again.json() == first.json(), "a retry after a lost answer gets the secret as well"
    endpoint = first.json()
    assert (await house.get(f"{ENDPOINTS}/{endpoint['id']}"))["secret"] is None
    assert (await house.get(ENDPOINTS))["data"][0]["secret"] is None
    rows = await DB.fetch(
        "SELECT keys_sealed, (SELECT string_agg(encode(body, 'escape'), '') FROM idempotency) AS kept FROM webhook_endpoint"
    )
    assert len(rows) == 1
    for kept in (rows[0]["keys_sealed"].decode(), rows[0]["kept"]):
        assert endpoint["secret"].removeprefix("whsec_") not in kept


async def test_while_a_secret_rotates_both_sign(house: House) -> None:
    old = await house.endpoint()
    new = await house.post(f"{ENDPOINTS}/{old['id']}/rotate-secret", {"grace_hours": 2}, 200)
    assert new["secret"] != old["secret"]
    for later, both in ((timedelta(0), True), (timedelta(hours=3), False)):
        house.clock.offset += later
        await house.location(f"SH-{both}")
        await house.publish()
        got = house.receiver.got[-1]
        assert got.is_signed(new["secret"])
        assert got.is_signed_with(new["public_key"])
        assert got.is_signed(old["secret"]) is both
        assert got.is_signed_with(old["public_key"]) is both
    gone = await house.post(f"{ENDPOINTS}/{old['id']}/rotate-secret", {"grace_hours": 0}, 200)
    await house.location("SH-3")
    await house.publish()
    assert house.receiver.got[-1].is_signed(gone["secret"])
    assert not house.receiver.got[-1].is_signed(new["secret"])
    refused = await house.api.post(
        f"{ENDPOINTS}/{old['id']}/rotate-secret", json={"grace_hours": 25}, headers=house.headers | fresh_key()
    )
    assert refused.status_code == 400


async def test_a_second_rotation_leaves_the_first_old_secret_its_grace(house: House) -> None:
    first = await house.endpoint()
    at = f"{ENDPOINTS}/{first['id']}/rotate-secret"
    second, third = [await house.post(at, {"grace_hours": hours}, 200) for hours in (24, 2)]

    async def signing(later: timedelta) -> list[bool]:
        house.clock.offset = later
        await house.location(f"SH-{later.total_seconds():.0f}")
        await house.publish()
        return [house.receiver.got[-1].is_signed(each["secret"]) for each in (first, second, third)]

    assert await signing(timedelta()) == [True, True, True]
    assert await signing(timedelta(hours=3)) == [True, False, True]
    assert await signing(timedelta(hours=25)) == [False, False, True]
    await house.post(at, {"grace_hours": 24}, 200)
    refused = await house.post(at, {"grace_hours": 24}, 409)
    assert (refused["code"], refused["most"]) == ("too_many_secrets", 3)
    last = await house.post(at, {"grace_hours": 0}, 200)
    assert last["old_keys_until"] is None
    await house.location("SH-last")
    await house.publish()
    assert [house.receiver.got[-1].is_signed(each["secret"]) for each in (third, last)] == [False, True]


async def test_a_failing_receiver_is_tried_on_the_schedule_under_one_id(house: House) -> None:
    endpoint = await house.endpoint()
    house.receiver.answer(500, b"broken")
    await house.location("SH-1")
    for delay in DELAYS_S:
        if delay:
            house.clock.offset += timedelta(seconds=delay - 2)
            assert await house.publish() == 0, f"{delay} s are not over"
            house.clock.offset += timedelta(seconds=3)
        assert await house.publish() == 1
    shown = await house.delivery(endpoint)
    assert (shown["status"], shown["attempts"], shown["due_at"]) == ("failed", 10, None)
    assert {(each["status"], each["answer"]) for each in shown["history"]} == {(500, "broken")}
    assert len({got.headers["webhook-id"] for got in house.receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in house.receiver.got}) == 10
    assert all(got.is_signed(endpoint["secret"]) for got in house.receiver.got)
    house.receiver.answer(200)
    await house.post(f"{DELIVERIES}/{shown['id']}/resend", None, 200)
    assert await house.publish() == 1
    assert house.receiver.got[-1].headers["webhook-id"] == shown["message_id"]
    assert (await house.delivery(endpoint))["status"] == "delivered"
    assert (await house.get(f"{ENDPOINTS}/{endpoint['id']}"))["failing_since"] is None


async def test_retry_after_is_heeded(house: House) -> None:
    await house.endpoint()
    house.receiver.answer(503, retry_after="3600")
    await house.location("SH-1")
    assert await house.publish() == 1
    house.clock.offset += timedelta(seconds=3590)
    assert await house.publish() == 0
    house.clock.offset += timedelta(seconds=20)
    assert await house.publish() == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(house: House) -> None:
    endpoint = await house.endpoint()
    async with receiving() as inside:
        house.receiver.answer(307, location=inside.url)
        await house.location("SH-1")
        assert await house.publish() == 1
        assert inside.got == []
    shown = await house.delivery(endpoint)
    assert (shown["status"], shown["history"][0]["status"]) == ("pending", 307)


async def test_gone_disables_at_once_and_the_others_hear_it(house: House) -> None:
    gone = await house.endpoint("partner.location_added")
    async with receiving() as second:
        await house.endpoint("webhook.endpoint_disabled", url=second.url)
        house.receiver.answer(410)
        await house.location("SH-1")
        assert await house.publish() == 1
        assert (await house.get(f"{ENDPOINTS}/{gone['id']}"))["disabled_reason"] == "gone"
        assert await house.publish() == 1
        assert second.got[0].message["data"]["endpoint_id"] == gone["id"]
    await house.location("SH-2")
    await house.publish()
    assert len(house.receiver.got) == 1, "nothing more is sent"
    refused = await house.post(f"{ENDPOINTS}/{gone['id']}/simulate", {"event_type": "contract.signed"}, 409)
    assert refused["code"] == "wrong_state"
    there, change = f"{ENDPOINTS}/{gone['id']}", {"status": "enabled"}
    # "1" is what it was when the partner read it last: that we have disabled it since is a change, too.
    for sent, status, code in (
        ({}, 400, "if_match_missing"),
        ({"If-Match": '"1"'}, 412, "changed_meanwhile"),
        ({"If-Match": "x"}, 412, "changed_meanwhile"),
    ):
        answer = await house.api.patch(there, json=change, headers=house.headers | sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code), sent
    read = await house.api.get(there, headers=house.headers)
    answer = await house.api.patch(there, json=change, headers=house.headers | {"If-Match": read.headers["ETag"]})
    assert (answer.json()["status"], answer.json()["disabled_reason"]) == ("enabled", None)


async def test_who_is_suspended_or_let_go_is_told_why(house: House) -> None:
    await house.endpoint()
    for step, after in (("suspend", "suspended"), ("terminate", "terminated")):
        await staff_post(house.api, f"/v1/admin/partners/{house.partner_id}/{step}", {"reason": f"投诉 {step}"})
        assert await house.publish() == 1
        recorded = house.receiver.got[-1].message
        assert (recorded["type"], recorded["data"]["after"]) == ("partner.status_changed", after)
        assert recorded["data"]["reason"] == f"投诉 {step}"


async def test_nothing_else_is_sent_to_who_has_left(house: House) -> None:
    await house.endpoint()
    house.receiver.answer(500)
    await house.location("SH-1")
    assert await house.publish() == 1
    await staff_post(house.api, f"/v1/admin/partners/{house.partner_id}/terminate", {"reason": "合同到期"})
    house.clock.offset += timedelta(minutes=1)
    house.receiver.answer(204)
    assert await house.publish() == 1
    assert await house.publish() == 0
    assert house.receiver.got[-1].message["type"] == "partner.status_changed"


async def test_five_days_of_failure_disable(house: House) -> None:
    endpoint = await house.endpoint()
    house.receiver.answer(500)
    for day in range(7):
        await house.location(f"SH-{day}")
        await house.publish()
        status = (await house.get(f"{ENDPOINTS}/{endpoint['id']}"))["status"]
        assert status == ("enabled" if day < 5 else "disabled"), day
        house.clock.offset += timedelta(days=1)
    page = await house.get("/v1/partner/events", limit=100)
    recorded = [each for each in page["data"] if each["type"] == "webhook.endpoint_disabled"]
    assert [each["data"]["reason"] for each in recorded] == ["failing"]


async def test_a_sample_of_any_type_can_be_sent(house: House) -> None:
    endpoint = await house.endpoint("contract.signed")
    types = (await house.get("/v1/partner/event-types"))["data"]
    for each in types:
        made = await house.post(f"{ENDPOINTS}/{endpoint['id']}/simulate", {"event_type": each["type"]})
        assert made["status"] == "pending"
        assert await house.publish() == 1
        got = house.receiver.got[-1]
        assert got.is_signed(endpoint["secret"])
        assert got.message["data"] == each["json_schema"]["examples"][0]["data"]
        assert got.message["type"] == each["type"]
        assert got.message["sample"] is True
    await house.location("SH-1")
    for wrong in ("*", "points.credited"):
        refused = await house.post(f"{ENDPOINTS}/{endpoint['id']}/simulate", {"event_type": wrong}, 400)
        assert refused["errors"][0]["field"] == "event_type"
    await catch_up(house.announcer)
    page = await house.get("/v1/partner/events", limit=100)
    assert {each["type"] for each in page["data"]} <= {
        "partner.status_changed",
        "contract.offered",
        "contract.signed",
        "partner.staff_invited",
        "partner.location_added",
    }, "samples are not events"
    assert not any("sample" in each for each in page["data"])


async def test_events_can_be_asked_for(house: House) -> None:
    cursor, seen = None, []
    for number in range(5):
        await house.location(f"SH-{number}")
    await catch_up(house.announcer)
    while True:
        page = await house.get("/v1/partner/events", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:  # as every list ends: a client that continues until then looped for ever
            cursor = page["resume_cursor"]
            break
    locations = [each["data"]["location_id"] for each in seen if each["type"] == "partner.location_added"]
    assert locations == [f"SH-{number}" for number in range(5)]
    empty = await house.get("/v1/partner/events", cursor=cursor)
    assert (empty["data"], empty["next_cursor"], empty["resume_cursor"]) == ([], None, cursor)
    await house.location("SH-9")
    await catch_up(house.announcer)
    assert [each["data"]["location_id"] for each in (await house.get("/v1/partner/events", cursor=cursor))["data"]] == [
        "SH-9"
    ]
    numbers = [each["sequence"] for each in seen if each["subject"]["kind"] == "partner"]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_an_event_seen_twice_is_told_once(house: House) -> None:
    await house.endpoint()
    await house.location("SH-1")
    await catch_up(house.announcer)
    before = await DB.fetchval("SELECT count(*) FROM webhook_delivery")
    numbers = await DB.fetch("SELECT last FROM partner_event_number")
    await DB.fetch("UPDATE consumer_position SET tick = 0, seq = 0 WHERE consumer = $1", house.announcer.name)
    await catch_up(house.announcer)
    assert await DB.fetchval("SELECT count(*) FROM webhook_delivery") == before
    assert await DB.fetch("SELECT last FROM partner_event_number") == numbers


async def test_another_partner_sees_and_changes_nothing(house: House) -> None:
    endpoint = await house.endpoint()
    await house.location("SH-1")
    await house.publish()
    delivery = await house.delivery(endpoint)
    stranger = await house.partner("91310000MA1FL0001X")
    at = f"{ENDPOINTS}/{endpoint['id']}"
    calls = [
        ("GET", at, None), ("PATCH", at, {"description": "x"}), ("DELETE", at, None), ("GET", f"{at}/deliveries", None),
        ("POST", f"{at}/rotate-secret", {}), ("POST", f"{at}/simulate", {"event_type": "contract.signed"}),
        ("GET", f"{DELIVERIES}/{delivery['id']}", None), ("POST", f"{DELIVERIES}/{delivery['id']}/resend", None),
    ]  # fmt: skip
    kept = await DB.fetch("SELECT * FROM webhook_endpoint"), await DB.fetch("SELECT * FROM webhook_delivery")
    for method, path, body in calls:
        answers = []
        for identifier in (None, "01990000-0000-7000-8000-000000000009"):
            where = (
                path
                if identifier is None
                else path.replace(endpoint["id"], identifier).replace(delivery["id"], identifier)
            )
            headers = stranger | fresh_key() | {"If-Match": '"1"'}
            answer = await house.api.request(method, where, json=body, headers=headers)
            assert answer.status_code == 404, (method, path, answer.text)
            answers.append({name: value for name, value in answer.json().items() if name != "request_id"})
        assert answers[0] == answers[1], "not yours and not there look alike"
    assert (await DB.fetch("SELECT * FROM webhook_endpoint"), await DB.fetch("SELECT * FROM webhook_delivery")) == kept
    listed = await house.api.get(ENDPOINTS, headers=stranger)
    assert listed.json()["data"] == []
    foreign = (await house.get("/v1/partner/events"))["resume_cursor"]
    answer = await house.api.get("/v1/partner/events", params={"cursor": foreign}, headers=stranger)
    assert answer.status_code == 400, "a cursor of another partner"
    client = await partner_client(house.api, house.partner_id, scopes=["offers:read"])
    lower = bearer(await token(house.api, client))
    for path in (ENDPOINTS, "/v1/partner/events", "/v1/partner/event-types"):
        assert (await house.api.get(path, headers=lower)).status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "https://user@example.com/"}, "url"),
        ({"url": "http://10.0.0.1/hook"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"event_types": ["points.credited"]}, "event_types[0]"),
        ({"event_types": []}, "event_types"),
        ({"partner_id": "x"}, "partner_id"),
        ({"status": "enabled"}, "status"),
    ],
)
async def test_bad_endpoints_are_refused_by_field(house: House, change: dict[str, Any], field: str) -> None:
    body = {"url": house.receiver.url, "event_types": ["*"]} | change
    answer = await house.api.post(ENDPOINTS, json=body, headers=house.headers | fresh_key())
    assert answer.status_code == 400, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert await DB.fetchval("SELECT count(*) FROM webhook_endpoint") == 0


async def test_an_endpoint_inside_the_house_is_not_reached(house: House) -> None:
    """Laid up while it was allowed, or by a name that moved: the sender's own guard decides."""
    endpoint = await house.endpoint()
    await house.location("SH-1")
    strict = msgspec.structs.replace(house.settings, outbound_allow="")
    house.sender = Sender(Outbound.of(strict), strict.keys, house.clock)
    assert await house.publish() == 1
    assert house.receiver.got == []
    shown = await house.delivery(endpoint)
    assert (shown["history"][0]["status"], shown["history"][0]["reason"]) == (None, "not_https")
