"""One Host, ours; what every answer of the API and of an https site carries."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar

from marketplace.app import create_app
from marketplace.platform.http.hosts import Hosts
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.flow import Partner


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


OURS = {
    "https://shop.example": (["shop.example", "shop.example:443", "SHOP.example"], ["shop.example:80", "127.0.0.1", "localhost"]),
    "https://shop.example:8443": (["shop.example:8443"], ["shop.example", "shop.example:443"]),
    "http://127.0.0.1:8000": (["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.0.0.1", "localhost:9"], ["10.0.0.1:8000"]),
    "http://[::1]:8000": (["[::1]:8000", "localhost:8000"], ["[2001:db8::1]:8000"]),
    "http://0.0.0.0:8000": (["10.0.0.7:8000", "0.0.0.0:8000", "laptop.local:8000"], []),
}  # fmt: skip
MALFORMED = [
    "",
    "a b",
    "shop.example/",
    "shop.example:",
    "shop.example:x",
    "a@shop.example",
    "shop.example,x",
    "é",
    "[::1",
    "\x00",
]


@pytest.mark.parametrize("base", OURS)
def test_which_host_is_ours(base: str, settings: Settings) -> None:
    hosts = Hosts(msgspec.structs.replace(settings, base_url=base))
    good, bad = OURS[base]
    for host in good:
        assert hosts.judge("/v1/me", [(b"host", host.encode())]) == "good", host
    for host in [*bad, "evil.example", "evil.example:8000", "shop.example.evil.example"]:
        verdict = "good" if "0.0.0.0" in base else "elsewhere"  # noqa: S104 - the demo's
        assert hosts.judge("/v1/me", [(b"host", host.encode())]) == verdict, host
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert hosts.judge(path, [(b"host", host.encode())]) == "good", host
    for host in MALFORMED:
        for path in ("/v1/me", "/health/live"):
            assert hosts.judge(path, [(b"host", host.encode())]) == "malformed", host
    one = (b"host", good[0].encode())
    assert hosts.judge("/", []) == hosts.judge("/", [one, one]) == "malformed"


async def ask(app: Litestar, path: str, hosts: list[str]) -> tuple[int, dict[str, str]]:
    transport = httpx.ASGITransport(app)
    request = httpx.Request("GET", f"http://127.0.0.1:1{path}")
    request.headers = httpx.Headers([("host", host) for host in hosts])
    answer = await transport.handle_async_request(request)
    await answer.aread()
    return answer.status_code, dict(answer.headers) | {"body": answer.text}


async def test_another_host_reaches_no_route(api: Api) -> None:
    for path in ("/", "/v1/offers", "/oauth/token", "/static/web/site.css", "/nowhere", "/partner/sign-in"):
        for hosts, status in (
            (["evil.example"], 421),
            ([], 400),
            (["127.0.0.1:1", "127.0.0.1:1"], 400),
            (["a b"], 400),
        ):
            found, headers = await ask(api.app, path, hosts)
            assert (found, headers["content-type"]) == (status, "application/problem+json"), (path, hosts)
            assert "evil" not in headers["body"]
            assert headers["x-request-id"]
    assert (await ask(api.app, "/health/live", ["10.1.2.3:8000"]))[0] == 200


async def test_answers_of_the_api_are_not_kept_nor_guessed_at(api: Api) -> None:
    partner = await Partner(api).open()
    offer = await partner.offer(points=100, stock=10, image="<svg xmlns='http://www.w3.org/2000/svg'></svg>")
    member = api.member("m-1")
    for path, headers in {
        "/v1/offers": member, "/v1/me": member, "/v1/me?bad": {}, "/v1/nowhere": member, "/v1/partner/profile": partner.headers,
    }.items():  # fmt: skip
        answer = await api.get(path, headers=headers)
        assert answer.headers.get_list("cache-control") == ["no-store"], path
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], path
        assert "strict-transport-security" not in answer.headers
    picture = await api.get(f"/offers/{offer['id']}/image.svg", headers=member)
    assert picture.status_code == 200
    assert "max-age" in picture.headers["cache-control"]
    assert "no-store" not in picture.headers["cache-control"]
    assert (await api.get("/static/web/site.css")).headers["cache-control"].startswith("max-age")


async def test_an_https_site_says_that_it_stays_one(dsn: str, settings: Settings, tmp_path: Path) -> None:
    secure = msgspec.structs.replace(settings, base_url="https://shop.example", data=tmp_path)
    app = create_app(secure, dsn)
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://shop.example") as client,
    ):
        for path in ("/", "/v1/offers", "/static/web/site.css", "/nowhere", "/health/live", "/oauth/jwks.json"):
            answer = await client.get(path)
            assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"], path
