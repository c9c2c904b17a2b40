"""What holds, gifts, uploaded codes and limits look like on the members' pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from benefits.holds.commands import PlaceHold, new_end
from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from benefits.offers.supply import add_codes
from benefits.points.commands import new_gift
from benefits.points.domain import PointsPostingCode
from benefits.redemptions.commands import new_request
from benefits.web.views import MOVEMENT_NAMES
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.http.idempotency import Key
from marketplace.platform.postgres.database import unit_of_work
from tests.support.web import FORM, Browser, hidden, page_settings, running_pages
from tests.support.world import World

pytestmark = pytest.mark.dates


class Shop:
    """A signed-in member with 1,000 points."""

    def __init__(self, browser: Browser, world: World, member_id: UUID) -> None:
        self.browser, self.world, self.member_id = browser, world, member_id

    async def get(self, path: str) -> str:
        answer = await self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def key(self) -> Key:
        return Key(bucket_of(self.member_id), "oem:test", uuid4().hex, b"f")


@pytest.fixture
async def shop(dsn: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Shop]:
    settings = page_settings(tmp_path)
    async with running_pages(settings, dsn, clock=clock) as browser:
        world = await World(settings, clock).open()
        async with unit_of_work() as work:
            person = MemberInput(subject="member-subject-lin", name="林晓", tier="gold", vehicle="ET7")
            member_id = (await upsert(work, [person], clock.now()))[0].member_id
        await world.earn([(member_id, 1000)])
        assert (await browser.sign_in("lin")).status_code == 303
        yield Shop(browser, world, member_id)


def test_every_kind_of_movement_has_a_name() -> None:
    assert set(MOVEMENT_NAMES) == {code.value for code in PointsPostingCode}


async def test_holds_and_gifts_are_told_among_the_movements(shop: Shop) -> None:
    world, desk = shop.world, shop.world.desk()
    (friend,) = await world.members(1)
    offer = await world.offer(points=100, title={"zh-CN": "山间民宿", "en": "Mountain lodge"})
    gift = new_gift(shop.member_id, friend, 50, shop.key(), "en", world.clock.unix_ms())
    assert (await desk.submit(gift)).status == 201
    request = new_request(shop.member_id, offer, 2, world.clock.unix_ms())
    assert (await desk.submit(PlaceHold(request, 15, "cart", shop.key(), "en"))).status == 201
    page = await shop.get("/points")
    for words in ("会员赠送", "-50", "积分预留", "-200", "山间民宿", "750"):
        assert words in page
    ended = new_end(shop.member_id, request.redemption_id, "post", shop.key(), "en", world.clock.unix_ms(), quantity=1)
    assert (await desk.submit(ended)).status == 200
    page = await shop.get("/points")
    assert "预留结束，积分退回" in page
    assert "+100" in page
    assert "850" in page


async def test_a_voucher_shows_the_partners_codes_and_offers_no_way_back(shop: Shop) -> None:
    offer = await shop.world.offer(points=100, codes="partner")
    async with unit_of_work() as work:
        await add_codes(work, shop.world.partner_id, offer, ["SHOP-7788"], shop.world.now)
    form = await shop.get(f"/offers/{offer}/redeem?quantity=1")
    fields = {name: hidden(form, name) for name in (*FORM, "idempotency_key", "quantity")}
    answer = await shop.browser.post(f"/offers/{offer}/redeem", data=fields)
    result = await shop.get(answer.headers["location"])
    assert "SHOP-7788" in result
    vouchers = await shop.get("/vouchers")
    voucher = await shop.get("/vouchers/" + vouchers.split('href="/vouchers/')[1].split('"')[0])
    assert "SHOP-7788" in voucher
    assert "取消并退回积分" not in voucher


async def test_an_offers_limits_are_told(shop: Shop) -> None:
    limits = [{"window": "day", "units": 1}, {"window": "month", "units": 4}]
    page = await shop.get(f"/offers/{await shop.world.offer(points=100, limits=limits)}")
    assert "每人每天限兑" in page
    assert "每人每月限兑" in page
    assert "4 份" in page
