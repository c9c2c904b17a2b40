"""What ONE ID's keys are believed for: a key that it withdrew, and a ONE ID that does not answer."""

import time
from collections.abc import Callable

import httpx
import pytest

from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.tokens import Issuer

MINUTES = 5 * 60 + 1
DAY = 24 * 3600 + 1

Pass = Callable[[float], None]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Let seconds pass for this process, but not for tokens."""
    real, gone = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + gone[0])

    def go_on(seconds: float) -> None:
        gone[0] += seconds

    return go_on


async def status(api: Api, headers: dict[str, str]) -> int:
    return (await api.get("/v1/me", headers=headers)).status_code


async def test_a_key_that_one_id_withdrew_is_not_believed_for_long(settings: Settings, dsn: str, passes: Pass) -> None:
    async with running_app(settings, dsn) as api:
        old = api.member("one-1")
        assert await status(api, old) == 200
        api.oneid.key = Issuer(settings).key
        assert await status(api, old) == 200
        passes(MINUTES)
        assert await status(api, old) == 401
        assert await status(api, api.member("one-1")) == 200


async def test_the_same_keys_again_cost_no_second_look_at_known_tokens(
    settings: Settings, dsn: str, passes: Pass
) -> None:
    async with running_app(settings, dsn) as api:
        known = api.member("one-1")
        assert await status(api, known) == 200
        keys = await PlatformServices.of(api.app).identity._verifiers["members"].keys(False)
        passes(MINUTES)
        assert await status(api, known) == 200
        assert await PlatformServices.of(api.app).identity._verifiers["members"].keys(False) is keys


async def test_a_silent_one_id_is_believed_for_a_day_and_asked_now_and_then(
    settings: Settings, dsn: str, passes: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(settings, dsn) as api:
        known, fresh = api.member("one-1"), api.member("one-2")
        assert await status(api, known) == 200
        asked: list[httpx.Request] = []

        def silent(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            raise httpx.ConnectError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(api.oneid.transport, "handler", silent)
            passes(MINUTES)
            assert [await status(api, who) for who in (known, fresh, known)] == [200] * 3
            assert len(asked) == 1
            passes(DAY)
            assert [await status(api, who) for who in (known, fresh)] == [503, 503]
            assert len(asked) == 2
        passes(MINUTES)
        assert await status(api, known) == 200


async def test_tokens_of_keys_that_are_not_there_have_one_id_asked_now_and_then(
    settings: Settings, dsn: str, passes: Pass
) -> None:
    async with running_app(settings, dsn) as api:
        forged = {"Authorization": f"Bearer {api.oneid.token('members', 'one-1', key=Issuer(settings).key)}"}
        assert [await status(api, forged) for _ in range(3)] == [401] * 3
        assert len(api.oneid.asked) == 2  # its discovery, and its keys
        passes(6)
        assert [await status(api, forged) for _ in range(3)] == [401] * 3
        assert len(api.oneid.asked) == 4
