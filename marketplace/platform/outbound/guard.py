"""The only way to send to an address that a partner gave: webhooks, key sets, fulfilment, logos.

Such an address must never lead into our own network (SSRF). Its name is resolved once, each result is checked against an explicit
list (`kernel/addresses.py`), and the connection goes to a checked address, with the name kept for Host, SNI and the certificate:
a resolver that answers differently the second time is never asked a second time. No redirect is followed, no proxy of the
environment is used, and a response is limited to ten seconds and 64 KB.
"""

import asyncio
import ipaddress
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Self

import httpx
import msgspec

from marketplace.kernel.addresses import Address, Network, lies_in, why_not
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.outbound.dns import Lookups, site_of
from marketplace.settings import Settings

SECONDS = 10.0
"""For everything: the name, the connection, TLS, the request and the whole of the response."""

MOST_BYTES = 64 * 1024
MOST_URL = 2048
MOST_HEADER = 500

Resolver = Callable[[str, int, str], Awaitable[Sequence[str]]]
"""(name, port, on whose behalf) -> its addresses, as text."""

_USER_AGENT = "partner-benefits-marketplace"
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?].*)?",
    re.ASCII | re.IGNORECASE,
)
_REST = re.compile(r"[!-~]*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST_NAME = 253
_MOST_ADDRESSES = 4
_CONNECT_S = 4.0


class Reason(StrEnum):
    """Why nothing was sent, or why a request has no response. Stable: stored in deliveries."""

    BAD_ADDRESS = "bad_address"
    """Not a plain address: odd spelling, user and password in it, a fragment, too long."""
    NOT_HTTPS = "not_https"
    PORT = "port_not_allowed"
    NAME_UNKNOWN = "name_unknown"
    """The name has no address."""
    NOT_PUBLIC = "address_not_public"
    """The address is not public."""
    UNREACHABLE = "unreachable"
    TLS = "tls_failed"
    """The certificate is not valid for the name, or there is no common version."""
    TOO_SLOW = "too_slow"
    BROKEN_ANSWER = "broken_answer"
    """The response is not HTTP, or was cut off."""


_WORDS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_ADDRESS: (
        "须为普通网址，例如 https://example.com/hook：不含用户名、片段、空格，国际化域名请用 xn-- 形式。",
        "must be a plain address such as https://example.com/hook: no user, fragment or spaces, names in their xn-- form.",
    ),
    Reason.NOT_HTTPS: ("必须以 https:// 开头。", "must begin with https://."),
    Reason.PORT: ("不允许使用该端口；请使用 {ports}。", "uses a port that is not allowed; allowed are {ports}."),
    Reason.NOT_PUBLIC: ("必须是公网地址。", "must be a public Internet address."),
}


_ALLOW = (
    "（演示与测试模式下可用 MARKETPLACE_OUTBOUND_ALLOW 放行，例如 127.0.0.0/8）",
    " (in demo and test, MARKETPLACE_OUTBOUND_ALLOW lets networks such as 127.0.0.0/8 in)",
)
_HINTS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_ADDRESS: (
        "（本机请写 127.0.0.1，例如 http://127.0.0.1:9000/hook）",
        " (this machine is 127.0.0.1, as in http://127.0.0.1:9000/hook)",
    ),
    Reason.NOT_PUBLIC: _ALLOW,
    Reason.NOT_HTTPS: _ALLOW,
    Reason.PORT: ("（由 MARKETPLACE_OUTBOUND_PORTS 设定）", " (MARKETPLACE_OUTBOUND_PORTS says which)"),
}


class OutboundError(Exception):
    """There is no response; `reason` says why, `detail` may be shown to the one who gave the address."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """Store both."""
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class OutboundResponse(msgspec.Struct, frozen=True):
    """The response: the requested headers, in lower case, and the first bytes of the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    """False if the body exceeded the limit."""
    elapsed_ms: int


class Target(msgspec.Struct, frozen=True):
    """An address, parsed once; only the parsed form is used."""

    scheme: str
    host: str
    """A name, or an IP address without brackets."""
    port: int
    path: str
    """Path and query."""

    @property
    def literal(self) -> Address | None:
        """The IP address, if the host is one."""
        return _literal(self.host)

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Parse the address; only one spelling of each is accepted. Raises OutboundError.

    Strict on purpose: where two parsers of a lax address disagree, one of them is the guard (0x7f.1, 127.1, 0177.0.0.1,
    2130706433, user@host, backslashes, ideographic full stops, scopes, a dot at the end).
    """
    match = _URL.fullmatch(url) if len(url) <= MOST_URL else None
    if match is None:
        raise OutboundError(Reason.BAD_ADDRESS)
    rest = match["rest"] or "/"
    path = rest if rest.startswith("/") else f"/{rest}"
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _default_port(scheme)
    plain = _REST.fullmatch(path) and not any(letter in path for letter in "#\\")
    if not plain or not _is_host(host) or not 0 < port < 2**16:
        raise OutboundError(Reason.BAD_ADDRESS)
    return Target(scheme, host.removeprefix("[").removesuffix("]"), port, path)


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)  # dotted quads without leading zeros, and nothing shorter
    except ValueError:
        return None


def _is_host(text: str) -> bool:
    if text.startswith("["):
        return isinstance(_literal(text[1:-1]), ipaddress.IPv6Address)
    if isinstance(_literal(text), ipaddress.IPv4Address):
        return True
    labels = text.split(".")
    # What ends in a number is parsed as an IPv4 address by some (WHATWG URL §3.5): such a name is refused.
    named = len(labels) > 1 and labels[-1][:1].isalpha() and len(text) <= _MOST_NAME
    return named and all(_LABEL.fullmatch(label) for label in labels)


@cache
def _public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class Outbound:
    """Sends to addresses of partners. `allowed` are networks that may be reached though they are not public, also without TLS and
    at any port: a demo's or a test's own machine; production has none.
    """

    def __init__(
        self,
        *,
        ports: Sequence[int] = (443, 8443),
        allowed: Sequence[Network] = (),
        resolver: Resolver | None = None,
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
        hints: Mapping[Reason, tuple[str, str]] | None = None,
    ) -> None:
        """Store the rules; `resolver` replaces the system's, `trust` the public certificate authorities, `hints` adds to
        messages.
        """
        self._hints = hints or {}
        self._ports = frozenset(ports)
        self._allowed = tuple(allowed)
        self._resolver = resolver or Lookups()
        self._trust = trust
        self._seconds = seconds

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the guard with the rules of the settings."""
        # In production nothing could be set, and our settings do not concern a partner.
        hints = None if settings.mode == "production" else _HINTS
        return cls(ports=settings.outbound_port_list, allowed=settings.outbound_allowed_networks, hints=hints)

    def check(self, field: str, url: str) -> None:
        """Refuse an address that could never be used, before it is stored; no name is resolved. Raises InvalidField."""
        try:
            target = parse(url)
            address = target.literal
            if address is not None:
                self._vet(target, [address])
            elif not self._allowed:  # a name that may lead to an allowed network has to be resolved first
                self._check_open(target)
        except OutboundError as error:
            chinese, english = _WORDS[error.reason]
            ports = ", ".join(map(str, sorted(self._ports)))
            hint = self._hints.get(error.reason, ("", ""))
            raise InvalidField(
                field, f"{chinese.format(ports=ports)}{hint[0]}", f"{english.format(ports=ports)}{hint[1]}"
            ) from error

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        want: Sequence[str] = (),
        whose: str = "",
    ) -> OutboundResponse:
        """Send one request and return its response, whatever its status; `want` names the headers to keep.

        `whose` is who gave the address, if that is known: it limits how many names are looked up at once on one behalf.

        Must not be called in a unit of work. Raises OutboundError.
        """
        started = time.monotonic()
        target = parse(url)

        async def find_and_ask() -> tuple[int, dict[str, str], bytes, bool]:
            addresses = await self._addresses(target, whose or site_of(target.host))
            return await self._ask(target, addresses, method, headers or {}, content, want)

        try:
            status, kept, body, whole = await asyncio.wait_for(find_and_ask(), self._seconds)
        except TimeoutError as error:
            raise OutboundError(Reason.TOO_SLOW, f"no whole answer within {self._seconds:g} s") from error
        return OutboundResponse(status, kept, body, whole, round((time.monotonic() - started) * 1000))

    async def _addresses(self, target: Target, whose: str) -> list[Address]:
        """Resolve the name, once, and return its addresses if every one of them may be used."""
        literal = target.literal
        if literal is not None:
            addresses = [literal]
        else:
            if not self._allowed:
                self._check_open(target)  # no name has to be resolved for this
            try:
                found = await self._resolver(target.host, target.port, whose)
            except OSError as error:
                raise OutboundError(Reason.NAME_UNKNOWN, target.host) from error
            try:
                addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(found)]
            except ValueError as error:
                raise OutboundError(Reason.NAME_UNKNOWN, target.host) from error
            if not addresses:
                raise OutboundError(Reason.NAME_UNKNOWN, target.host)
        self._vet(target, addresses)
        return addresses[:_MOST_ADDRESSES]

    def _vet(self, target: Target, addresses: Sequence[Address]) -> None:
        """Raise unless all addresses may be used: mixing in a forbidden one is how DNS rebinding works."""
        if all(lies_in(address, self._allowed) for address in addresses):
            return
        self._check_open(target)
        for address in addresses:
            kind = why_not(address)
            if kind is not None and not lies_in(address, self._allowed):
                raise OutboundError(Reason.NOT_PUBLIC, kind)

    def _check_open(self, target: Target) -> None:
        if target.scheme != "https":
            raise OutboundError(Reason.NOT_HTTPS)
        if target.port not in self._ports:
            raise OutboundError(Reason.PORT, str(target.port))

    async def _ask(
        self,
        target: Target,
        addresses: Sequence[Address],
        method: str,
        headers: Mapping[str, str],
        content: bytes,
        want: Sequence[str],
    ) -> tuple[int, dict[str, str], bytes, bool]:
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._ask_at(address, target, method, headers, content, want)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if place == len(addresses):
                    raise OutboundError(*_connect_reason(error)) from error
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise OutboundError(Reason.BROKEN_ANSWER, type(error).__name__) from error
        raise AssertionError("unreachable")

    async def _ask_at(
        self,
        address: Address,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        content: bytes,
        want: Sequence[str],
    ) -> tuple[int, dict[str, str], bytes, bool]:
        """Send to exactly this address. Each request has its own connection: names at one address share none."""
        host = f"[{address}]" if address.version == 6 else str(address)
        request = httpx.Request(
            method,
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={
                "User-Agent": _USER_AGENT,
                **headers,
                "Host": target.authority,
                "Accept-Encoding": "identity",  # no compression: nothing is ever decompressed here
                "Connection": "close",
            },
            content=content,
            extensions={
                "sni_hostname": target.host,
                "timeout": {"connect": _CONNECT_S, "read": None, "write": None, "pool": None},
            },
        )
        trust = self._trust or _public_authorities()
        async with httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                body, whole = await _first_bytes(response)
            finally:
                await response.aclose()
        kept = {name.lower(): response.headers[name][:MOST_HEADER] for name in want if name in response.headers}
        return response.status_code, kept, body, whole


async def _first_bytes(response: httpx.Response) -> tuple[bytes, bool]:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MOST_BYTES:
            return bytes(body[:MOST_BYTES]), False
    return bytes(body), True


def _connect_reason(error: Exception) -> tuple[Reason, str]:
    cause: Any = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Reason.TLS, str(getattr(cause, "verify_message", "") or cause.reason or "")
        cause = cause.__cause__ or cause.__context__
    return Reason.UNREACHABLE, ""
