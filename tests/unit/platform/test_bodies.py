"""Bodies as they come in, in one piece or many, and answers as they go out: the quick ways do what the framework's do."""

from collections.abc import Sequence
from typing import Any

import pytest
from litestar import Litestar, Request, Response, post
from litestar.datastructures import Cookie, ResponseHeader
from litestar.types import Receive

from marketplace.platform.http.requests import StrictRequest
from marketplace.platform.http.responses import RawResponse

LIMIT = 20


@post("/taken", status_code=200)
async def taken(request: Request[Any, Any, Any]) -> RawResponse:
    body = await request.body()
    assert body == await request.body(), "a body can be asked for again"
    return RawResponse(body, 200, "text/plain")


async def ask(app: Litestar, pieces: Sequence[bytes], length: str | None) -> tuple[int, bytes, int]:
    """Return status, body, and how many pieces were asked for."""
    headers = [(b"host", b"here")] + ([(b"content-length", length.encode())] if length is not None else [])
    waiting = list(pieces)

    async def receive() -> Any:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    start, *rest = await answered(app, receive, headers)
    return start["status"], b"".join(message["body"] for message in rest), len(pieces) - len(waiting)


async def answered(app: Litestar, receive: Receive, headers: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    """Return the messages that the application sends."""
    scope: Any = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/taken",
        "raw_path": b"/taken", "root_path": "", "query_string": b"", "headers": headers, "scheme": "http",
        "client": ("127.0.0.1", 1), "server": ("here", 80),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.fixture(scope="module")
def app() -> Litestar:
    return Litestar([taken], request_class=StrictRequest, request_max_body_size=LIMIT, openapi_config=None)


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        ([b"whole"], "5"), ([b"who", b"le"], "5"), ([b"w", b"h", b"", b"ole"], "5"), ([b"", b"whole"], "5"),
        ([b"whole"], None), ([b"who", b"le"], None), ([b"whole"], "05"),
    ],
)  # fmt: skip
async def test_a_body_arrives_however_it_is_cut(app: Litestar, pieces: list[bytes], length: str | None) -> None:
    assert await ask(app, pieces, length) == (200, b"whole", len(pieces))


async def test_no_body_is_an_empty_one(app: Litestar) -> None:
    assert await ask(app, [b""], "0") == (200, b"", 1)


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("cut", [True, False])
async def test_a_body_has_its_limit(app: Litestar, size: int, status: int, *, announced: bool, cut: bool) -> None:
    pieces = [b"x"] * size if cut else [b"x" * size]
    said, _, asked_for = await ask(app, pieces, str(size) if announced else None)
    assert said == status
    if announced and status == 413:
        assert asked_for == 0, "what is announced too large is not asked for: the client need not send it"


@pytest.mark.parametrize("length", ["five", "9" * 5000])
async def test_a_length_that_is_none_is_refused(app: Litestar, length: str) -> None:
    assert (await ask(app, [b"whole"], length))[0] == 400


async def test_more_than_was_announced_is_no_way_around_the_limit(app: Litestar) -> None:
    """The server cuts it off; should it not, the limit holds all the same."""
    assert (await ask(app, [b"x" * (LIMIT + 1)], "5"))[0] == 413
    assert (await ask(app, [b"x" * LIMIT, b"x"], "5"))[0] == 413


@pytest.mark.parametrize(
    "route",
    [
        {},
        {"response_headers": [ResponseHeader(name="X-Route", value="r"), ResponseHeader(name="X-Own", value="lost")]},
        {"response_cookies": [Cookie(key="c", value="1")]},
    ],
    ids=["plain", "headers", "cookies"],
)
async def test_an_answer_is_what_the_framework_would_send(route: dict[str, Any]) -> None:
    named: dict[str, Any] = {"headers": {"X-Own": "ü", "Idempotency-Replayed": "true"}}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def sent(response: Response[bytes]) -> tuple[list[tuple[bytes, bytes]], list[dict[str, Any]]]:
        @post("/taken", **route)
        async def handler() -> Response[bytes]:
            return response

        messages = await answered(Litestar([handler], openapi_config=None), receive, [(b"host", b"here")])
        return sorted(messages[0].pop("headers")), messages

    body = '{"名": 1}'.encode()
    plain = Response(body, status_code=409, media_type="application/problem+json", **named)
    assert await sent(RawResponse(body, 409, "application/problem+json", **named)) == await sent(plain)
