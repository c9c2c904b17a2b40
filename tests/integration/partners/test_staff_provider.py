"""Signing in by a company's own provider: a real OpenID Connect provider behind a socket, and everything that must not get in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from joserfc import jwt
from uvicorn import Server

from marketplace.app import create_app
from marketplace.demo import oneid, oneid_pages
from marketplace.demo.oneid import DemoPerson
from marketplace.demo.oneid_server import DemoOauthClient
from marketplace.kernel.clock import Clock
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB
from marketplace.serving import server
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import active_partner, bearer, partner_client, staff_post, token
from tests.support.portal import PASSWORD, Portal, link_in, post_office

CALLBACK = "http://127.0.0.1:1/partner/company-callback"
SECRET = "the-secret-at-the-company"
OWNER = "li.na@example.com"

PEOPLE = [
    DemoPerson("lina", "李娜", "staff", "subject-lina", email="Li.Na@example.com"),
    DemoPerson("zhao", "赵云", "staff", "subject-zhao", email="zhao@example.com"),
    DemoPerson("plain", "无邮箱", "staff", "subject-plain"),
]


@asynccontextmanager
async def provider(data: Path) -> AsyncIterator[str]:
    """Serve a provider on the loopback and give its issuer."""
    listener = server.reserve("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(
        mode="test", secret_key="s" * 32, base_url=base, data=data, oneid_client_id="portal", oneid_client_secret=SECRET,
        packages=("partners.plugin:Partners",),
    )  # fmt: skip
    app = create_app(settings, "", extra_routes=oneid_pages.routes(settings, PEOPLE))
    config = server.config(app)
    config.lifespan = "off"  # it has no database: the pool of this process is the portal's
    serving = Server(config)
    task = asyncio.create_task(serving.serve([listener]))
    try:
        while not serving.started:
            await asyncio.sleep(0.02)
        yield f"{base}/oneid"
    finally:
        serving.should_exit = True
        await task


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("company")


@pytest.fixture
async def issuer(keys: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(DemoOauthClient, "check_redirect_uri", lambda _self, uri: uri == CALLBACK)
    async with provider(keys) as found:
        yield found


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path, outbound_allow="127.0.0.0/8")


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


class Company:
    """A partner with a provider."""

    id: str
    headers: dict[str, str]


@pytest.fixture
async def company(api: Api, issuer: str) -> Company:
    made = Company()
    made.id = await active_partner(api)
    made.headers = bearer(await token(api, await partner_client(api, made.id, scopes=["staff:manage"])))
    body = {"issuer": issuer, "client_id": "portal", "client_secret": SECRET}
    answer = await api.put("/v1/partner/identity-provider", json=body, headers=made.headers)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    assert answer.json()["redirect_uri"] == CALLBACK
    return made


async def at_provider(portal: Portal, company: Company, login: str, **change: str) -> httpx.Response:
    """Begin at the portal, pick somebody at the provider, and return its answer, not yet followed."""
    begun = await portal.get(f"/partner/sign-in/company/{company.id}", follow_redirects=False)
    assert begun.status_code == 303, begun.text
    asked = begun.headers["location"]
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()} | change
    async with httpx.AsyncClient(trust_env=False) as outside:
        return await outside.post(asked.partition("?")[0], data=parameters | {"login": login})


async def enter(portal: Portal, company: Company, login: str) -> httpx.Response:
    granted = await at_provider(portal, company, login)
    assert granted.status_code == 303, granted.text
    return await portal.get(granted.headers["location"].removeprefix("http://127.0.0.1:1"))


async def test_the_invited_owner_signs_in_by_the_company(
    api: Api, here: Settings, clock: Clock, company: Company
) -> None:
    (message,) = await post_office(here, clock)
    async with Portal.of(api.app, here, clock) as portal:
        page = await portal.get(link_in(message))
        assert f"/partner/sign-in/company/{company.id}" in page.text
        home = await enter(portal, company, "lina")
        assert "李娜，您好" in home.text
        row = await DB.fetchrow("SELECT * FROM partner_staff")
        assert row is not None
        assert (row["status"], row["provider_subject"], row["password_hash"]) == ("active", "subject-lina", None)
        assert (await portal.get(link_in(message))).status_code == 404, "the link is void"
        assert "公司的登录服务" in (await portal.get("/partner/account")).text
        await portal.fill("/partner", "/partner/sign-out")
        assert "您好" in (await enter(portal, company, "lina")).text, "known by the subject from now on"
        await portal.fill("/partner", "/partner/sign-out")
        assert (await portal.sign_in(OWNER)).status_code == 401, "there is no password"


async def test_strangers_who_begin_again_and_again_cause_one_call(
    api: Api, here: Settings, clock: Clock, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, send = [], Outbound.send

    async def count(outbound: Outbound, method: str, url: str, **more: Any) -> Any:
        asked.append(url)
        return await send(outbound, method, url, **more)

    monkeypatch.setattr(Outbound, "send", count)
    begin = f"/partner/sign-in/company/{company.id}"
    async with Portal.of(api.app, here, clock) as portal:
        for _ in range(3):
            assert (await portal.get(begin, follow_redirects=False)).status_code == 303
        assert len(asked) == 1
        changed = {"issuer": asked[0].partition("/.well-known")[0], "client_id": "other", "client_secret": SECRET}
        answer = await api.put(
            "/v1/partner/identity-provider", json=changed, headers=company.headers | {"If-Match": '"1"'}
        )
        assert answer.status_code == 200, answer.text
        begun = await portal.get(begin, follow_redirects=False)
        assert "client_id=other" in begun.headers["location"]
        assert len(asked) == 2


async def test_people_find_their_companys_sign_in_on_the_second_day(
    api: Api, here: Settings, clock: Clock, company: Company
) -> None:
    (message,) = await post_office(here, clock)
    listed = (await api.get("/v1/partner/identity-provider", headers=company.headers)).json()["sign_in"]
    assert listed.endswith(f"/partner/sign-in/company/huazhu-group-{company.id[-12:]}")
    assert listed in message.get_content(), "the invitation says it, since its link is used up by then"
    path = listed.removeprefix(here.base_url)
    async with Portal.of(api.app, here, clock) as portal:
        renamed = path.replace("huazhu-group", "any-other-name")
        for there in (path, renamed, f"/partner/sign-in/company/{company.id}"):
            assert (await portal.get(there, follow_redirects=False)).status_code == 303, there
        for nowhere in ("huazhu-group", f"x-{'0' * 12}", "x-' OR 1=1", "%00"):
            assert (await portal.get(f"/partner/sign-in/company/{nowhere}")).status_code == 404, nowhere
        assert path not in (await portal.get("/partner/sign-in")).text
        await enter(portal, company, "lina")
        await portal.fill("/partner", "/partner/sign-out")
        assert path in (await portal.get("/partner/sign-in")).text, "this browser is led there again"
        before = len(await post_office(here, clock))
        pages = [
            await portal.fill("/partner/sign-in", "/partner/sign-in/find-company", email=email)
            for email in (OWNER.upper(), "nobody@example.com")
        ]
        assert {page.status_code for page in pages} == {200}
        assert path not in pages[0].text, "who works where is said by mail only"
        sent = (await post_office(here, clock))[before:]
        assert [each["To"] for each in sent] == [OWNER]
        assert link_in(sent[0]) == listed
        for _ in range(5):
            await portal.fill("/partner/sign-in", "/partner/sign-in/find-company", email=OWNER)
        assert len(await post_office(here, clock)) - before <= 3


async def test_who_was_not_invited_stays_outside(api: Api, here: Settings, clock: Clock, company: Company) -> None:
    async with Portal.of(api.app, here, clock) as portal:
        for login in ("zhao", "plain"):
            refused = await enter(portal, company, login)
            assert (refused.status_code, "没有找到对应的邀请" in refused.text) == (403, True)
        assert await DB.fetchval("SELECT count(*) FROM partner_staff_session") == 0
        assert await DB.fetchval("SELECT status FROM partner_staff") == "invited"


async def test_an_address_that_is_not_verified_is_nobodys(
    api: Api, here: Settings, clock: Clock, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = oneid.profile
    for said in (False, "true", 1, None):
        claims: Any = lambda person, said=said: honest(person) | {"email_verified": said}  # noqa: E731
        monkeypatch.setattr("marketplace.demo.oneid_server.profile", claims)
        async with Portal.of(api.app, here, clock) as portal:
            assert (await enter(portal, company, "lina")).status_code == 403, said


async def test_a_provider_speaks_for_its_own_partner_only(
    api: Api, here: Settings, clock: Clock, company: Company
) -> None:
    """Another partner has an owner of the same address: the provider of the first opens nothing there."""
    other = await active_partner(api)
    async with Portal.of(api.app, here, clock) as portal:
        assert "您好" in (await enter(portal, company, "lina")).text
        status = "SELECT status FROM partner_staff WHERE partner_id = $1"
        assert await DB.fetchval(status, other) == "invited"
        assert (await portal.get(f"/partner/sign-in/company/{other}")).status_code == 404
        assert (await portal.get("/partner/sign-in/company/no-uuid")).status_code == 404


async def test_answers_that_are_not_believed(
    api: Api, here: Settings, clock: Clock, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Portal.of(api.app, here, clock) as portal:
        good = (await at_provider(portal, company, "lina")).headers["location"].removeprefix("http://127.0.0.1:1")
        for wrong, reason in (
            (good.replace("state=", "state=x"), "状态不符"),
            (good.replace("iss=", "iss=x"), "签发者不符"),
            (good.replace("code=", "code=x"), "授权码无效"),
            (good.replace("code=", "nothing="), "没有同意"),
        ):
            refused = await portal.get(wrong)
            assert (refused.status_code, reason in refused.text) == (400, True), refused.text
        async with Portal.of(api.app, here, clock) as victim:
            assert "登录会话不存在" in (await victim.get(good)).text
        granted = await at_provider(portal, company, "lina", nonce="of-somebody-else")
        refused = await portal.get(granted.headers["location"].removeprefix("http://127.0.0.1:1"))
        assert "随机数不符" in refused.text
        honest = jwt.encode
        for claim, value, reason in (
            ("iss", "https://evil.example", "签发者不符"),
            ("aud", "another", "受众不符"),
            ("exp", int(today.now().timestamp()) - 60, "已过期"),
        ):

            def forged(
                header: Any, claims: Any, key: Any, *rest: Any, c: str = claim, v: Any = value, **more: Any
            ) -> Any:
                return honest(header, dict(claims) | ({c: v} if "nonce" in claims else {}), key, *rest, **more)

            with monkeypatch.context() as patch:
                patch.setattr("joserfc.jwt.encode", forged)
                granted = await at_provider(portal, company, "lina")
                refused = await portal.get(granted.headers["location"].removeprefix("http://127.0.0.1:1"))
            assert (refused.status_code, reason in refused.text) == (400, True), (claim, refused.text)
        assert await DB.fetchval("SELECT count(*) FROM partner_staff_session") == 0


async def test_another_provider_makes_its_people_begin_anew(
    api: Api, here: Settings, clock: Clock, company: Company, issuer: str
) -> None:
    async with Portal.of(api.app, here, clock) as portal:
        await enter(portal, company, "lina")
        at = "/v1/partner/identity-provider"
        elsewhere = {"issuer": issuer + "2", "client_id": "portal", "client_secret": "x"}
        unseen = await api.put(at, json=elsewhere, headers=company.headers)
        assert unseen.status_code == 412, "replacing needs the version"
        tag = (await api.get(at, headers=company.headers)).headers["etag"]
        headers = company.headers | {"If-Match": tag}
        kept = await api.put(at, json=elsewhere | {"client_secret": None}, headers=headers)
        assert kept.status_code == 400, "a kept secret does not go to another address"
        same = await api.put(at, json={"issuer": issuer, "client_id": "portal"}, headers=headers)
        assert same.status_code == 200, same.text
        assert "您好" in (await portal.get("/partner")).text
        moved = await api.put(at, json=elsewhere, headers=company.headers | {"If-Match": same.headers["etag"]})
        assert moved.status_code == 200, moved.text
        assert "/partner/sign-in" in str((await portal.get("/partner")).url), "signed out"
        row = await DB.fetchrow("SELECT status, provider_subject FROM partner_staff")
        assert row is not None
        assert tuple(row) == ("invited", None)
        assert (await api.delete(at, headers=company.headers)).status_code == 204
        assert (await api.delete(at, headers=company.headers)).status_code == 404
        page = await portal.join(link_in((await post_office(here, clock))[-1]), PASSWORD)
        assert "恢复码" in page.text


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example.com",
        "https://10.0.0.1/realm",
        "https://[::1]/",
        "https://user@x.example/",
        "https://x.example:22/a",
    ],
)
async def test_an_issuer_inside_our_house_is_refused(partners_only: Settings, dsn: str, address: str) -> None:
    async with running_app(partners_only, dsn) as api:
        partner_id = await active_partner(api)
        headers = bearer(await token(api, await partner_client(api, partner_id, scopes=["staff:manage"])))
        body = {"issuer": address, "client_id": "x", "client_secret": "y"}
        refused = await api.put("/v1/partner/identity-provider", json=body, headers=headers)
        assert refused.status_code == 400, refused.text
        assert refused.json()["errors"][0]["field"] == "issuer"


async def test_people_over_the_api(api: Api, here: Settings, clock: Clock) -> None:
    one, other = await active_partner(api), await active_partner(api)
    headers = bearer(await token(api, await partner_client(api, one, scopes=["staff:manage"])))
    theirs = bearer(await token(api, await partner_client(api, other, scopes=["staff:manage"])))
    weak = bearer(await token(api, await partner_client(api, one, scopes=["offers:read"])))
    body = {"email": "Zhao@example.com", "name": "赵云", "roles": ["finance", "counter"]}
    assert (await api.post("/v1/partner/staff", json=body, headers=weak | fresh_key())).status_code == 403
    made = await api.post("/v1/partner/staff", json=body, headers=headers | fresh_key())
    assert made.status_code == 201, made.text
    assert (made.json()["email"], made.json()["status"], made.json()["signs_in_by"]) == (
        "zhao@example.com",
        "invited",
        None,
    )
    at = f"/v1/partner/staff/{made.json()['id']}"
    for answer in (
        await api.get(at, headers=theirs),
        await api.patch(at, json={"name": "x"}, headers=theirs | {"If-Match": '"1"'}),
        await api.post(f"{at}/disable", headers=theirs | fresh_key()),
        await api.post(f"{at}/invite", headers=theirs | fresh_key()),
        await api.post(f"{at}/end-sessions", headers=theirs | fresh_key()),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    assert (await api.patch(at, json={"name": "x"}, headers=headers)).json()["code"] == "if_match_missing"
    assert (await api.patch(at, json={"roles": ["king"]}, headers=headers | {"If-Match": '"1"'})).status_code == 400
    assert (await api.patch(at, json={"status": "active"}, headers=headers | {"If-Match": '"1"'})).status_code == 400
    changed = await api.patch(at, json={"roles": ["developer"]}, headers=headers | {"If-Match": '"1"'})
    assert (changed.json()["roles"], changed.headers["etag"]) == (["developer"], '"2"')
    assert (await api.patch(at, json={"name": "x"}, headers=headers | {"If-Match": '"1"'})).status_code == 412
    assert (await api.post(f"{at}/disable", headers=headers | fresh_key())).json()["status"] == "disabled"
    assert (await api.post(f"{at}/disable", headers=headers | fresh_key())).status_code == 409
    assert (await api.post(f"{at}/invite", headers=headers | fresh_key())).json()["status"] == "invited"
    assert (await api.post(f"{at}/end-sessions", headers=headers | fresh_key())).json() == {"ended": 0}
    listed = (await api.get("/v1/partner/staff", headers=headers)).json()["data"]
    assert [person["email"] for person in listed] == [OWNER, "zhao@example.com"]
    # Operations see them, and can let an owner in as long as none can sign in.
    seen = await api.get(f"/v1/admin/partners/{one}/staff", headers=api.staff("auditor"))
    assert [person["email"] for person in seen.json()["data"]] == [OWNER, "zhao@example.com"]
    await staff_post(api, f"/v1/admin/partners/{one}/staff", {"email": "Zhao@example.com", "name": "赵云"})
    messages = await post_office(here, clock)
    async with Portal.of(api.app, here, clock) as portal:
        await portal.join(link_in([message for message in messages if message["To"] == "zhao@example.com"][-1]))
        assert "人员" in (await portal.get("/partner")).text
    full = await api.post(
        f"/v1/admin/partners/{one}/staff",
        json={"email": "x@example.com", "name": "x"},
        headers=api.staff("operations") | fresh_key(),
    )
    assert (full.status_code, full.json()["code"]) == (409, "owner_present")
