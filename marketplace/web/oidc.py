"""The relying party: our requests to ONE ID, and the checks of its responses (OpenID Connect Core 1.0, code flow)."""

import hmac
import secrets
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from authlib.deprecate import AuthlibDeprecationWarning

from marketplace.kernel.clock import WALL
from marketplace.kernel.keyring import Purpose
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text, line_or
from marketplace.platform.http.identity import IdentityUnavailable, KeySource
from marketplace.platform.validation.foreign import UnreadableError, reading, verify_jwt
from marketplace.settings import Settings

with warnings.catch_warnings():
    # Authlib tries a fork of httpx first and warns about it at import; with httpx it works the same.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

SCOPE = "openid profile"

_DEMO_CLIENT = Purpose("demo ONE ID client")

_LEEWAY_S = 10
_VERIFIER_BYTES = 48


class SignInFailed(Refusal):
    """The sign-in failed; it is safe to start again."""

    kind = Kind.INVALID
    code = "sign_in_failed"
    way_out = "sign_in"
    zh = "登录没有完成：{zh_reason}。请重新登录。"
    en = "Sign-in failed: {en_reason}. Please try again."
    explanation = Explanation(
        Text("登录没有完成。", "The sign-in was not completed."),
        Text("请重新登录。", "Sign in again."),
    )

    def __init__(self, zh_reason: str, en_reason: str) -> None:
        """Say why in both languages."""
        super().__init__(zh_reason=zh_reason, en_reason=en_reason)


class OneIdPerson(msgspec.Struct, frozen=True):
    """The signed-in person: ONE ID's subject, the name for greetings, and the roles of the OEM's own people."""

    subject: str
    name: str
    roles: frozenset[str] = frozenset()


class Flow(msgspec.Struct, frozen=True):
    """One sign-in in progress; stored encrypted in a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    started_at: int


def new_flow(return_to: str) -> Flow:
    """Return a new sign-in that ends at the local path."""
    verifier = secrets.token_urlsafe(_VERIFIER_BYTES)
    return Flow(secrets.token_urlsafe(24), secrets.token_urlsafe(24), verifier, return_to, int(WALL.unix_s()))


def client_secret(settings: Settings) -> str:
    """Return our client secret at ONE ID: the configured one, or (demo and tests) one that both sides derive."""
    return settings.oneid_client_secret or settings.keys.fleeting(_DEMO_CLIENT).hex()


class RelyingParty:
    """Our client at an OpenID Connect provider."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        secret: str,
        redirect_uri: str,
        scope: str,
        keys: KeySource,
        client: httpx.AsyncClient,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        """Store the configuration; nothing is fetched before the first sign-in."""
        self.issuer = issuer
        self.redirect_uri = redirect_uri
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._keys = keys
        self._client = client
        self._transport = transport
        self._discovered: dict[str, Any] | None = None

    async def authorization_url(self, flow: Flow) -> str:
        """Return the address where the browser signs in. Raises IdentityUnavailable."""
        found = await self._discovery()
        async with self._oauth() as oauth:
            url, _ = oauth.create_authorization_url(
                found["authorization_endpoint"], state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(url)

    async def claims(self, flow: Flow, code: str) -> dict[str, Any]:
        """Exchange the code and return the verified claims about the person. Raises SignInFailed or IdentityUnavailable."""
        found = await self._discovery()
        async with self._oauth() as oauth:
            try:
                token = await oauth.fetch_token(
                    found["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=flow.verifier
                )
                id_token = str(token.get("id_token", ""))
            except OAuthError as error:
                raise SignInFailed("授权码无效或已过期", "the code is not valid, or has expired") from error
            except Exception as error:  # the network's errors, and what Authlib raises on a malformed response
                raise IdentityUnavailable from error
        return await self._claims(id_token, flow)

    async def _claims(self, id_token: str, flow: Flow) -> dict[str, Any]:
        """Return the ID token's verified claims (OpenID Connect Core 1.0 §3.1.3.7)."""
        claims = await self._decode(id_token)
        now = WALL.unix_s()
        expires_at = claims.get("exp")
        if claims.get("iss") != self.issuer:
            raise SignInFailed("签发者不符", "the response is from another issuer")
        if claims.get("aud") not in (self._client_id, [self._client_id]):
            raise SignInFailed("受众不符", "the response is for another client")
        if claims.get("azp", self._client_id) != self._client_id:
            raise SignInFailed("受众不符", "the response is for another client")
        if claims.get("nonce") != flow.nonce:
            raise SignInFailed("随机数不符", "the response belongs to another sign-in")
        if not isinstance(expires_at, int | float) or expires_at <= now - _LEEWAY_S:
            raise SignInFailed("已过期", "the response came too late")
        return claims

    async def _decode(self, id_token: str) -> dict[str, Any]:
        for fresh in (False, True):
            keys = await self._keys(fresh)
            try:
                return verify_jwt(id_token, keys).claims
            except UnreadableError as error:
                if fresh:
                    raise SignInFailed("签名无效", "the signature of the response is wrong") from error
        raise AssertionError("unreachable")

    def _oauth(self) -> Any:
        return AsyncOAuth2Client(
            self._client_id,
            self._secret,
            scope=self._scope,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=5,
            trust_env=False,
        )

    async def _discovery(self) -> dict[str, Any]:
        if self._discovered is None:
            try:
                answer = await self._client.get(f"{self.issuer}/.well-known/openid-configuration")
                answer.raise_for_status()
                with reading("the discovery document"):
                    found = answer.json()
                    _check_discovery(found, self.issuer)
            except (httpx.HTTPError, UnreadableError) as error:
                raise IdentityUnavailable from error
            self._discovered = found
        return self._discovered


class OneIdClient(RelyingParty):
    """Our client at ONE ID."""

    def __init__(
        self, settings: Settings, keys: KeySource, client: httpx.AsyncClient, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        """Use the client that the settings name."""
        redirect_uri, secret = f"{settings.base_url}/auth/callback", client_secret(settings)
        super().__init__(settings.oneid, settings.oneid_client_id, secret, redirect_uri, SCOPE, keys, client, transport)

    async def finish(self, flow: Flow, code: str) -> OneIdPerson:
        """Exchange the code and return the person. Raises SignInFailed or IdentityUnavailable."""
        return _person(await self.claims(flow, code))


def check_answer(answer: Mapping[str, str], flow: Flow, issuer: str) -> str:
    """Return the code of the authorization response, if it belongs to the flow. Raises SignInFailed."""
    if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
        raise SignInFailed("状态不符", "the response belongs to another sign-in")
    if answer.get("iss", issuer) != issuer:  # RFC 9207
        raise SignInFailed("签发者不符", "the response is from another issuer")
    if "error" in answer or not answer.get("code"):
        raise SignInFailed("您没有同意登录", "access was not granted")
    return answer["code"]


def _check_discovery(found: dict[str, Any], issuer: str) -> None:
    """Raise ValueError or KeyError unless the document is the issuer's own, with addresses as safe as the issuer's."""
    if found["issuer"] != issuer:
        raise ValueError("the discovery document names another issuer")
    for name in ("authorization_endpoint", "token_endpoint"):
        address = found[name]
        if urlsplit(address).scheme != urlsplit(issuer).scheme or not address.isascii() or not address.isprintable():
            raise ValueError(f"{name} is not an {urlsplit(issuer).scheme} address")


_MOST_NAME = 100


def _person(claims: dict[str, Any]) -> OneIdPerson:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise SignInFailed("缺少主体", "the response names no person")
    named_so = line_or(claims.get("preferred_username"), subject, _MOST_NAME)
    name = line_or(claims.get("name"), named_so, _MOST_NAME)
    roles = claims.get("roles")
    named = [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
    return OneIdPerson(subject, name, frozenset(named))
