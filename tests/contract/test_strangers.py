"""Whatever a stranger sends: a refusal, never a 500, at most one line in the log; and bad credentials are counted."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import JWSRegistry
from litestar import Litestar
from structlog.testing import capture_logs

from marketplace.kernel.clock import Clock
from marketplace.platform.http.identity import IdentityUnavailable, audience_of
from marketplace.platform.http.issuer_keys import RemoteKeys
from marketplace.platform.validation.foreign import UnreadableError, import_jwks, verify_jwt
from marketplace.settings import Settings
from marketplace.web.oidc import RelyingParty, SignInFailed, new_flow
from tests.support import hostile
from tests.support.app import Api, running_app
from tests.support.dpop import Holder
from tests.support.flow import Partner, oem
from tests.support.oauth import GRANT, ask, basic
from tests.support.portal import Portal, joined_owner
from tests.support.web import hidden, running_pages

pytestmark = pytest.mark.xdist_group("strangers")

ID = "01990000-0000-7000-8000-000000000001"


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


class Raw(httpx.AsyncBaseTransport):
    """Sends addresses as they stand, which the client would put right first."""

    def __init__(self, app: Litestar) -> None:
        self._inner = httpx.ASGITransport(app)

    async def send(self, method: str, path: str, fields: Iterable[tuple[bytes, bytes]], content: bytes = b"") -> int:
        """Return the status of the answer."""
        request = httpx.Request(method, "http://127.0.0.1:1/", headers=list(fields), content=content)
        request.url = _Address(path)  # type: ignore[assignment]
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        return answer.status_code


class _Address(httpx.URL):
    """What ASGITransport asks of an address."""

    def __init__(self, path: str) -> None:
        super().__init__("http://127.0.0.1:1/")
        self._path, _, self._query = path.partition("?")

    path = property(lambda self: httpx.URL(f"http://h/{self._path.lstrip('/')}").path)  # type: ignore[assignment]
    raw_path = property(lambda self: f"{self._path}?{self._query}".encode())  # type: ignore[assignment]
    query = property(lambda self: self._query.encode())  # type: ignore[assignment]


@contextmanager
def told_once(what: object) -> Iterator[None]:
    """Hold a request to one line in the log, and to none that says that we are at fault."""
    with capture_logs() as lines:
        yield
    said = [line for line in lines if line["log_level"] in {"warning", "error", "critical"}]
    assert len(said) <= 1, (what, said)
    assert not [line for line in said if line["log_level"] != "warning"], (what, said)


@pytest.mark.parametrize(
    "path", ["/v1/me", "/v1/admin/partners", "/v1/finance/payouts", "/v1/partner/profile", "/v1/points/earnings"]
)
@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
async def test_a_token_that_no_library_would_make_is_401_at_every_door(api: Api, path: str, scheme: str) -> None:
    known = api.oneid.key.kid
    bad = hostile.tokens() + hostile.tokens("RS256", kid=known) + hostile.tokens("ES256", kid=known)
    for each in bad:
        with told_once(each):
            method = "POST" if "earnings" in path else "GET"
            answer = await api.request(method, path, headers=[(b"authorization", f"{scheme} {each}".encode())])
        assert answer.status_code == 401, (each, answer.text)


async def test_bytes_that_are_no_token_are_401(api: Api) -> None:
    for field in hostile.FIELDS:
        for scheme in (b"Bearer ", b"dpop ", b"Basic ", b""):
            answer = await api.get("/v1/me", headers=[(b"authorization", scheme + field)])
            assert answer.status_code == 401, (scheme, field)


async def test_a_proof_that_no_library_would_make_is_401(api: Api) -> None:
    partner, holder = await Partner(api).open(), Holder()
    pair = basic(partner.client["client_id"], partner.client["client_secret"])
    bound = (await ask(api, GRANT, Authorization=pair, DPoP=holder.proof())).json()["access_token"]
    jwk = holder.key.as_dict(private=False)
    for each in hostile.tokens("ES256", typ="dpop+jwt", jwk=jwk, claims={"jti": "\ud800", "ath": "\ud800"}):
        proof = [(b"dpop", each.encode())]
        with told_once(each):
            answer = await api.get(
                "/v1/partner/profile", headers=[(b"authorization", f"DPoP {bound}".encode()), *proof]
            )
        assert answer.status_code == 401, (each, answer.text)
        with told_once(each):
            answer = await api.post("/oauth/token", data=GRANT, headers=[(b"authorization", pair.encode()), *proof])
        assert answer.status_code == 400, (each, answer.text)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/par", "/oauth/introspect", "/oauth/revoke"])
async def test_an_assertion_or_a_token_in_a_form_that_no_library_would_make_is_refused(api: Api, path: str) -> None:
    partner = await Partner(api).open()
    pair = basic(partner.client["client_id"], partner.client["client_secret"])
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for each in hostile.tokens("RS256", claims={"sub": partner.client["client_id"]}):
        with told_once(each):
            answer = await api.post(path, data=GRANT | {"client_assertion_type": kind, "client_assertion": each})
        assert answer.status_code in {400, 401}, (each, answer.text)
        if path in {"/oauth/introspect", "/oauth/revoke"}:
            with told_once(each):
                answer = await api.post(path, data={"token": each}, headers={"Authorization": pair})
            assert answer.status_code in {200, 400}, (each, answer.text)
    for field in (
        b"Basic \xff\xfe",
        b"Basic AAAA",
        b"Basic /////w==",
        b"Basic AA==",
        b"Basic =",
        b"Basic 6rCA",
        *hostile.FIELDS,
    ):
        answer = await api.post(path, data=GRANT | {"token": "x"}, headers=[(b"authorization", field)])
        assert answer.status_code in {400, 401}, (field, answer.text)


def test_signed_and_yet_unreadable() -> None:
    """A signature proves who wrote it, and nothing about what: a company's own provider, too, may write anything."""
    key = ECKey.generate_key("P-256", {"kid": "k"})
    for header in hostile.headers(kid="k"):
        assert _refused(_signed(header, {"sub": "x"}, key), KeySet([key])) or isinstance(header, bytes | dict)
    for payload in hostile.PAYLOADS:
        readable = payload in ({}, {"x": None})
        assert _refused(_signed({"alg": "ES256"}, payload, key), KeySet([key])) is not readable, payload
    for value in ("\0", "\ud800", 10**400, 2**60, -(2**60)):
        for claims in ({"sub": value}, {"roles": [value]}, {"a": {"b": [value]}}):
            assert _refused(_signed({"alg": "ES256"}, claims, key), KeySet([key])), claims
    assert _refused(_signed({"alg": "ES256"}, b'{"exp":Infinity}', key), KeySet([key]))
    assert _refused(_signed({"alg": "ES256"}, b'{"exp":NaN}', key), KeySet([key]))
    assert not _refused(_signed({"alg": "ES256"}, {"sub": "林", "exp": 1.5}, key), KeySet([key]))


def _signed(header: Any, payload: Any, key: ECKey) -> str:
    text = f"{hostile.part(header)}.{hostile.part(payload)}"
    return f"{text}.{hostile.part(JWSRegistry.algorithms['ES256'].sign(text.encode(), key))}"


def _refused(token: str, keys: KeySet) -> bool:
    try:
        verify_jwt(token, keys)
    except UnreadableError:
        return True
    return False


KEY_SETS: tuple[Any, ...] = (
    *hostile.WRONG,
    *({"keys": value} for value in hostile.WRONG if value != []),
    *({"keys": [value]} for value in hostile.WRONG),
    *(
        {"keys": [{"kty": kind, name: value}]}
        for kind in ("RSA", "EC", "oct", "OKP")
        for name in "nexyk"
        for value in hostile.WRONG
    ),
)


async def test_key_sets_and_discovery_documents_that_are_none() -> None:
    asked: list[Any] = [None, None]

    def answer(request: httpx.Request) -> httpx.Response:
        found = asked[0] if "openid-configuration" in str(request.url) else asked[1]
        return httpx.Response(200, content=found if isinstance(found, bytes) else msgspec.json.encode(_plain(found)))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        for published in KEY_SETS:
            with pytest.raises(UnreadableError):
                import_jwks(published)
            asked[:] = [{"jwks_uri": "https://id.example/jwks"}, published]
            with pytest.raises(IdentityUnavailable), told_once(published):
                await RemoteKeys("https://id.example", client)(False)
        for document in (*hostile.WRONG, *({"jwks_uri": value} for value in hostile.WRONG), *hostile.PAYLOADS):
            asked[:] = [document, {"keys": []}]
            with pytest.raises(IdentityUnavailable), told_once(document):
                await RemoteKeys("https://id.example", client)(False)


async def test_a_provider_that_answers_anything() -> None:
    issuer = "https://id.example"
    good = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "token_endpoint": f"{issuer}/t"}
    said: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        found = said["token" if request.url.path == "/t" else "discovery"]
        return httpx.Response(200, content=found if isinstance(found, bytes) else msgspec.json.encode(_plain(found)))

    transport = httpx.MockTransport(answer)

    async def keys(_: bool) -> KeySet:
        return KeySet([ECKey.generate_key("P-256")])

    async with httpx.AsyncClient(transport=transport) as client:
        for document in (*hostile.PAYLOADS, *(good | {name: value} for name in good for value in hostile.WRONG)):
            said["discovery"] = document
            party = RelyingParty(issuer, "c", "s", "https://us.example/cb", "openid", keys, client, transport)
            with pytest.raises(IdentityUnavailable):
                await party.authorization_url(new_flow("/"))
        said["discovery"] = good
        tokens = [{"id_token": each} for each in (*hostile.WRONG, *hostile.tokens())]
        for token in (*hostile.PAYLOADS, *tokens, *({"error": value} for value in hostile.WRONG)):
            said["token"] = token
            party = RelyingParty(issuer, "c", "s", "https://us.example/cb", "openid", keys, client, transport)
            with pytest.raises((IdentityUnavailable, SignInFailed)), told_once(token):
                await party.claims(new_flow("/"), "code")


def _plain(value: Any) -> Any:
    """Return the value with half a surrogate pair spelled so that msgspec encodes it; what it cannot is left out."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > 2**63:
        return str(value)
    if isinstance(value, dict):
        return {_plain(name): _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Return method and path of every route, but for the description of the API, which is large."""
    found = {
        (str(method), route.path_format)
        for route in app.routes
        for method in getattr(route, "route_handler_map", ())
        if method != "OPTIONS" and "/docs" not in route.path_format and "openapi" not in route.path_format
    }
    return sorted(found)


async def credentials(api: Api) -> dict[str | None, dict[str, str]]:
    """Return the headers of somebody who may ask, by audience."""
    staff = api.staff("operations", "finance", "finance_approver", "auditor")
    partner = await Partner(api).open()
    return {
        "members": api.member("m-1"), "admin": staff, "partner": partner.headers, "points": await oem(api), None: {},
    }  # fmt: skip


def _fields(*groups: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for group in groups for name, value in group.items()]


def _path(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: value, path)


async def test_every_route_refuses_what_cannot_be_read(api: Api) -> None:
    who, raw, wrong = await credentials(api), Raw(api.app), []
    for method, path in routes(api.app):
        if path in {"/auth/sign-in", "/health/ready"}:
            continue  # the first asks ONE ID, which in this test knows no pages
        known = _fields(who[audience_of(path)], {"idempotency-key": "k" * 20})
        fields = [*known, (b"accept", b"application/json" if audience_of(path) else b"text/html")]
        asked = [(_path(path, bad), b"", "") for bad in hostile.PATHS] if "{" in path else []
        asked += [(f"{_path(path, ID)}?{query}", b"", "") for query in hostile.QUERIES]
        if method not in {"GET", "HEAD"}:
            asked += [(_path(path, ID), body, kind) for kind, body in hostile.BODIES]
        for target, body, kind in asked:
            typed = [(b"content-type", kind.encode("latin-1"))] if kind else []
            with told_once((method, target[:200], kind, body[:60])):
                status = await raw.send(method, target, [*fields, *typed], body)
            if status >= 500:
                wrong.append((status, method, target[:200], kind, body[:60]))
    assert not wrong, (len(wrong), wrong[:10])


HEADERS = (
    "accept", "accept-language", "cookie", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "dpop",
    "if-match", "if-none-match", "if-modified-since", "idempotency-key", "hx-request", "hx-current-url", "x-csrf-token",
    "user-agent", "origin", "referer", "x-request-id", "range", "accept-encoding", "content-encoding", "content-type",
)  # fmt: skip


async def test_headers_that_cannot_be_read(api: Api) -> None:
    who, raw, wrong = await credentials(api), Raw(api.app), []
    asked = [
        ("GET", "/"), ("GET", "/points"), ("GET", "/v1/offers"), ("GET", "/v1/partner/offers"), ("GET", "/v1/admin/partners"),
        ("POST", "/oauth/token"), ("POST", "/v1/redemptions"), ("POST", "/v1/partner/applications"), ("GET", "/partner"),
        ("POST", "/partner/sign-in"), ("GET", "/static/web/site.css"), ("PATCH", f"/v1/partner/offers/{ID}"), ("GET", "/nowhere"),
        ("GET", "/auth/callback"), ("GET", "/oauth/authorize"),
    ]  # fmt: skip
    for method, path in asked:
        for name in HEADERS:
            for field in hostile.FIELDS:
                fields = [each for each in _fields(who[audience_of(path)]) if each[0] != name.encode()]
                with told_once((method, path, name, field)):
                    status = await raw.send(method, path, [*fields, (name.encode(), field)], b"")
                if status >= 500:
                    wrong.append((status, method, path, name, field))
    assert not wrong, (len(wrong), wrong[:10])


async def test_static_addresses_that_are_no_files(api: Api) -> None:
    raw = Raw(api.app)
    for bad in hostile.PATHS:
        for name in ("web", "partners", "benefits"):
            for method in ("GET", "HEAD"):
                assert await raw.send(method, f"/static/{name}/{bad}", []) in {400, 404}, (method, name, bad)
    assert (await api.get("/static/web/site.css")).status_code == 200


async def test_cookies_that_are_not_ours(api: Api) -> None:
    port = httpx.URL(str(api.base_url)).port
    raw, names = Raw(api.app), ("session", "sign-in", "partner", "partner-step", "language", "partner-known-company")
    values = (
        b"\xff\xfe",
        b"",
        b"x" * 8000,
        b"gAAAAA",
        b"gAAAAAB" + b"A" * 200,
        b'"',
        b"\x01",
        b"%00",
        "é".encode(),
        b"=;=;,",
    )
    for path in (
        "/",
        "/points",
        "/partner",
        "/partner/sign-in/code",
        "/auth/callback?state=x&code=y",
        "/oauth/authorize",
    ):
        for name in names:
            for value in values:
                cookie = name.encode() + b"-%d=" % port + value  # type: ignore[str-format]
                with told_once((path, cookie)):
                    status = await raw.send("GET", path, [(b"accept", b"text/html"), (b"cookie", cookie)])
                assert status < 500, (path, cookie, status)


async def test_forms_of_people_who_are_signed_in(dsn: str, settings: Settings, tmp_path: Path, clock: Clock) -> None:
    """Behind a good session a form is read, and with a good token it is looked at: by members and in the portal."""
    here = msgspec.structs.replace(settings, data=tmp_path)
    wrong: list[Any] = []

    async def flood(app: Litestar, cookies: httpx.Cookies, csrf: str, under: str) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        fields = [(b"cookie", cookie.encode()), (b"accept", b"text/html"), (b"x-csrf-token", csrf.encode())]
        for method, path in routes(app):
            at_portal = path.startswith("/partner")
            if (
                audience_of(path)
                or path.startswith(("/oauth", "/auth", "/oneid"))
                or at_portal != (under == "/partner")
            ):
                continue
            if method == "GET":
                asked = [(f"{_path(path, ID)}?{query}", b"", "") for query in hostile.QUERIES]
                asked += [(_path(path, bad), b"", "") for bad in hostile.PATHS if "{" in path]
            elif "sign-out" in path:
                continue
            else:
                asked = [(_path(path, ID), body, kind) for kind, body in hostile.BODIES]
                asked += [
                    (_path(path, ID), body + f"&csrf_token={csrf}".encode(), kind) for kind, body in hostile.BODIES
                ]
            for target, body, kind in asked:
                typed = [(b"content-type", kind.encode("latin-1"))] if kind else []
                status = await Raw(app).send(method, target, [*fields, *typed], body)
                if status >= 500:
                    wrong.append((status, method, target[:200], kind, body[:80]))

    async with running_app(here, dsn, clock=clock) as api, Portal.of(api.app, here, clock) as portal:
        await joined_owner(api, portal)
        page = await portal.get("/partner")
        await flood(api.app, portal.cookies, hidden(page.text, "csrf_token"), "/partner")
    async with running_pages(msgspec.structs.replace(here, data=tmp_path / "members"), dsn) as browser:
        await browser.follow(await browser.sign_in())
        page = await browser.get("/points")
        await flood(browser.app, browser.cookies, hidden(page.text, "csrf_token"), "/")
    assert not wrong, (len(wrong), wrong[:10])
