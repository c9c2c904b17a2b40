"""Many members who redeem and insist: whatever breaks, they ask again with the same key until they have an answer."""

import asyncio
import random
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx

from marketplace.platform.postgres.database import DB


class Shoppers:
    """What was asked, and what was answered."""

    def __init__(self, base_url: str, tokens: dict[UUID, str], offers: list[UUID], dice: random.Random) -> None:
        """Take who may redeem what."""
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=20, trust_env=False, limits=httpx.Limits(max_connections=None)
        )
        self._tokens = tokens
        self._offers = offers
        self._dice = dice
        self.confirmed: dict[str, tuple[str, int, str]] = {}
        """What was said to be done: the redemption's id -> member, points, voucher code."""
        self.met: Counter[str] = Counter()
        """What the shoppers met on their way to an answer."""

    async def run(self, count: int, stop: asyncio.Event) -> None:
        """Shop until `stop`, and then until every question is answered."""
        async with self._client:
            await asyncio.gather(*(self._shop(stop) for _ in range(count)))

    async def _shop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.redeem(self._dice.choice(list(self._tokens)), self._dice.choice(self._offers), uuid4().hex)

    async def redeem(self, member_id: UUID, offer_id: UUID, key: str) -> None:
        """Redeem, and insist on an answer."""
        answer = await self.insist(member_id, offer_id, key)
        self.met[answer.json().get("code", "issued")] += 1
        if answer.status_code == 201:
            self._remember(member_id, answer.json())

    def _remember(self, member_id: UUID, body: dict[str, Any]) -> None:
        self.confirmed[body["id"]] = (str(member_id), body["points"], body["voucher"]["code"])

    async def insist(self, member_id: UUID, offer_id: UUID, key: str) -> httpx.Response:
        """Ask until there is an answer that says what was done."""
        headers = {"Authorization": f"Bearer {self._tokens[member_id]}", "Idempotency-Key": key}
        request = {"offer_id": str(offer_id), "quantity": 1}
        while True:
            try:
                answer = await self._client.post("/v1/redemptions", json=request, headers=headers)
            except httpx.TransportError as error:
                self.met[type(error).__name__] += 1
            else:
                if answer.status_code in {201, 409}:
                    return answer
                if answer.status_code != 503 or "retry-after" not in answer.headers:
                    raise AssertionError(f"answered {answer.status_code} {answer.text}")
                self.met["503"] += 1
            await asyncio.sleep(0.05)


async def against_the_books(confirmed: dict[str, tuple[str, int, str]]) -> list[str]:
    """Return what was confirmed to the shoppers but is not in the books, and what is in the books but was confirmed to nobody."""
    rows = await DB.fetch(
        "SELECT r.id, r.member_id, r.points, v.code FROM redemption r JOIN voucher v ON v.redemption_id = r.id"
        " AND v.bucket = r.bucket WHERE r.status = 'issued'"
    )
    booked = {str(row["id"]): (str(row["member_id"]), row["points"], row["code"]) for row in rows}
    return [
        *(f"confirmed, not in the books: {one}" for one in sorted(confirmed.items() - booked.items())),
        *(f"in the books, not confirmed: {one}" for one in sorted(booked.items() - confirmed.items())),
    ]
