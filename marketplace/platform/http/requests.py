"""Handling common to all requests: an id, metrics, one line in the log."""

import math
import random
import re
import time
from collections.abc import AsyncGenerator, Iterable
from functools import lru_cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, InternalServerException
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send
from prometheus_client import Counter, Histogram

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import InvalidFields, Wrong
from marketplace.platform import logs
from marketplace.platform.http.bodies import Body, UnfitItem
from marketplace.platform.http.hosts import Hosts, HostVerdict
from marketplace.platform.http.merge_patch import MEDIA_TYPES as PATCH_TYPES
from marketplace.platform.http.problems import problem_body
from marketplace.platform.http.refusals import BadHost, HeaderTwice, HttpRefusal, Misdirected
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings

REQUESTS = Counter("marketplace_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "marketplace_request_seconds",
    "Time to answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)


# Looking a child up by its labels costs more than counting in it.
@lru_cache(maxsize=4096)
def _metrics(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$", re.ASCII)

_bodies: WeakKeyDictionary[object, Body] = WeakKeyDictionary()


_FORM = "form"
"""The key of the form in a request's state."""

CLIENT_GONE = 499
"""Not in any RFC: the status that servers log for a client that left before its response. Nobody reads the response."""


class ClientGone(HTTPException):
    """The client left before its request had arrived."""

    status_code = CLIENT_GONE


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded directly and strictly into its handler's type.

    The framework decodes to plain values and then converts leniently, so that `"100"` and `1.0` pass for whole numbers; amounts
    must not be guessed. Decoding once instead of twice is also faster.
    """

    _whole: bytes | None = None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in pieces. Raises ClientGone if the client leaves before the end."""
        try:
            async for piece in super().stream():
                yield piece
        except (
            InternalServerException
        ) as error:  # the framework's exception for a client that disconnects, which is nobody's fault
            raise ClientGone(detail="The client left.") from error

    async def body(self) -> bytes:
        """Return the body. A body of the usual size arrives in one piece and is not assembled from a stream."""
        if self._whole is None:
            limit = self.route_handler.resolve_request_max_body_size() or math.inf
            announced = _announced_length(self.scope["headers"])
            # The framework refuses a body that is announced too large only when it asks for it, and the client sends it.
            if announced is not None and announced <= limit:
                first = await self.receive()
                if first["type"] == "http.request" and not first.get("more_body") and len(first["body"]) <= limit:
                    self._whole = first["body"]
                    return self._whole
                self.receive = _again(first, self.receive)
            self._whole = await super().body()
        return self._whole

    async def form(self) -> FormMultiDict:
        """Return the form. Raises InvalidFields for one that is malformed or wrongly encoded.

        The form parsers raise errors of many kinds on what no browser sends.
        """
        try:
            form = await super().form()
        except HTTPException:
            raise
        except Exception as error:
            fault = Wrong(
                "body",
                "表单无法解读：须为浏览器发送的 UTF-8 表单。",
                "cannot be read: send a form as browsers do, in UTF-8.",
            )
            raise InvalidFields([fault]) from error
        self.scope["state"][_FORM] = form  # any form may contain files; `Answering` closes them
        return form

    async def json(self) -> Any:
        """Return the body as the handler's own type, or as plain values for a handler without one.

        Raises InvalidFields.
        """
        handler = self.route_handler
        reader = _bodies.get(handler)
        if reader is None:
            data = handler.parsed_fn_signature.parameters.get("data")
            reader = _bodies[handler] = Body(Any if data is None else data.annotation)
        if self.method == "PATCH":
            _check_patch_type(self.headers.get("content-type"))
        items = handler.opt.get("items")
        if items is None:
            return reader.read(await self.body())
        value, self.scope["state"][_UNFIT] = reader.read_each(await self.body(), items)
        return value


_UNFIT = "unfit_items"


def unfit_items(request: Request[Any, Any, Any]) -> list[UnfitItem]:
    """Return the items of the call that do not fit their type, for a handler whose `opt` names the field of its `items`."""
    found: list[UnfitItem] = request.scope["state"].get(_UNFIT, [])
    return found


_MOST_DIGITS = 20  # Python refuses to read thousands of them


def _check_patch_type(content_type: str | None) -> None:
    """Raise 415 for a patch in another format (RFC 5789 §2.2)."""
    said = (content_type or "application/json").partition(";")[0].strip().lower()
    if said not in PATCH_TYPES:
        raise NotAPatchError(headers={"Accept-Patch": ", ".join(PATCH_TYPES)})


class NotAPatchError(HTTPException):
    """The media type of a PATCH is not JSON or JSON Merge Patch."""

    status_code = 415


def _announced_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < _MOST_DIGITS else None
    return None


def _again(first: ReceiveMessage, rest: Receive) -> Receive:
    """Return a `receive` that gives the message first, and then the rest."""
    waiting = [first]

    async def receive() -> ReceiveMessage:
        return waiting.pop() if waiting else await rest()

    return receive


def clock_of(request: Request[Any, Any, Any]) -> Clock:
    """Return the application's clock. A function: a dependency would be resolved for each request."""
    return PlatformServices.of(request).clock


_Verdict = HostVerdict | Literal["repeated"]


class Answering:
    """Gives each request an id (the caller's own, if it is a plain one), and counts it when its response is sent.

    It wraps the whole application, outside of its routing: the framework has middleware for routes only, and a response that no
    route gave (404, 405, a bad Host) is one that somebody will ask about, too.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap the application."""
        self._app = app
        self._hosts = Hosts(settings)
        self._base_url = settings.base_url
        secure = settings.base_url.startswith("https://")
        self._added = ((b"strict-transport-security", b"max-age=31536000"),) if secure else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and mark its response."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        state, method = scope["state"], str(scope["method"])
        if method == "HEAD":
            scope, send = _as_get(scope, send)
        state["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def mark(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                standing = _answerer(scope)["state"].get("rate")
                counted = () if standing is None else standing.headers()
                added = [*self._added, *(_private(message["headers"]) if scope["path"].startswith("/v1/") else ())]
                headers = _with_head(message["headers"]) if status == 405 or method == "OPTIONS" else message["headers"]
                message["headers"] = [*headers, *added, (b"x-request-id", request_id.encode()), *counted]
            await send(message)

        verdict = self._judge(scope)
        try:
            if verdict == "good":
                await self._app(scope, receive, mark)
            else:
                await self._refuse(mark, verdict, request_id)
        finally:
            if _FORM in state:
                await state[_FORM].close()
            _note(scope, method, status, time.perf_counter() - started, request_id)

    def _judge(self, scope: Scope) -> _Verdict:
        """Return whether the request is for us, and join the lines of each field that we read."""
        try:
            scope["headers"] = _once_each(scope["headers"])
        except RepeatedHeader:
            return "repeated"
        return self._hosts.judge(scope["path"], scope["headers"])

    async def _refuse(self, send: Send, verdict: _Verdict, request_id: str) -> None:
        """Refuse a request that is not for us. Nothing of its Host is repeated."""
        refusal: HttpRefusal = BadHost()
        if verdict == "repeated":
            refusal = HeaderTwice()
        elif verdict == "elsewhere":
            refusal = Misdirected(base=self._base_url)
        problem = problem_body(refusal, "en", request_id)
        problem["title"] = f"{refusal.message('zh-CN')} {refusal.message('en')}"
        status = refusal.status
        body = msgspec.json.encode(problem)
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _private(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of every API response: no type sniffing, no caching.

    A response that sets its own cache lifetime, such as a picture, keeps it.
    """
    said = {name.lower() for name, _ in headers}
    added = [] if b"x-content-type-options" in said else [(b"x-content-type-options", b"nosniff")]
    return added if b"cache-control" in said else [*added, (b"cache-control", b"no-store")]


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
    # An identifier, not a secret: the system's random source costs several times as much.
    return f"{random.getrandbits(128):032x}"


_LISTS = frozenset({b"if-match", b"accept-language"})
"""The list-valued fields that we read: several lines of one are joined to one list (RFC 9110 §5.3)."""

_SINGLE = frozenset({b"authorization", b"content-type", b"idempotency-key"})
"""The fields that may occur once: of two, one program takes the first and another the last."""

_READ = _LISTS | _SINGLE


class RepeatedHeader(Exception):  # noqa: N818 - a verdict, not an error
    """A request has a field twice that may occur once."""


def _once_each(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Return the request's headers with one line for each field that we read. Raises RepeatedHeader."""
    names = [name for name, _ in headers if name in _READ]
    if len(names) == len(set(names)):
        return headers
    if any(names.count(name) > 1 for name in _SINGLE):
        raise RepeatedHeader
    joined = [
        (name, b", ".join(value for other, value in headers if other == name and value.strip()))
        for name in _LISTS.intersection(names)
    ]
    return [*(line for line in headers if line[0] not in _LISTS), *joined]


def _with_head(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a response's headers with HEAD among the methods of `Allow` wherever GET is (RFC 9110 §10.2.1)."""
    return [(name, _allowed(value) if name.lower() == b"allow" else value) for name, value in headers]


def _allowed(methods: bytes) -> bytes:
    names = {name.strip() for name in methods.split(b",")}
    return b", ".join(sorted(names | {b"HEAD"} if b"GET" in names else names))


HEAD = "head"
"""Set in a request's state if only the response's head is wanted."""


def _as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Return the GET that a HEAD stands for, and a `send` that sends only the head of its response (RFC 9110 §9.3.2)."""
    scope["state"][HEAD] = True
    asked: Any = {**scope, "method": "GET"}

    async def without_body(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return asked, without_body


SANDBOXED = "sandboxed"
"""The key in a request's state of the scope under which a sandbox handles it, if one does."""


def _answerer(scope: Scope) -> Scope:
    found: Scope = scope["state"].get(SANDBOXED, scope)
    return found


def _note(scope: Scope, method: str, status: int, seconds: float, request_id: str) -> None:
    answerer = _answerer(scope)
    sandboxed = answerer is not scope
    route = str(answerer.get("path_template") or "-")
    count, time_taken = _metrics(method, f"sandbox {route}" if sandboxed else route, status)
    count.inc()
    time_taken.observe(seconds)
    ms = round(seconds * 1000, 1)
    logs.answered(
        logs.Answered(method=method, path=scope["path"], status=status, ms=ms, request_id=request_id, sandbox=sandboxed)
    )
