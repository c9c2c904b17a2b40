"""The demo ONE ID's authorization server: Authlib's grants over codes kept in memory.

Authlib has no types, so its classes are subclassed under `type: ignore[misc]`.
"""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    InvalidRequestError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode

from marketplace.demo.oneid import TOKEN_LIFETIME_S, DemoPerson, OneId, profile
from marketplace.kernel.clock import WALL
from marketplace.settings import Settings
from marketplace.web.oidc import client_secret

ID_TOKEN_LIFETIME_S = 3600
CODE_LIFETIME_S = 60
SCOPES = ("openid", "profile", "email")

_MAX_CODES = 10_000
"""Maximum number of pending codes: more means that somebody only requests them; the oldest are dropped."""


class OneIdResponse(msgspec.Struct, frozen=True):
    """A response of Authlib."""

    status: int
    body: Any
    headers: dict[str, str]


class OneIdCode(msgspec.Struct, frozen=True):
    """An authorization code that waits for its exchange."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    login: str
    issued_at: float
    code_challenge_method: str = "S256"


class StoredCode(AuthorizationCodeMixin):  # type: ignore[misc]
    """A code with the methods that Authlib requires."""

    def __init__(self, code: OneIdCode) -> None:
        self.code = code
        self.code_challenge = code.code_challenge
        self.code_challenge_method = code.code_challenge_method

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.scope

    def get_nonce(self) -> str:
        return self.code.nonce

    def get_auth_time(self) -> int:
        return int(self.code.issued_at)

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class DemoOauthClient(ClientMixin):  # type: ignore[misc]
    """The one client: the marketplace itself."""

    def __init__(self, settings: Settings) -> None:
        self.client_id = settings.oneid_client_id
        self.redirect_uri = f"{settings.base_url}/auth/callback"
        self._secret = client_secret(settings)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return None  # it must be explicit: one rule less to get wrong

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(name for name in SCOPES if name in (scope or "").split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self._secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class ReceivedRequest(OAuth2Request):  # type: ignore[misc]
    """A request with its parameters in memory."""

    def __init__(self, method: str, headers: Mapping[str, str], query: str, form: str) -> None:
        # Authlib refuses plain http by the address. The demo is on plain http by design: it has no secrets to lose.
        super().__init__(method, "https://oneid.demo/", headers={"Authorization": headers.get("authorization", "")})
        self.pairs = parse_qsl(form if method == "POST" else query, keep_blank_values=True)
        self._parameters = dict(self.pairs)
        self.payload = BasicOAuth2Payload(self._parameters)
        self.payload._datalist = {name: [v for n, v in self.pairs if n == name] for name in self._parameters}  # noqa: SLF001 - Authlib reads it there

    @property
    def args(self) -> dict[str, str]:
        return self._parameters

    @property
    def form(self) -> dict[str, str]:
        return self._parameters


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    """Codes in memory: single-use, one minute, and consumed even by a failed attempt."""

    def save_authorization_code(self, code: str, request: ReceivedRequest) -> None:
        data = request.payload.data
        self.server.codes[code] = OneIdCode(
            code=code,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            nonce=data.get("nonce", ""),
            code_challenge=data["code_challenge"],
            login=request.user.login,
            issued_at=WALL.unix_s(),
        )
        while len(self.server.codes) > _MAX_CODES:
            self.server.codes.pop(next(iter(self.server.codes)))

    def query_authorization_code(self, code: str, client: DemoOauthClient) -> StoredCode | None:
        found = self.server.codes.pop(code, None)
        if found is None or found.client_id != client.client_id or found.issued_at + CODE_LIFETIME_S < WALL.unix_s():
            return None
        return StoredCode(found)

    def delete_authorization_code(self, authorization_code: StoredCode) -> None:
        """Do nothing: the query has already removed it."""

    def authenticate_user(self, authorization_code: StoredCode) -> DemoPerson | None:
        people: dict[str, DemoPerson] = self.server.oneid.people
        return people.get(authorization_code.code.login)


class OneIdPkce(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, and never `plain` (RFC 9700 §2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # Authlib's name and type

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class IdTokens(OpenIDCode):  # type: ignore[misc]
    """Signs ID tokens with the provider's key."""

    def __init__(self, oneid: OneId) -> None:
        super().__init__(require_nonce=True)
        self._oneid = oneid

    def exists_nonce(self, nonce: str, request: ReceivedRequest) -> bool:  # noqa: ARG002 - Authlib's signature
        return False  # the client's own cookie binds a nonce to one sign-in

    def resolve_client_private_key(self, client: DemoOauthClient) -> Any:  # noqa: ARG002 - Authlib's
        return self._oneid.key

    def get_client_algorithm(self, client: DemoOauthClient) -> str:  # noqa: ARG002 - Authlib's
        return "RS256"

    def get_encode_header(self, client: DemoOauthClient) -> dict[str, str]:  # noqa: ARG002 - Authlib's
        return {"alg": "RS256", "kid": self._oneid.key.kid or "", "typ": "JWT"}

    def get_client_claims(self, client: DemoOauthClient) -> dict[str, Any]:
        return {"iss": self._oneid.issuer, "aud": client.client_id}

    def generate_user_info(self, user: DemoPerson, scope: str) -> dict[str, Any]:  # noqa: ARG002 - Authlib's
        # Authlib takes `iat` and `exp` from the machine's clock; these replace them.
        now = int(WALL.unix_s())
        return profile(user) | {"iat": now, "exp": now + ID_TOKEN_LIFETIME_S}


class OneIdServer(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server with one client and codes in memory; it stores no tokens, since they are signed."""

    def __init__(self, oneid: OneId) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.oneid = oneid
        self.codes: dict[str, OneIdCode] = {}
        self._client = DemoOauthClient(oneid.settings)
        self.register_token_generator("default", self._token)
        self.register_grant(CodeGrant, [OneIdPkce(), IdTokens(oneid)])

    def query_client(self, client_id: str) -> DemoOauthClient | None:
        return self._client if client_id == self._client.client_id else None

    def save_token(self, token: dict[str, Any], request: ReceivedRequest) -> None:
        """Do nothing: the tokens are self-contained."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: nobody listens."""

    def create_oauth2_request(self, request: ReceivedRequest) -> ReceivedRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> OneIdResponse:
        answered = dict(headers)
        if "Location" in answered:  # the issuer (RFC 9207): responses of two issuers cannot be mixed up
            answered["Location"] = add_params_to_uri(answered["Location"], {"iss": self.oneid.issuer})
        return OneIdResponse(status, body, answered)

    def _token(self, grant_type: str, client: Any, user: DemoPerson, scope: str, **_options: Any) -> dict[str, Any]:  # noqa: ARG002 - Authlib's
        return {
            "token_type": "Bearer",
            "access_token": self.oneid.access_token(user),
            "expires_in": TOKEN_LIFETIME_S,
            "scope": scope,
        }
