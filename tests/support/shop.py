"""A partner at its counter: two locations, the owner's browser, and a member who redeems."""

import httpx

from marketplace.platform.postgres.database import DB
from tests.support.app import Api, fresh_key
from tests.support.flow import Partner, good, oem
from tests.support.portal import Portal, link_in, post_office
from tests.support.web import FORM, hidden


class Shop:
    """A partner with two locations, its owner's browser, and a member who redeems."""

    def __init__(self, api: Api, browser: Portal) -> None:
        self.api, self.browser, self.clock = api, browser, browser.clock
        self.member = api.member("lin")

    async def open(self) -> "Shop":
        self.partner = await Partner(self.api).open(counter_cancel_minutes=15)
        for name in ("SH-1", "SH-2"):
            place = {"id": name, "name": {"zh-CN": f"店 {name}", "en": name}, "city": "上海", "address": "路 1 号"}
            good(
                await self.api.post("/v1/partner/locations", json=place, headers=self.partner.headers | fresh_key()),
                201,
            )
        self.offer = (await self.partner.offer(points=1, voucher_days=1))["id"]
        member_id = good(await self.api.get("/v1/me", headers=self.member))["member"]["id"]
        earning = {
            "reference": "v-1", "member_id": member_id, "points": 500, "kind": "service",
            "occurred_at": self.clock.now().isoformat(),
        }  # fmt: skip
        good(await self.api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=await oem(self.api)))
        messages = await post_office(self.browser.settings, self.clock)
        await self.browser.join(link_in(messages[-1]))
        return self

    async def voucher(self) -> str:
        request = {"offer_id": self.offer, "quantity": 1}
        answer = await self.api.post("/v1/redemptions", json=request, headers=self.member | fresh_key())
        code: str = good(answer, 201)["voucher"]["code"]
        return code

    async def stand(self, place: str) -> httpx.Response:
        return await self.browser.fill("/partner/counter/place", location_id=place)

    async def verify(self, code: str) -> httpx.Response:
        return await self.browser.fill("/partner/counter", "/partner/counter/verify", code=code)

    async def use(self, page: httpx.Response, **fields: str) -> httpx.Response:
        return await self.send(page, "use", "code", "use_token", "idempotency_key", **fields)

    async def undo(self, page: httpx.Response, **fields: str) -> httpx.Response:
        return await self.send(page, "undo", "code", "idempotency_key", **{"reason": "扫错了券"} | fields)

    async def send(self, page: httpx.Response, action: str, *names: str, **fields: str) -> httpx.Response:
        kept = {name: hidden(page.text, name) for name in (*names, *FORM)}
        return await self.browser.post(f"/partner/counter/{action}", data=kept | fields)

    async def person(self, role: str, *places: str) -> None:
        """Let the one who is signed in have the role, and belong to the places."""
        await DB.fetch("UPDATE partner_staff SET roles = $1", [role])
        await DB.fetch("DELETE FROM partner_staff_location")
        await DB.fetch(
            "INSERT INTO partner_staff_location (staff_id, partner_id, location_id)"
            " SELECT s.id, s.partner_id, place FROM partner_staff s, unnest($1::text[]) AS place",
            list(places),
        )
