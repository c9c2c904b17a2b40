"""One HTTP connection: uvicorn's, with the time and size limits that it lacks."""

import asyncio
import re
from secrets import token_hex
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ARRIVE_S = 12.0
"""How long a request may take to arrive completely, head and body, and a new connection to send its first."""

TAKE_S = 12.0
"""How long a client may leave a response unread that does not fit into the buffers between us."""

MAX_HEAD = 64 * 1024
"""Maximum bytes of a request's first line and headers."""

_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

_REQUEST_LINE = re.compile(rb"[A-Z]{3,7} /")
_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://(?P<host>[^/?#]*)", re.IGNORECASE)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_BODY = (b"content-length", b"transfer-encoding")
_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
_PROBLEMS = {
    400: ("malformed_request", "The request cannot be parsed. 无法识别该请求。"),
    408: ("request_timeout", "The request did not arrive in time. 请求未在规定时间内传完。"),
    431: ("head_too_large", "The request's headers are too large. 请求头过大。"),
}


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with non-ASCII addresses percent-encoded, and limits of time and size for slow clients.

    Non-ASCII characters in the address are percent-encoded before the parser sees them: RFC 3986 requires the client to do that,
    and browsers do; `curl ".../v1/offers?q=酒店"` does not, and would get a bare 400 without an explanation.

    A client that sends a request bit by bit, or never reads its response, would keep its connection, and the memory behind it,
    for as long as it likes: uvicorn's only timer runs between two requests.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Start with nothing received."""
        super().__init__(*arguments, **named)
        self._arriving = False
        self._in_head = False
        self._has_content = False
        self._head = 0
        self._arrival: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._arrival = self.loop.call_later(ARRIVE_S, self._cut_off)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers with the connection."""
        self._stop_arrival()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes from the socket; only the first line of a request is ever changed."""
        if not data.isascii() and (self.cycle is None or not self.cycle.more_body) and _REQUEST_LINE.match(data):
            line, end, rest = data.partition(b"\r\n")
            data = _BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + end + rest
        self._has_content = False
        super().data_received(data)
        if self._in_head or (self._arriving and not self._has_content):
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(431)
                return
        if not self._arriving and self.cycle is not None and not self.cycle.response_complete:
            self._stop_arrival()  # we must respond now
        elif self._arrival is None and not self.transport.is_closing():
            self._arrival = self.loop.call_later(ARRIVE_S, self._cut_off)

    def on_message_begin(self) -> None:
        """Note that a request begins to arrive."""
        self._arriving = self._in_head = True
        self._head = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Receive a header. A trailer is ignored: nobody has checked it (RFC 9110 §6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body."""
        self._has_content = True
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Note that the head is complete. A request to upgrade is handled in this protocol, and the connection closed.

        The parser considers what follows such a head as the other protocol's: a body would be lost, or taken for a request.
        Raises ValueError to the parser, which responds 400 and closes, if there is a body.
        """
        # Counted here for a head that comes in one piece; `data_received` counts one that does not end.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
            self._refuse(431)
            raise ValueError("the request head is too large")
        absolute = _ABSOLUTE.match(self.url)
        if absolute and any(
            name == b"host" and value.lower() != absolute["host"].lower() for name, value in self.headers
        ):
            raise ValueError("the address and the Host field name two hosts")
        leaves = self.parser.should_upgrade()
        if leaves and any(name in _BODY and value != b"0" for name, value in self.headers):
            raise ValueError("a request to upgrade has a body")
        self._in_head, self._head = False, 0
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # such a response ends with its head
            self.cycle.transport = _Together(self.transport)  # type: ignore[assignment]  # all that uvicorn wants of it
        if leaves:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Note that the request is complete. What follows it in the same bytes belongs to the next one."""
        self._arriving = False
        self._stop_arrival()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request as uvicorn does; one that has begun to arrive meanwhile has its own time limit."""
        super().on_response_complete()
        if self._arriving and self._arrival is None and not self.transport.is_closing():
            self._arrival = self.loop.call_later(ARRIVE_S, self._cut_off)

    def pause_writing(self) -> None:
        """Start to wait for the client to read what was written."""
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(TAKE_S, self._give_up)

    def resume_writing(self) -> None:
        """Resume: the client has read some of it."""
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None
        super().resume_writing()

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _cut_off(self) -> None:
        self._arrival = None
        if self.flow.read_paused:  # it is we who do not read: an earlier request of the connection is in progress
            self._arrival = self.loop.call_later(ARRIVE_S, self._cut_off)
            return
        self._refuse(408)

    def _give_up(self) -> None:
        self._untaken = None
        self.logger.warning("A client did not read its response in %d s.", TAKE_S)
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's message; it has logged it
        """Respond to bytes that are not a valid request, unless a response has begun, and close."""
        if not self._arriving:
            self._arriving = self._in_head = True
        self._refuse(400)

    def _behind_another(self) -> bool:
        """Return whether an earlier request's response is incomplete: what we write would be taken for it, or a part of it."""
        if self._in_head:  # it has no cycle of its own yet
            return self.cycle is not None and not self.cycle.response_complete
        return bool(self.pipeline)

    def _refuse(self, status: int) -> None:
        """Respond outside of any application, unless a response has begun or an earlier one is due, and close."""
        if self.transport.is_closing():
            return
        self._stop_arrival()
        request_id = token_hex(16)
        self.logger.warning("%s, connection closed (request_id %s)", _PHRASES[status], request_id)
        # A connection without any request gets no response: browsers open connections that they may not need.
        if self._arriving and not self._behind_another() and (self._in_head or not self.cycle.response_started):
            code, title = _PROBLEMS[status]
            problem = {"type": f"/problems/{code}", "code": code, "title": title, "status": status}
            body = msgspec.json.encode({**problem, "request_id": request_id})
            self.transport.write(
                f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n".encode()
                + body
            )
        self.transport.close()


class _Together:
    """A request's transport, which sends the head of its response with the beginning of the body.

    uvicorn writes them one after the other: two system calls per response, and the client is woken twice.
    https://asgi.readthedocs.io/en/stable/specs/www.html#response-start-send-event requires a server to wait for the body.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Hold the head back, and send it with what comes next, even if that is nothing."""
        if self._head is None and data != _GO_ON:
            self._head = data
        elif self._head:
            self._head, head = b"", self._head
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what was written, and close."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self._transport.is_closing()
