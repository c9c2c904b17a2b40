"""What the load generator is asked for and what it reports."""

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import count

import msgspec

HOST = "127.0.0.1:1"
"""What requests name as their host: that of the base URL which a serving process is given, as its clients would."""

WINDOW_S = 0.5
"""A paced run is looked at by half seconds: was the machine given its processors?"""

Requests = Generator[bytes, bytes, None]
"""Gives a connection's requests; each but the first is asked for with the body of the last answer."""


class Product(msgspec.Struct, tag=True):
    """Heads in their order, tails at random, and between them a key that no other request has (where there is to be one)."""

    heads: list[bytes]
    tails: list[bytes]
    key: str = ""
    seed: int = 1

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other; all draw from the same row of heads and keys."""
        order = random.Random(self.seed).choices(range(len(self.tails)), k=65_536)
        numbers = count()

        def requests() -> Requests:
            heads, tails, key = self.heads, self.tails, self.key.encode()
            several = len(heads)
            for number in numbers:
                middle = b"%s%09d" % (key, number) if key else b""
                yield heads[number % several] + middle + tails[order[number & 65_535]]

        while True:
            yield requests()


class Counters(msgspec.Struct, tag=True):
    """Partners' counters: each code is verified, then used with the token that the verification gave."""

    verify_head: bytes
    use_head: bytes
    codes: list[str]
    key: str

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other; each code is taken once."""
        codes = iter(enumerate(self.codes))

        def requests() -> Requests:
            for number, code in codes:
                body = b'{"code":"%s"}' % code.encode()
                answer = yield self.verify_head + b"Content-Length: %d\r\n\r\n" % len(body) + body
                token = answer.partition(b'"use_token":"')[2].partition(b'"')[0]
                body = b'{"code":"%s","reference":"bench-%d","use_token":"%s"}' % (code.encode(), number, token)
                key = b"Idempotency-Key: %s%09d\r\n" % (self.key.encode(), number)
                yield self.use_head + key + b"Content-Length: %d\r\n\r\n" % len(body) + body

        while True:
            yield requests()


class Earnings(msgspec.Struct, tag=True):
    """The OEM's systems: calls of many earnings, members at random, each under a reference of its own."""

    head: bytes
    members: list[str]
    per_call: int
    key: str
    occurred_at: str
    seed: int = 1

    def connections(self) -> Iterator[Requests]:
        """Give the requests of one connection after the other."""
        numbers = count()
        dice = random.Random(self.seed)

        def requests() -> Requests:
            for number in numbers:
                earnings = ",".join(
                    f'{{"reference":"{self.key}{number}-{place}","member_id":"{member}","points":10,"kind":"service",'
                    f'"occurred_at":"{self.occurred_at}"}}'
                    for place, member in enumerate(dice.choices(self.members, k=self.per_call))
                )
                body = f'{{"earnings":[{earnings}]}}'.encode()
                yield self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body

        while True:
            yield requests()


class Plan(msgspec.Struct, kw_only=True):
    """What to ask, over how many connections, and for how long.

    `seconds` are measured after `warmup` seconds; or `total` requests, all measured. With `rate` the requests are due at even
    intervals, independent of the responses, and their time counts from when they were due; without it each connection sends the
    next request as soon as it has its response.
    """

    port: int
    script: Product | Counters | Earnings
    connections: int
    seconds: float = 0.0
    warmup: float = 0.0
    total: int = 0
    rate: float = 0.0


class Measured(msgspec.Struct, kw_only=True):
    """What came back. `statuses` counts every answer, `requests` those within the measured `seconds`; times in ms.

    `cpu` is the client's own share of a core, `lost` how many requests were never answered. `wal` is what PostgreSQL wrote to
    its log for each answer, in bytes; `stolen` the share of the processors' time that the host of a virtual machine gave to
    others meanwhile.

    A paced run has `windows` of half a second. In `quiet` of them, and in the half second before each, the host took nothing;
    `undisturbed` has the times of the requests that were due in these, in no order.
    """

    requests: int
    seconds: float
    statuses: dict[str, int]
    lost: int
    cpu: float
    p50: float
    p95: float
    p99: float
    most: float
    wal: float = 0.0
    stolen: float = 0.0
    windows: int = 0
    quiet: int = 0
    undisturbed: list[float] = []

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def whole_answer(got: bytes) -> tuple[bytes, bytes] | None:
    """Return status and body of an answer that has come whole, or None; nothing but the length is looked at."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    at = got.find(b"\r\ncontent-length:", 0, end)
    if at < 0:
        at = got.lower().find(b"\r\ncontent-length:", 0, end)
    length = int(got[at + 17 : got.find(b"\r", at + 17)]) if at >= 0 else 0
    return None if len(got) - end - 4 < length else (got[9:12], got[end + 4 :])


def measured(times: Sequence[float], statuses: Counter[bytes], *, seconds: float, lost: int, cpu: float) -> Measured:
    """Sum up a run; `times` are in seconds and in no order."""
    times = sorted(times)
    return Measured(
        requests=len(times),
        seconds=seconds,
        statuses={status.decode(): number for status, number in sorted(statuses.items())},
        lost=lost,
        cpu=cpu,
        p50=within(times, 0.50) * 1000,
        p95=within(times, 0.95) * 1000,
        p99=within(times, 0.99) * 1000,
        most=within(times, 1.0) * 1000,
    )


def within(ordered: Sequence[float], share: float) -> float:
    """Return the time within which this share of the requests was answered; 0 of none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def quiet_windows(marks: Sequence[tuple[float, float]], begin: float, windows: int) -> list[bool]:
    """Tell of each window from `begin` on whether nothing was stolen in it and in as long a time before it.

    `marks` are instants and what was stolen until then, in their order; between two of them nobody looked.
    """
    instants = [instant for instant, _ in marks]

    def stolen_until(place: int) -> float:
        return marks[min(max(place, 0), len(marks) - 1)][1]

    quiet = []
    for number in range(windows):
        before = bisect_right(instants, begin + (number - 1) * WINDOW_S) - 1
        after = bisect_left(instants, begin + (number + 1) * WINDOW_S)
        quiet.append(stolen_until(after) <= stolen_until(before))
    return quiet
