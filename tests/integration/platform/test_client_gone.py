"""A client that leaves is not our error: no ERROR in the log, no 500 counted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from marketplace.platform.http.requests import REQUESTS
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.flow import Partner

FORM, JSON = b"application/x-www-form-urlencoded", b"application/json"


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


async def leave(api: Api, path: str, kind: bytes, headers: dict[str, str], *begun: bytes) -> int | None:
    """Send a request's head and the beginning of its body, and disconnect; return the status of the answer, if one was made."""
    fields = [(b"host", b"127.0.0.1:1"), (b"content-type", kind), (b"content-length", b"1000")]
    fields += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": fields, "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in begun]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"] if sent else None


def counted(status: int) -> float:
    samples = [sample for metric in REQUESTS.collect() for sample in metric.samples if sample.name.endswith("_total")]
    return sum(sample.value for sample in samples if sample.labels["status"] == str(status))


@pytest.mark.parametrize("begun", [(), (b'{"a": 1',), (b"{", b'"a": ')])
async def test_a_client_that_leaves_is_499(api: Api, begun: tuple[bytes, ...]) -> None:
    partner = await Partner(api).open()
    who = partner.headers | {"Idempotency-Key": "k" * 20}
    faults, gone = counted(500), counted(499)
    asked = [
        ("/v1/partner/offers", JSON, who), ("/v1/partner/applications", JSON, who), ("/oauth/token", FORM, {}),
        ("/oauth/register", JSON, {"authorization": "Bearer x"}), ("/partner/sign-in", FORM, {"accept": "text/html"}),
    ]  # fmt: skip
    with capture_logs() as lines:
        for path, kind, headers in asked:
            assert await leave(api, path, kind, headers, *begun) == 499, (path, lines)
    assert not [line for line in lines if line["log_level"] in {"warning", "error", "critical"}], lines
    assert (counted(500) - faults, counted(499) - gone) == (0, len(asked))
