"""What every attack on the OAuth server is held to: the right error, nothing issued, and no call to anywhere."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from marketplace.platform.postgres.database import DB

_WAYS_OUT = ("create_connection", "create_datagram_endpoint", "getaddrinfo", "getnameinfo", "sock_connect")
"""How an event loop leads to other machines; the test's database is behind a socket of this machine's file system."""


@contextmanager
def nothing_goes_out(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse, while it lasts, every look-up of a name and every connection by a network, and give the list of them."""
    calls: list[str] = []

    def refuse(way: str) -> Any:
        def refused(_self: Any, *arguments: Any, **_named: Any) -> Any:
            calls.append(f"{way} {arguments}")
            raise AssertionError(f"a call: {way} {arguments}")

        return refused

    for way in _WAYS_OUT:
        patch.setattr(type(asyncio.get_running_loop()), way, refuse(way))
    for way in ("connect", "connect_ex"):
        patch.setattr(socket.socket, way, _by_files_only(getattr(socket.socket, way), refuse(way)))
    yield calls


def _by_files_only(known: Any, refused: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        return (known if self.family == socket.AF_UNIX else refused)(self, address)

    return connect


async def issued() -> int:
    """Return how many codes and refresh tokens there are."""
    return int(
        await DB.fetchval("SELECT (SELECT count(*) FROM oauth_code) + (SELECT count(*) FROM oauth_refresh_token)")
    )


def told_here(response: httpx.Response) -> None:
    """The error is told on a page of ours, and the browser goes nowhere."""
    assert response.status_code == 400, response.text
    assert "location" not in response.headers
    assert 'name="request"' not in response.text
    assert "evil" not in re.sub(r"<[^>]*>", "", response.text)  # nor is what a stranger wrote shown under our name


def refused(response: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    """The token endpoint's error, and nothing beside it."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert "access_token" not in response.text
    assert "location" not in response.headers
