"""The guard of addresses that partners give, against everything that such an address may try; real sockets, on loopback."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marketplace.demo.manifest import demo_settings
from marketplace.kernel.addresses import networks
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.outbound import dns, guard
from marketplace.platform.outbound.guard import MOST_BYTES, Outbound, OutboundError, Reason
from marketplace.settings import Settings
from tests.support.authority import Authority

LOOPBACK = networks(["127.0.0.0/8", "::1/128"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver that answers from a list, one entry a question; the last one stays. It counts its questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, name: str, port: int, whose: str) -> Sequence[str]:
        self.asked.append(name)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def never_asked(name: str, port: int, whose: str) -> Sequence[str]:
    raise AssertionError(f"{name} was looked up")


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server on a free port of loopback; gives the port."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        with contextlib.suppress(OSError, RuntimeError, asyncio.CancelledError):
            writer.close()
            await writer.wait_closed()

    running = await asyncio.start_server(guarded, host, 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def answering(answer: bytes, seen: list[bytes] | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(answer)
        await writer.drain()

    return serve


async def refused(guard: Outbound, url: str) -> Reason:
    with pytest.raises(OutboundError) as found:
        await guard.send("POST", url, content=b"{}")
    return found.value.reason


ODD = [
    "https://0x7f.1/", "https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/",
    "https://127.0.0.1./", "https://localhost/", "https://localhost./", "https://hook.example./",
    "https://[::1%25lo]/", "https://[::1%lo]/", "https://[fe80::1%25eth0]/", "https://[::ffff:127.0.0.1/",
    "https://127。0。0。1/", "https://127．0．0．1/", "https://①②⑦.⓪.⓪.①/",
    "https://hook。example/", "https://hoo\u212a.example/",
    "https://hook.example.0x7f/", "https://hook.127/", "https://hook..example/", "https://-hook.example/",
    "https://user@hook.example/", "https://user:pass@hook.example/", "https://hook.example@127.0.0.1/", "https://@127.0.0.1/",
    "https://hook.example\\@127.0.0.1/", "https://hook.example#@127.0.0.1/", "https://hook.example/#x",
    "https://hook.example/a b",
    "https://hook.example/\r\nHost: x",
    "https://hook.example/\n", " https://hook.example/", "https:hook.example", "https:///x",
    "//hook.example/", "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://hook.example/", "", "https://", "https://hook.example:0/",
    "https://hook.example:65536/", "https://hook.example:+443/", "https://hook.example:４４３/", "https://hook%2eexample/",
    "https://hook.example/" + "a" * 3000, "https://" + "a" * 64 + ".example/", "https://\u017f.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", ODD)
async def test_odd_spellings_are_no_addresses(url: str) -> None:
    assert await refused(Outbound(resolver=never_asked), url) == Reason.BAD_ADDRESS
    with pytest.raises(InvalidField):
        Outbound().check("url", url)


LITERAL = [
    "127.0.0.1", "0.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.169.254", "192.168.1.1", "224.0.0.1", "255.255.255.255",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::10.0.0.1]",
    "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fe80::1]", "[fd00::1]", "[ff02::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", LITERAL)
async def test_private_addresses_are_refused_as_they_stand_and_by_name(host: str) -> None:
    assert await refused(Outbound(resolver=never_asked), f"https://{host}/hook") == Reason.NOT_PUBLIC
    names = Names([host.strip("[]")])
    assert await refused(Outbound(resolver=names), "https://127.0.0.1.nip.example/hook") == Reason.NOT_PUBLIC
    assert await refused(Outbound(resolver=Names(["93.184.216.34", host.strip("[]")])), "https://a.example/") == (
        Reason.NOT_PUBLIC
    ), "one private address among public ones"
    with pytest.raises(InvalidField):
        Outbound().check("url", f"https://{host}/hook")


async def test_clear_text_and_other_ports_are_refused_without_a_look_up() -> None:
    guard = Outbound(resolver=never_asked)
    assert await refused(guard, "http://hook.example/") == Reason.NOT_HTTPS
    assert await refused(guard, "https://hook.example:22/") == Reason.PORT
    assert await refused(guard, "https://93.184.216.34:5432/") == Reason.PORT
    for url in ("http://hook.example/", "https://hook.example:22/"):
        with pytest.raises(InvalidField):
            guard.check("url", url)
    guard.check("url", "https://hook.example:8443/hooks?x=1")
    guard.check("url", "HTTPS://Hook.Example/hooks")


async def test_names_that_lead_nowhere() -> None:
    async def broken(name: str, port: int, whose: str) -> Sequence[str]:
        raise OSError("no such name")

    assert await refused(Outbound(resolver=broken), "https://hook.example/") == Reason.NAME_UNKNOWN
    assert await refused(Outbound(resolver=Names([])), "https://hook.example/") == Reason.NAME_UNKNOWN
    assert await refused(Outbound(resolver=Names(["fe80::1%eth0"])), "https://hook.example/") == Reason.NOT_PUBLIC


def local(names: Names | None = None, **more: Any) -> Outbound:
    """A guard that lets loopback in, as a demo does."""
    return Outbound(allowed=LOOPBACK, resolver=names or Names(["127.0.0.1"]), **more)


async def test_name_host_and_sni_are_kept_and_the_certificate_is_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context, reported, heads = authority.server("hook.partner.example"), [], []
    context.sni_callback = lambda _socket, name, _context: reported.append(name)
    async with server(answering(OK, heads), context) as port:
        guard = local(trust=authority.trust)
        answer = await guard.send(
            "POST", f"https://hook.partner.example:{port}/in?a=1", headers={"Host": "other", "X-A": "b"}, content=b"{}",
            want=["X-Seen", "X-Not"],
        )  # fmt: skip
        assert (answer.status, answer.body, answer.whole, answer.headers) == (200, b"ok", True, {"x-seen": "yes"})
        assert reported == ["hook.partner.example"]
        lines = heads[0].decode().lower().split("\r\n")
        assert lines[0] == "post /in?a=1 http/1.1"
        assert [line for line in lines if line.startswith("host:")] == [f"host: hook.partner.example:{port}"]
        assert await refused(guard, f"https://another.example:{port}/") == Reason.TLS, "a certificate of another name"
        assert await refused(local(), f"https://hook.partner.example:{port}/") == Reason.TLS, "an unknown authority"


class Pretended(Outbound):
    """Takes one loopback address for a public one, so that a test can have something on the open Internet."""

    def _vet(self, target: Any, addresses: Any) -> None:
        super()._vet(target, [ipaddress.ip_address("93.184.216.34") if str(a) == "127.0.0.1" else a for a in addresses])


async def test_a_resolver_that_changes_its_mind_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is good and the second leads inside: only the first is ever seen, and connected to."""
    authority = Authority(tmp_path)
    seen: list[bytes] = []
    async with server(answering(OK, seen), authority.server("hook.example")) as port:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        guard = Pretended(ports=[port], resolver=names, trust=authority.trust)
        assert (await guard.send("GET", f"https://hook.example:{port}/")).status == 200
        assert names.asked == ["hook.example"]
        assert await refused(guard, f"https://hook.example:{port}/") == Reason.NOT_PUBLIC, "vetted each time"
        assert len(seen) == 1


async def test_a_guard_that_let_the_client_resolve_would_be_led_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: vetted by one look-up, connected by another. The inner server is reached."""
    reached: list[bytes] = []
    async with server(answering(OK, reached), host="127.0.0.1") as port:
        names = Names(["93.184.216.34"], ["127.0.0.1"])

        class Naive(Outbound):
            async def _ask(self, target: Any, addresses: Any, *rest: Any) -> Any:
                again = [ipaddress.ip_address(text) for text in await self._resolver(target.host, target.port, "")]
                return await super()._ask(guard.Target("http", target.host, port, target.path), again, *rest)

        assert (await Naive(resolver=names).send("GET", "https://hook.example/")).status == 200
        assert reached, "so the test above would notice"
        assert names.asked == ["hook.example"] * 2


async def test_redirects_are_answers_and_not_followed() -> None:
    inside: list[bytes] = []
    async with server(answering(OK, inside)) as inner:
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n"
            async with server(answering(head.encode())) as port:
                answer = await local().send("POST", f"http://hook.example:{port}/", content=b"{}", want=["location"])
                assert answer.status == status
        assert inside == []
        # The broken variant: a client that follows.
        async with (
            server(answering(head.replace("308", "302").encode())) as port,
            httpx.AsyncClient(follow_redirects=True, trust_env=False) as client,
        ):
            assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
        assert inside


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    through: list[bytes] = []
    async with server(answering(OK, through)) as proxy, server(answering(OK)) as port:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await local().send("GET", f"http://hook.example:{port}/")).status == 200
        assert through == []


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    for _ in range(4000):
        writer.write(b"x" * 10_000)
        await writer.drain()


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(b"X-%d: %s\r\n" % (number, b"y" * 100))
        await writer.drain()


async def interim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def test_an_endless_answer_is_cut() -> None:
    async with server(endless) as port:
        answer = await local().send("GET", f"http://hook.example:{port}/")
        assert (answer.status, len(answer.body), answer.whole) == (200, MOST_BYTES, False)


async def test_an_answer_of_just_the_limit_is_whole() -> None:
    for more, whole in ((0, True), (1, False)):
        body = b"x" * (MOST_BYTES + more)
        async with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as port:
            answer = await local().send("GET", f"http://hook.example:{port}/")
            assert (len(answer.body), answer.whole) == (MOST_BYTES, whole)


async def test_endless_headers_are_a_broken_answer() -> None:
    async with server(endless_head) as port:
        assert await refused(local(), f"http://hook.example:{port}/") == Reason.BROKEN_ANSWER


@pytest.mark.parametrize("slow", [trickle, silent, interim])
async def test_slow_ones_are_given_up(slow: Serve) -> None:
    async with server(slow) as port:
        started = time.monotonic()
        assert await refused(local(seconds=0.4), f"http://hook.example:{port}/") == Reason.TOO_SLOW
        assert time.monotonic() - started < 5
        # The broken variant: a limit on each read alone never ends a trickle.
        if slow is trickle:
            async with httpx.AsyncClient(timeout=0.3, trust_env=False) as client:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await client.get(f"http://127.0.0.1:{port}/")


async def test_a_slow_name_counts_too() -> None:
    async def slow(name: str, port: int, whose: str) -> Sequence[str]:
        await asyncio.sleep(60)
        return ["127.0.0.1"]

    assert await refused(Outbound(resolver=slow, seconds=0.2), "https://hook.example/") == Reason.TOO_SLOW


async def test_names_that_never_answer_hold_up_their_own_partner_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread stays in the system's resolver after the caller has given up: one who gave many such names has two."""
    stuck: list[str] = []
    over = threading.Event()
    system = socket.getaddrinfo

    def inspect(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tarpit"):
            stuck.append(name)
            over.wait(20)
            raise OSError("no answer")
        return system("127.0.0.1" if name == "hook.example" else name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", inspect)
    guard = Outbound(allowed=LOOPBACK, seconds=0.5)
    try:
        by_site = (guard.send("GET", f"http://tarpit{number}.evil.example/") for number in range(12))
        by_partner = (guard.send("GET", f"http://tarpit.evil{number}.com/", whose="A") for number in range(12))
        for asked in (by_site, by_partner):
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert {getattr(each, "reason", each) for each in results} == {Reason.TOO_SLOW}
        assert len(stuck) == 2 * dns.OF_ONE, "and they are there still"
        async with server(answering(OK)) as port:
            for whose in ("", "B"):
                assert (await guard.send("GET", f"http://hook.example:{port}/", whose=whose)).status == 200
    finally:
        over.set()
    later = Outbound(allowed=LOOPBACK, seconds=5)
    assert await refused(later, "http://tarpit.evil1.com/") == Reason.NAME_UNKNOWN


async def test_answers_that_are_none() -> None:
    for answer in (b"", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"):
        async with server(answering(answer)) as port:
            assert await refused(local(), f"http://hook.example:{port}/") == Reason.BROKEN_ANSWER
    assert await refused(local(), f"http://hook.example:{port}/") == Reason.UNREACHABLE


async def test_a_packed_answer_is_not_unpacked() -> None:
    packed = b"\x1f\x8b not even gzip"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with server(answering(head + packed)) as port:
        assert (await local().send("GET", f"http://hook.example:{port}/")).body == packed


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with server(answering(OK)) as port:
        names = Names(["127.0.0.9", "127.0.0.1"])
        assert (await local(names).send("GET", f"http://hook.example:{port}/")).status == 200


async def test_what_a_partner_gets_by_default_is_the_strict_way(settings: Settings) -> None:
    assert await refused(Outbound.of(settings), "http://127.0.0.1:9/") == Reason.NOT_HTTPS
    assert await refused(Outbound.of(settings), "https://127.0.0.1/") == Reason.NOT_PUBLIC


async def test_an_allowed_address_does_not_carry_another_in() -> None:
    names = Names(["127.0.0.1", "10.0.0.1"])
    assert await refused(local(names), "https://hook.example/") == Reason.NOT_PUBLIC
    assert await refused(local(names), "http://hook.example/") == Reason.NOT_HTTPS


def test_the_refusal_names_the_setting_but_in_production(settings: Settings) -> None:
    """A developer who tried the webhook chapter on a laptop learned that the address must be public, but not what to do."""
    strict = Outbound.of(msgspec.structs.replace(settings, outbound_allow=""))
    for url, setting in (
        ("http://127.0.0.1:8080/hook", "MARKETPLACE_OUTBOUND_ALLOW"),
        ("http://localhost:9000/hook", "http://127.0.0.1:9000/hook"),
        ("https://10.0.0.1/hook", "MARKETPLACE_OUTBOUND_ALLOW"),
        ("https://hooks.example.com:9000/hook", "MARKETPLACE_OUTBOUND_PORTS"),
    ):
        with pytest.raises(InvalidField) as refused:
            strict.check("url", url)
        assert all(setting in str(refused.value.details[words]) for words in ("zh_reason", "en_reason")), url
        production = Outbound.of(msgspec.structs.replace(settings, mode="production", outbound_allow=""))
        with pytest.raises(InvalidField) as refused:
            production.check("url", url)
        assert "MARKETPLACE" not in str(refused.value.details)


def test_the_demo_allows_its_own_machine_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MARKETPLACE_OUTBOUND_ALLOW", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    demo = Outbound.of(demo_settings(tmp_path, "http://127.0.0.1:8000"))
    for url in ("http://127.0.0.1:8080/hook", "http://[::1]:3000/"):
        demo.check("url", url)
    for url in ("http://192.168.1.7:8080/hook", "https://169.254.169.254/latest"):
        with pytest.raises(InvalidField):
            demo.check("url", url)
    monkeypatch.setenv("MARKETPLACE_OUTBOUND_ALLOW", "192.168.0.0/16")
    Outbound.of(demo_settings(tmp_path, "http://127.0.0.1:8000")).check("url", "http://192.168.1.7:8080/hook")
