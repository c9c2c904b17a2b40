"""Webhooks: the schedule, what an answer means, signatures and references; pure."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.keyring import KeyRing
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.eventlog.webhook_events import SAMPLE_REFERENCE, WebhookEventType
from marketplace.settings import Settings
from partners.pairwise import ReferenceKey, first_key, member_reference, version_of
from partners.webhooks.catalogue import catalogue_of, schema_of
from partners.webhooks.domain import (
    DELAYS_S,
    DELIVERY,
    ENDPOINT,
    GIVE_UP_AFTER,
    JITTER,
    DeliveryStatus,
    EndpointStatus,
    judge,
    next_try,
    signature_v1,
    signed_content,
)
from partners.webhooks.signing import message_headers, new_keys, open_keys, seal_keys

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CATALOGUE = catalogue_of(Settings().packages)
LUCK = st.floats(0, 1)
statuses = st.one_of(st.none(), st.integers(100, 599))
waits = st.one_of(st.none(), st.text(max_size=30), st.integers(-5, 10**12).map(str))


def test_the_schedule_is_the_published_one() -> None:
    minute, hour = 60, 3600
    assert (
        0, 5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour,
    ) == DELAYS_S  # fmt: skip


@given(st.integers(1, 20), waits, LUCK)
def test_a_try_is_never_early_and_never_far_off(tries: int, retry_after: str | None, luck: float) -> None:
    due_at = next_try(tries, retry_after, NOW, luck)
    if tries >= len(DELAYS_S):
        assert due_at is None
        return
    assert due_at is not None
    waited = (due_at - NOW).total_seconds()
    assert waited >= DELAYS_S[tries]
    assert waited <= max(DELAYS_S[tries] * (1 + JITTER), 86_400) + 0.001


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (format_datetime(NOW + timedelta(minutes=7), usegmt=True), 420),
        ("999999999", 86_400),
        ("-5", 5),
        ("１２０", 5),
        ("soon", 5),
        ("Sun, 99 Nov 2026 04:00:00 GMT", 5),
        ("1", 5),
    ],
)
def test_retry_after_makes_it_later_and_not_earlier(text: str, seconds: int) -> None:
    assert next_try(1, text, NOW, 0) == NOW + timedelta(seconds=seconds)


@given(st.integers(1, 12), statuses, waits, st.one_of(st.none(), st.integers(0, 20)), LUCK)
def test_a_verdict_holds_together(
    tries: int, status: int | None, retry_after: str | None, days: int | None, luck: float
) -> None:
    since = None if days is None else NOW - timedelta(days=days)
    verdict = judge(tries, status, retry_after, since, NOW, luck)
    good = status is not None and 200 <= status < 300
    assert (verdict.delivery is DeliveryStatus.DELIVERED) == good
    assert (verdict.due_at is not None) == (verdict.delivery is DeliveryStatus.PENDING)
    assert (verdict.failing_since is None) == good
    if good:
        assert verdict.disable is None
    elif status == 410:
        assert (verdict.disable, verdict.delivery) == ("gone", DeliveryStatus.FAILED)
    else:
        assert (verdict.disable == "failing") == (since is not None and NOW - since >= GIVE_UP_AFTER)
        assert (verdict.delivery is DeliveryStatus.FAILED) == (tries >= len(DELAYS_S))


def test_ten_failures_end_a_message_and_take_three_days() -> None:
    now, tries, since = NOW, 0, None
    while True:
        tries += 1
        verdict = judge(tries, 302, None, since, now, 0)
        since = verdict.failing_since
        if verdict.due_at is None:
            break
        now = verdict.due_at
    assert (tries, verdict.delivery) == (10, DeliveryStatus.FAILED)
    assert now - NOW == timedelta(seconds=sum(DELAYS_S))


def test_every_state_has_a_way_on() -> None:
    for state in EndpointStatus:
        assert {"enable", "disable"} <= set(ENDPOINT.actions(state))
    for status in DeliveryStatus:
        assert "resend" in DELIVERY.actions(status)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's own libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = signed_content(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert signature_v1(secret, content) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=200), st.uuids())
def test_each_key_signs_and_the_seal_keeps_them(body: bytes, message_id: UUID) -> None:
    old, new = new_keys(), new_keys()
    headers = message_headers(
        str(message_id), NOW, body, [new, open_keys(KeyRing("k" * 32), seal_keys(KeyRing("k" * 32), old))]
    )
    content = f"{message_id}.{int(NOW.timestamp())}.".encode() + body
    found = headers["webhook-signature"].split(" ")
    for keys in (new, old):
        wanted = base64.b64encode(hmac.new(keys.secret, content, hashlib.sha256).digest()).decode()
        assert f"v1,{wanted}" in found
    assert [each.split(",")[0] for each in found] == ["v1", "v1a"] * 2


def test_a_reference_is_of_one_member_at_one_partner_under_one_key() -> None:
    member, partner, other = uuid4(), uuid4(), uuid4()
    key, later = first_key(KeyRing("k" * 32)), ReferenceKey(2, b"l" * 32)
    reference = member_reference(key, partner, member)
    assert reference == member_reference(key, partner, member)
    assert reference.startswith("m1_")
    assert len(reference) == len(SAMPLE_REFERENCE)
    others = {
        member_reference(key, other, member),
        member_reference(key, partner, other),
        member_reference(first_key(KeyRing("x" * 32)), partner, member),
        member_reference(later, partner, member),
    }
    assert len(others | {reference}) == 5
    assert len({each.partition("_")[2] for each in others | {reference}}) == 5, "nothing but the version is in common"
    assert version_of(reference) == 1
    assert version_of(member_reference(later, partner, member)) == 2
    for text in (
        "",
        "m1_",
        "m0_4FJ3Q7ZK2VXN5T6B",
        "m1_4fj3q7zk2vxn5t6b",
        "m1_4FJ3Q7ZK2VXN5T6B\n",
        "s1_4FJ3Q7ZK2VXN5T6B",
    ):
        assert version_of(text) is None


@pytest.mark.parametrize("announced", CATALOGUE.by_type.values(), ids=lambda each: each.type)
def test_no_message_names_a_person(announced: WebhookEventType) -> None:
    fields = set(announced.sample.__struct_fields__)
    assert not fields & {"member_id", "partner_id", "name", "phone", "subject"}
    kept = fields - {"member_reference"}
    assert kept <= set(announced.kind.__struct_fields__), "a view has fields of its event and no others"
    payload = msgspec.to_builtins(announced.sample) | {"member_id": "canary", "phone": "canary", "partner_id": "canary"}
    seen = announced.data(payload, "m1_X")
    assert b"canary" not in msgspec.json.encode(seen)
    schema = schema_of(announced)
    assert schema["examples"][0]["type"] == announced.type
    assert (
        set(
            schema["properties"]["data"].get(
                "properties", schema["$defs"][type(announced.sample).__name__]["properties"]
            )
        )
        == fields
    )


def test_the_catalogue_refuses_what_it_does_not_know() -> None:
    assert CATALOGUE.check(["voucher.used", "offer.changed", "voucher.used"]) == ["offer.changed", "voucher.used"]
    assert CATALOGUE.check(["*"]) == ["*"]
    for wrong in (["points.credited"], ["*", "voucher.used"], ["voucher.used", "nothing.there"]):
        with pytest.raises(InvalidField):
            CATALOGUE.check(wrong)
