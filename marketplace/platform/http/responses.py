"""A response with an encoded body, sent unchanged."""

from collections.abc import Iterable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send

PROBLEM = "application/problem+json"


def with_request_id(problem: bytes, request_id: str) -> bytes:
    """Return an encoded problem document with the id of the request that it responds to.

    A refusal that is stored for its idempotency key is encoded without one, since each request that gets it has its own.
    """
    if not request_id or not problem.endswith(b"}") or b'"request_id"' in problem:
        return problem
    return problem[:-1] + b',"request_id":"' + request_id.encode() + b'"}'


class RawResponse(Response[bytes]):
    """A body with its status, media type and headers.

    The framework's own way from bytes to the socket was a tenth of a response's cost: headers in a case-insensitive mapping,
    cookies, an encoder to find, background tasks (docs/performance.md). These responses need none of it.
    """

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the encoded body."""
        super().__init__(body, status_code=status, media_type=media_type, headers=headers)

    def to_asgi_response(
        self,
        app: Any,
        request: Request[Any, Any, Any],
        *,
        cookies: Iterable[Cookie] | None = None,
        headers: dict[str, str] | None = None,
        **others: Any,
    ) -> ASGIResponse:
        """Return the ASGI response; a route with cookies or background tasks of its own gets the framework's."""
        if cookies or others.get("background") or others.get("is_head_response"):
            return super().to_asgi_response(app, request, cookies=cookies, headers=headers, **others)
        if self.media_type == PROBLEM:
            self.content = with_request_id(self.content, str(request.scope["state"].get("request_id", "")))
        fields = {**headers, **self.headers} if headers else self.headers
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]
        raw.append((b"content-type", str(self.media_type).encode()))
        raw.append((b"content-length", b"%d" % len(self.content)))
        return _Encoded(
            {"type": "http.response.start", "status": self.status_code or 200, "headers": raw},
            {"type": "http.response.body", "body": self.content, "more_body": False},
        )


class _Encoded(ASGIResponse):
    """The two ASGI messages of a response."""

    def __init__(self, *messages: Message) -> None:
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        for message in self._messages:
            await send(message)
