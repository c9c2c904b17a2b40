"""While the secret key is replaced people sign in, messages arrive, and partners' servers get signed events, as before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.runtime.key_rotation import rotate_everything
from marketplace.settings import Settings
from partners.staff.invitations import Inviter
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import WebhookPublisher
from partners.webhooks.send import Sender
from tests.support.app import Api, fresh_key, running_app
from tests.support.keyed import installed, start, with_keys
from tests.support.partners import ALL_SCOPES, active_partner, approved_partner, bearer, partner_client, token
from tests.support.portal import Portal, joined_owner, link_in, mails, post_office
from tests.support.receiver import receiving

NEXT = "the-next-secret-of-the-tests-9876543210"
OWNER = "li.na@example.com"
PHASES = ("known", "present", "alone")
"""The next key is known beside the present one; it is the present one; everything is under it and the former one is gone."""


@pytest.fixture
async def house(postgres: str, partners_only: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    own = msgspec.structs.replace(partners_only, data=tmp_path, outbound_allow="127.0.0.0/8")
    async with installed(postgres, own) as made:
        yield made


@asynccontextmanager
async def in_phase(house: Settings, phase: str, clock: Clock) -> AsyncIterator[tuple[Api, Settings]]:
    """Serve as an operator does in the phase (docs/security.md, "Replacing the secret key")."""
    changed = with_keys(house, NEXT, house.secret_key)
    if phase == "alone":
        await rotate_everything(changed)
    keys = {"known": with_keys(house, house.secret_key, NEXT), "present": changed, "alone": with_keys(house, NEXT)}
    await start(keys[phase])
    async with running_app(keys[phase], house.database_url, clock) as api:
        yield api, keys[phase]


async def test_people_sign_in_by_the_same_second_factor(house: Settings, clock: Clock) -> None:
    async with running_app(house, house.database_url, clock) as api, Portal.of(api.app, house, clock) as browser:
        await joined_owner(api, browser)
        secret = browser.secret
    for phase in PHASES:
        async with in_phase(house, phase, clock) as (api, settings), Portal.of(api.app, settings, clock) as browser:
            browser.secret = secret
            assert (await browser.sign_in(OWNER)).url.path == "/partner", phase


async def test_a_message_that_waits_is_sent_with_a_link_that_is_good(house: Settings, clock: Clock) -> None:
    """Written before each phase, and sent in it."""
    before, number = house, 0
    for phase in PHASES:
        async with running_app(before, house.database_url, clock) as api:
            number += 1
            await approved_partner(api, registration_number=f"91310000MA1FL{number:04d}X")
            await catch_up(Inviter(before, clock))
        async with in_phase(house, phase, clock) as (api, before), Portal.of(api.app, before, clock) as browser:
            assert len(mails(house.data)) == number - 1
            message = (await post_office(before, clock))[-1]
            assert (await browser.join(link_in(message))).status_code == 200, phase


async def test_an_event_that_waits_reaches_the_partners_server_signed_with_the_same_keys(
    house: Settings, clock: Clock
) -> None:
    """It happens before each phase, and is sent in it."""
    before = house
    async with receiving() as receiver:
        async with running_app(house, house.database_url, clock) as api:
            partner_id = await active_partner(api)
            client = await partner_client(api, partner_id, scopes=[*ALL_SCOPES, "webhooks:manage"])
            await catch_up(announcer(house))
            body = {"url": receiver.url, "event_types": ["partner.location_added"]}
            headers = bearer(await token(api, client)) | fresh_key()
            endpoint = (await api.post("/v1/partner/webhook-endpoints", json=body, headers=headers)).json()
        for number, phase in enumerate(PHASES, 1):
            async with running_app(before, house.database_url, clock) as api:
                place = {"id": phase, "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
                headers = bearer(await token(api, client)) | fresh_key()
                assert (await api.post("/v1/partner/locations", json=place, headers=headers)).status_code == 201
                await catch_up(announcer(before))
            async with in_phase(house, phase, clock) as (_, before):
                sender = Sender(Outbound.of(before), before.keys, clock, luck=lambda: 0.0)
                assert await sender.once() == 1
            assert len(receiver.got) == number
            got = receiver.got[-1]
            assert got.message["data"]["location_id"] == phase
            assert got.is_signed(endpoint["secret"]), phase
            assert got.is_signed_with(endpoint["public_key"]), phase


def announcer(settings: Settings) -> WebhookPublisher:
    return WebhookPublisher(catalogue_of(settings.packages), settings.keys)
