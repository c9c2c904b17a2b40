"""Authlib's authorization server over rows that were loaded before: it decides in memory, and does no I/O.

Authlib is synchronous: a coroutine from an overridden method would count as true. So `token.py` loads the rows, runs this
server on them, and writes what it produced, all in one transaction.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import KeySet, RSAKey

from marketplace.settings import Settings
from partners.oauth.assertions import ClientAssertion, UsedAssertion
from partners.oauth.domain import Client, granted_scope, is_admitted, is_known
from partners.oauth.keys import ALGORITHM
from partners.oauth.secrets import secret_matches

TOKEN_LIFETIME_S = 600

_GRANT = "client_credentials"
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]

# Authlib writes issued tokens to its log at debug level; they have no business there.
logging.getLogger("authlib").setLevel(logging.INFO)


class TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint answers (RFC 6749 §5), and the assertion that must be remembered before it may."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    used: UsedAssertion | None = None


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """The resource is not the one that the client may call (RFC 8707 §2)."""

    error = "invalid_target"


class LoadedClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A client as Authlib sees it. One that is not there is an object too, so that it fails as a wrong secret does."""

    def __init__(self, row: Client | None) -> None:
        """Hold the row, or None for a client that does not exist, was revoked, or is a demo's."""
        self.row = row

    def get_client_id(self) -> str:
        """Return the id that tokens carry as `sub` and `client_id`."""
        return "" if self.row is None else self.row.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the token's scope; None makes Authlib answer `invalid_scope`."""
        return None if self.row is None else granted_scope(self.row, scope)

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether the secret is the client's."""
        matches = secret_matches(client_secret, None if self.row is None else self.row.secret_hash)
        return matches and self.row is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client was registered for that method, and for no other."""
        return endpoint == "token" and self.row is not None and self.row.auth_method == method

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use the grant; there is one."""
        return grant_type == _GRANT


class ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """The grant of RFC 6749 §4.4, with the partner's state and the `resource` of RFC 8707."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        """Check in this order: who the client is, what it may do, whether its partner may call, for which resource."""
        super().validate_token_request()
        row = self.request.client.row
        if not is_admitted(row):
            raise UnauthorizedClientError(f"The partner is {row.partner_status}.")
        named = self.request.payload.client_id
        if named is not None and named != row.client_id:
            raise InvalidClientError(status_code=401, description="client_id names another client.")
        resource = self.request.payload.data.get("resource")
        if resource is not None and resource != self.server.resource_of(row):
            raise InvalidTargetError(f"This client is for {self.server.resource_of(row)} only.")


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = dict(form)

    @property
    def data(self) -> dict[str, str]:
        return self._form

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._form.items()})


class _TokenRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request to the token endpoint, already read; its address is the public one, whatever proxy stands before us."""

    def __init__(self, uri: str, form: Mapping[str, str], authorization: str | None) -> None:
        super().__init__("POST", uri, headers={"Authorization": authorization} if authorization else {})
        self.payload = _Payload(form)

    @property
    def form(self) -> dict[str, str]:
        found: dict[str, str] = self.payload.data
        return found


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
    """Access tokens by RFC 9068, signed with our current key, whose `kid` they name."""

    def __init__(self, settings: Settings, key: RSAKey) -> None:
        super().__init__(settings.issuer, alg=ALGORITHM, expires_generator=lambda _client, _grant: TOKEN_LIFETIME_S)
        self._settings = settings
        self._keys = KeySet([key])  # from a set, joserfc writes the key's kid into the header

    def get_jwks(self) -> KeySet:
        return self._keys

    def get_audiences(self, client: LoadedClient, user: object, scope: str) -> str:  # noqa: ARG002 - Authlib's signature
        if client.row is None:
            raise InvalidClientError(status_code=401)
        return self._settings.audience(client.row.audience)


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The authorization server for one request, over the clients that were loaded for it."""

    def __init__(self, settings: Settings, key: RSAKey, loaded: Mapping[str, Client]) -> None:
        """Hold what Authlib will ask for."""
        super().__init__()
        self._settings = settings
        self._loaded = loaded
        self._assertion = ClientAssertion(settings.issuer)
        self.register_grant(ClientCredentials)
        self.register_token_generator("default", _Tokens(settings, key))
        self.register_client_auth_method(ClientAssertion.CLIENT_AUTH_METHOD, self._assertion)

    def answer(self, form: Mapping[str, str], authorization: str | None) -> TokenAnswer:
        """Return the answer to a token request. The form's parameters were checked to be there once each."""
        try:
            uri = f"{self._settings.base_url}/oauth/token"
            answer: TokenAnswer = self.create_token_response(_TokenRequest(uri, form, authorization))
        except OAuth2Error as error:  # an insecure address: Authlib raises it outside its own handling
            answer = self.handle_error_response(None, error)
        return answer

    def resource_of(self, client: Client) -> str:
        """Return the resource that the client's tokens are for (RFC 8707)."""
        return self._settings.audience(client.audience)

    def query_client(self, client_id: str) -> LoadedClient:
        """Return the loaded client."""
        row = self._loaded.get(client_id)
        return LoadedClient(row if row is not None and is_known(row, self._settings.mode) else None)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Keep nothing: an access token is good by its signature until it expires."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def create_oauth2_request(self, request: _TokenRequest) -> _TokenRequest:
        """Return the request, which is Authlib's already."""
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> TokenAnswer:
        """Return Authlib's answer as a value."""
        used = self._assertion.used if status == 200 else None
        return TokenAnswer(status, body, dict(headers), used)

    def handle_error_response(self, request: object, error: OAuth2Error) -> TokenAnswer:  # noqa: ARG002 - as Authlib calls it
        """Return an error by RFC 6749 §5.2. A client that is not believed gets 401, whichever way it tried."""
        return refusal(error)


def refusal(error: OAuth2Error) -> TokenAnswer:
    """Return an error of the token endpoint."""
    status, body, headers = error(None)
    answer_headers = dict(headers)
    if isinstance(error, InvalidClientError):
        status = 401
        answer_headers["WWW-Authenticate"] = 'Basic realm="marketplace"'
    return TokenAnswer(status, dict(body), answer_headers)
