"""Signing in with ONE ID, end to end, and everything that must not get through."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt

from marketplace.demo import oneid_pages
from marketplace.demo.oneid import (
    KEY_FILE,
    DemoInProductionError,
    OneId,
    UnknownPersonError,
    write_people,
)
from marketplace.demo.oneid_server import CodeGrant
from marketplace.kernel.clock import WALL, Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from marketplace.web.oidc import client_secret
from tests.conftest import SECRET
from tests.support.web import PEOPLE, Browser, hidden, page_settings, running_pages


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all these tests: making ONE ID's key takes a while."""
    return tmp_path_factory.mktemp("oneid")


@pytest.fixture
async def browser(dsn: str, folder: Path, clock: Clock) -> AsyncIterator[Browser]:
    async with running_pages(page_settings(folder), dsn, clock=clock) as running:
        yield running


def _query(answer: httpx.Response) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def _sessions() -> int:
    return int(await DB.fetchval("SELECT count(*) FROM web_session"))


async def test_sign_in_and_out(browser: Browser) -> None:
    answer = await browser.sign_in("lin", "/auth-is-not-here?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/auth-is-not-here?x=1"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("session-1="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # the test is on plain http
    row = await DB.fetchrow("SELECT * FROM web_session")
    assert row is not None
    assert (row["subject"], row["name"], row["roles"]) == ("member-subject-lin", "林晓", [])
    token = browser.cookies["session-1"]
    assert token.encode() not in row["token_hash"]

    refused = await browser.post("/auth/sign-out", data={})
    assert refused.status_code == 403
    assert "页面已过期" in refused.text
    assert await _sessions() == 1
    assert (await browser.send_form("/auth/sign-out", row["csrf"] + "x")).status_code == 403
    done = await browser.send_form("/auth/sign-out", row["csrf"])
    assert done.status_code == 303
    assert await _sessions() == 0

    # The old cookie, replayed, opens nothing: a form with it is told that nobody is signed in.
    browser.cookies.set("session-1", token)
    again = await browser.send_form("/auth/sign-out", row["csrf"])
    assert again.status_code == 401
    assert "您已退出登录" in again.text


async def test_staff_have_roles_and_htmx_sends_the_token_as_a_header(browser: Browser) -> None:
    await browser.sign_in("olivia")
    row = await DB.fetchrow("SELECT roles, csrf FROM web_session")
    assert row is not None
    assert row["roles"] == ["operations"]
    answer = await browser.post("/auth/sign-out", headers={"X-CSRF-Token": row["csrf"]})
    assert answer.status_code == 303


async def test_a_session_ends_after_twelve_hours(browser: Browser, clock: Clock) -> None:
    from datetime import timedelta

    await browser.sign_in("lin")
    csrf = await DB.fetchval("SELECT csrf FROM web_session")
    clock.offset = timedelta(hours=12, seconds=1)
    assert (await browser.send_form("/auth/sign-out", csrf)).status_code == 401
    await browser.sign_in("lin")
    assert await _sessions() == 1, "signing in clears ended sessions away"


async def test_another_state_is_refused(browser: Browser) -> None:
    granted = await browser.grant(await browser.begin())
    location = granted.headers["location"].replace("state=", "state=x")
    answer = await browser.get(location)
    assert answer.status_code == 400
    assert "状态不符" in answer.text
    assert await _sessions() == 0


async def test_another_browsers_answer_is_refused(browser: Browser) -> None:
    """Login CSRF: an answer that an attacker obtained must not sign a victim's browser in."""
    granted = await browser.grant(await browser.begin())
    browser.cookies.clear()
    answer = await browser.get(granted.headers["location"])
    assert answer.status_code == 400
    assert "登录会话不存在" in answer.text
    assert await _sessions() == 0


async def test_another_nonce_is_refused(browser: Browser) -> None:
    parameters = await browser.begin()
    granted = await browser.grant({**parameters, "nonce": "of-somebody-else"})
    answer = await browser.get(granted.headers["location"])
    assert answer.status_code == 400
    assert "随机数不符" in answer.text
    assert await _sessions() == 0


async def test_another_issuer_is_refused(browser: Browser) -> None:
    granted = await browser.grant(await browser.begin())
    query = _query(granted)
    assert query["iss"] == "http://127.0.0.1:1/oneid"
    answer = await browser.get("/auth/callback", params={**query, "iss": "https://elsewhere.example"})
    assert answer.status_code == 400
    assert "签发者不符" in answer.text


async def test_a_code_is_good_once(browser: Browser) -> None:
    granted = await browser.grant(await browser.begin())
    cookie = browser.cookies["sign-in-1"]
    assert (await browser.get(granted.headers["location"])).status_code == 303
    browser.cookies.set("sign-in-1", cookie)
    answer = await browser.get(granted.headers["location"])
    assert answer.status_code == 400
    assert "授权码无效" in answer.text
    assert await _sessions() == 1


async def test_a_code_lasts_a_minute(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = await browser.grant(await browser.begin())
    monkeypatch.setattr(WALL, "offset", timedelta(seconds=61))
    assert "授权码无效" in (await browser.get(granted.headers["location"])).text


async def test_a_code_that_is_kept_would_be_seen(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant of single use: a provider that keeps its codes turns the replay test red."""

    def kept(self: CodeGrant, code: str, _client: object) -> object:
        from marketplace.demo.oneid_server import StoredCode

        return StoredCode(self.server.codes[code])

    monkeypatch.setattr(CodeGrant, "query_authorization_code", kept)
    granted = await browser.grant(await browser.begin())
    cookie = browser.cookies["sign-in-1"]
    assert (await browser.get(granted.headers["location"])).status_code == 303
    browser.cookies.set("sign-in-1", cookie)
    assert (await browser.get(granted.headers["location"])).status_code == 303


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"redirect_uri": "http://127.0.0.1:1/auth/callback/"}, "Redirect URI"),
        ({"redirect_uri": "https://evil.example/auth/callback"}, "Redirect URI"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"client_id": "somebody"}, "client"),
    ],
)
async def test_an_unregistered_client_is_told_here_and_sent_nowhere(
    browser: Browser, change: dict[str, str], said: str
) -> None:
    parameters = {**await browser.begin(), **change}
    for answer in (
        await browser.get("/oneid/authorize", params=parameters),
        await browser.grant(parameters),
    ):
        assert answer.status_code in {400, 401}
        assert "location" not in answer.headers
        assert said in answer.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid everything"}, "invalid_scope"),
    ],
)
async def test_a_wrong_request_goes_back_to_the_client(browser: Browser, change: dict[str, str], error: str) -> None:
    parameters = {**await browser.begin(), **change}
    answer = await browser.grant(parameters)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("http://127.0.0.1:1/auth/callback?")
    assert _query(answer)["error"] == error
    assert _query(answer)["state"] == parameters["state"]
    reported = await browser.get(answer.headers["location"])
    assert reported.status_code == 400
    assert "重新登录" in reported.text


async def test_the_token_endpoint_wants_client_verifier_and_address(browser: Browser, folder: Path) -> None:
    settings = page_settings(folder)
    client = (settings.oneid_client_id, client_secret(settings))
    verifier = "v" * 50
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    async def code() -> str:
        parameters = {**await browser.begin(), "code_challenge": create_s256_code_challenge(verifier)}
        return _query(await browser.grant(parameters))["code"]

    good = {
        "grant_type": "authorization_code",
        "redirect_uri": "http://127.0.0.1:1/auth/callback",
        "code_verifier": verifier,
    }
    for auth, change, error in (
        (("marketplace", "wrong"), {}, "invalid_client"),
        (None, {}, "invalid_client"),
        (client, {"code_verifier": "w" * 50}, "invalid_grant"),
        (client, {"code_verifier": ""}, "invalid_request"),
        (client, {"redirect_uri": "http://127.0.0.1:1/elsewhere"}, "invalid_grant"),
        (client, {"grant_type": "password"}, "unsupported_grant_type"),
    ):
        data = {**good, "code": await code(), **change}
        answer = await browser.post("/oneid/token", data=data, auth=auth)
        assert answer.status_code in {400, 401}, answer.text
        assert answer.json()["error"] == error
    by_post = {"client_id": client[0], "client_secret": client[1]}
    answer = await browser.post("/oneid/token", data={**good, **by_post, "code": await code()})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    claims = jwt.decode(token["id_token"], OneId(settings, PEOPLE).key).claims
    assert claims["aud"] == "marketplace"
    assert claims["name"] == "林晓"
    reported = await browser.get("/oneid/userinfo", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert reported.json()["sub"] == "member-subject-lin"
    assert (await browser.get("/oneid/userinfo")).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0aLocation:x\r\n",
        "javascript:alert(1)",
        "/a b",
        "evil",
        "",
        "/auth/sign-out",
        "/" + "a" * 2000,
    ],
)
async def test_returning_leads_nowhere_but_home(browser: Browser, target: str) -> None:
    answer = await browser.sign_in("lin", target)
    assert answer.headers["location"] == "/"
    language = await browser.get("/language/en", params={"return_to": target})
    assert language.headers["location"] == "/"


async def test_a_sign_in_from_another_name_of_this_machine_starts_at_the_right_one(browser: Browser) -> None:
    answer = await browser.get("/auth/sign-in?return_to=/vouchers", headers={"Host": "localhost:1"})
    assert answer.headers["location"] == "http://127.0.0.1:1/auth/sign-in?return_to=%2Fvouchers"


async def test_errors_are_pages_for_people_and_problems_for_programs(browser: Browser) -> None:
    page = await browser.get("/no-such-page")
    assert page.status_code == 404
    assert "没有找到这个页面" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    english = await browser.get("/no-such-page", headers={"Accept-Language": "en"})
    assert "Page not found" in english.text
    program = await browser.get("/no-such-page", headers={"Accept": "application/json"})
    assert program.headers["content-type"] == "application/problem+json"
    under_api = await browser.get("/v1/no-such-thing")
    assert under_api.headers["content-type"] == "application/problem+json"


async def test_the_language_is_remembered(browser: Browser) -> None:
    answer = await browser.get("/language/en?return_to=/vouchers?tab=used")
    assert answer.headers["location"] == "/vouchers?tab=used"
    assert "Page not found" in (await browser.get("/no-such-page")).text
    await browser.get("/language/klingon")
    assert "没有找到这个页面" in (await browser.get("/no-such-page")).text


async def test_the_people_are_listed_and_named_as_a_demo(browser: Browser) -> None:
    answer = await browser.get("/oneid/authorize", params=await browser.begin())
    assert "演示" in answer.text
    assert "林晓" in answer.text
    assert hidden(answer.text, "client_id") == "marketplace"
    nobody = await browser.grant(await browser.begin(), "nobody")
    assert nobody.status_code == 200
    assert "以谁的身份登录" in nobody.text


async def test_minted_tokens_are_good_for_their_audience_only(browser: Browser, folder: Path) -> None:
    oneid = OneId(page_settings(folder), PEOPLE)
    staff = {"Authorization": f"Bearer {oneid.mint('olivia')}"}
    assert (await browser.get("/v1/admin/invariants", headers=staff)).status_code == 200
    member = {"Authorization": f"Bearer {oneid.mint('lin')}"}
    assert (await browser.get("/v1/admin/invariants", headers=member)).status_code == 401
    old = {"Authorization": f"Bearer {oneid.mint('olivia', -1)}"}
    assert (await browser.get("/v1/admin/invariants", headers=old)).status_code == 401


def test_the_key_is_kept_and_private(tmp_path: Path) -> None:
    settings = page_settings(tmp_path)
    with pytest.raises(UnknownPersonError):
        OneId(settings)
    write_people(tmp_path, PEOPLE)
    first, second = OneId(settings), OneId(settings)
    assert first.key.thumbprint() == second.key.thumbprint()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert second.userinfo(first.mint("wang")) == {
        "sub": "member-subject-wang",
        "name": "王芳",
        "preferred_username": "wang",
    }
    with pytest.raises(UnknownPersonError, match="lin, wang"):
        first.mint("nobody")
    assert sorted(path.name for path in tmp_path.iterdir()) == [KEY_FILE, "oneid-people.json"]


def test_nothing_of_it_exists_in_production(tmp_path: Path) -> None:
    settings = Settings(mode="production", secret_key=SECRET, data=tmp_path, oneid_issuer="https://oneid.example")
    with pytest.raises(DemoInProductionError):
        OneId(settings, PEOPLE)
    with pytest.raises(DemoInProductionError):
        oneid_pages.routes(settings, PEOPLE)
    assert not list(tmp_path.iterdir())
