"""`marketplace simulate`: the demo's members, many at once, over the public HTTP API."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

from marketplace.demo.manifest import demo_settings, read_demo, read_members
from marketplace.demo.oneid import DemoPerson, OneId
from marketplace.platform.runtime.commands import progress

_TIMEOUT_S = 30
_PAGE = 100
_COSTLY = 1_200
"""An offer of that price, in points, is requested half as often as a free one would be, one of three times it a tenth."""


class DemoRequest(msgspec.Struct, frozen=True):
    """A redemption to request: a member's index in the list of members, and an offer's id."""

    member: int
    offer_id: str


class ProblemCode(msgspec.Struct, frozen=True):
    """The part of a problem document that the tally needs."""

    code: str = "?"


class Tally(msgspec.Struct):
    """The results: seconds of each response, and counts by status and refusal."""

    seconds: list[float] = []
    answers: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, response: httpx.Response, seconds: float) -> None:
        """Count a response."""
        self.seconds.append(seconds)
        if response.status_code < 400:
            self.answers[f"{response.status_code} issued"] += 1
        else:
            self.answers[f"{response.status_code} {_code_of(response)}"] += 1

    def percentile(self, share: float) -> float:
        """Return the time, in milliseconds, within which that share of the responses came."""
        ranked = sorted(self.seconds)
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000 if ranked else 0.0


async def simulate(folder: Path, redemptions: int, connections: int, seed: int) -> None:
    """Let the members redeem, with `connections` concurrent requests, and print the results.

    The seed decides who requests what. Raises ClickException, one line, if the demo does not respond.
    """
    base_url = read_demo(folder).base_url
    chance = Random(seed)  # noqa: S311 - it chooses members, not secrets
    people = _Members(folder, base_url, chance)
    async with httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        try:
            offers = await _offers(client, people.token(0))
        except (httpx.HTTPError, OSError) as error:
            raise click.ClickException(
                f"the demo at {base_url} does not respond ({error or type(error).__name__});"
                f" start it with: marketplace demo --data {folder}"
            ) from error
    if not offers:
        raise click.ClickException(f"nothing is on sale at {base_url}")
    requests = _requests(chance, people.count, offers, redemptions)
    people.sign_in({request.member for request in requests})
    tally = Tally()
    began = time.perf_counter()
    lost = await _drive(base_url, requests, people, min(connections, len(requests)), tally)
    _report(tally, time.perf_counter() - began, lost)


class _Members:
    """The members and their access tokens."""

    def __init__(self, folder: Path, base_url: str, chance: Random) -> None:
        self._subjects = read_members(folder)
        chance.shuffle(self._subjects)
        self._oneid = OneId(demo_settings(folder, base_url), [])
        self._tokens: dict[int, str] = {}

    @property
    def count(self) -> int:
        return len(self._subjects)

    def token(self, member: int) -> str:
        """Return the member's access token, signed at first use."""
        if member not in self._tokens:
            subject = self._subjects[member]
            self._tokens[member] = self._oneid.access_token(DemoPerson(subject, subject, "member", subject))
        return self._tokens[member]

    def sign_in(self, members: set[int]) -> None:
        """Sign the tokens in advance: a signature takes a millisecond, which must not count as the server's time."""
        with progress("Signing members in", len(members)) as report:
            for done, member in enumerate(sorted(members), start=1):
                self.token(member)
                report(done, len(members))


async def _offers(client: httpx.AsyncClient, token: str) -> list[tuple[str, int]]:
    """Return (id, price in points) of everything on sale."""
    found: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
        response = await client.get("/v1/offers", params=parameters, headers={"Authorization": f"Bearer {token}"})
        response.raise_for_status()
        page = response.json()
        found += [(offer["id"], offer["price"]["points"]) for offer in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _requests(chance: Random, members: int, offers: list[tuple[str, int]], count: int) -> list[DemoRequest]:
    weights = [1 / (1 + (points / _COSTLY) ** 2) for _, points in offers]
    chosen = chance.choices(offers, weights, k=count)
    return [DemoRequest(chance.randrange(members), offer_id) for offer_id, _ in chosen]


async def _drive(base_url: str, requests: list[DemoRequest], people: _Members, connections: int, tally: Tally) -> int:
    """Send every request and return how many got no response."""
    left = iter(requests)
    lost = 0
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP; without it each client would read the CA bundle
    with progress("Redeeming", len(requests)) as report:

        async def work() -> None:
            nonlocal lost
            # One client per worker: a shared pool of hundreds of connections is slow to search.
            async with httpx.AsyncClient(
                base_url=base_url, timeout=_TIMEOUT_S, verify=unused, trust_env=False
            ) as client:
                lost += await _work(client, left, people, tally, lambda: report(len(tally.seconds), len(requests)))

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(work())
    return lost


async def _work(
    client: httpx.AsyncClient, left: Iterator[DemoRequest], people: _Members, tally: Tally, done: Callable[[], None]
) -> int:
    lost = 0
    for request in left:
        headers = {"Authorization": f"Bearer {people.token(request.member)}", "Idempotency-Key": uuid4().hex}
        body = {"offer_id": request.offer_id, "quantity": 1}
        began = time.perf_counter()
        try:
            response = await client.post("/v1/redemptions", json=body, headers=headers)
        except httpx.HTTPError:
            lost += 1
            continue
        tally.add(response, time.perf_counter() - began)
        done()
    return lost


def _code_of(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=ProblemCode).code
    except msgspec.MsgspecError:
        return "?"


def _report(tally: Tally, seconds: float, lost: int) -> None:
    out = Console()
    done = len(tally.seconds)
    out.print(f"{done} responses in {seconds:.1f} s: [bold]{done / seconds:.0f} per second[/]")
    out.print(
        f"latency  p50 {tally.percentile(0.50):.0f} ms   p95 {tally.percentile(0.95):.0f} ms"
        f"   p99 {tally.percentile(0.99):.0f} ms"
    )
    table = Table("answer", "times", "share")
    for answer, times in tally.answers.most_common():
        table.add_row(answer, str(times), f"{times / done:.1%}")
    if lost:
        table.add_row("no response", str(lost), "")
    out.print(table)
