"""The outbound guard as an httpx transport: for libraries that speak a protocol to an address of a partner."""

import httpx

from marketplace.platform.outbound.guard import Outbound, OutboundError

_PASSED_ON = ("accept", "authorization", "content-type")


class OutboundTransport(httpx.AsyncBaseTransport):
    """Sends each request through `Outbound`, with its limits: no redirects, 64 KB, ten seconds."""

    def __init__(self, outbound: Outbound, whose: str) -> None:
        """Store the guard, and who gave the addresses."""
        self._outbound = outbound
        self._whose = whose

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response. Raises httpx.ConnectError if the request was not permitted, or got no response."""
        content = await request.aread()
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            answer = await self._outbound.send(
                request.method,
                str(request.url),
                headers=headers,
                content=content,
                want=["content-type"],
                whose=self._whose,
            )
        except OutboundError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if not answer.whole:
            raise httpx.RemoteProtocolError("the answer is too long", request=request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)
