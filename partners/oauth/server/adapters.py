"""Authlib's authorization server over preloaded rows: it decides in memory, and does no I/O.

Authlib is synchronous: it would take a coroutine from an overridden method for true. So `token.py` and its neighbours load the
rows, run this server on them, and write the effects that it names, all in one transaction.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import KeySet

from marketplace.kernel.clock import WALL
from marketplace.platform.http.problems import parse_id
from marketplace.settings import Settings
from partners.oauth.clients.secrets import REFRESH, new_token
from partners.oauth.domain import Client, Grant, is_known
from partners.oauth.server.assertions import ClientAssertion
from partners.oauth.server.authlib_models import Effect, Loaded, LoadedClient
from partners.oauth.server.keys import SigningKey
from partners.pairwise import subject_reference

TOKEN_LIFETIME_S = 600

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
CONFIDENTIAL = AUTH_METHODS[:-1]

# Authlib logs issued tokens at debug level; they must not be logged.
logging.getLogger("authlib").setLevel(logging.INFO)


class TokenAnswer(msgspec.Struct, frozen=True):
    """The response of an endpoint (RFC 6749 §5), and the effects to write before it is sent."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    effects: tuple[Effect, ...] = ()


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """The client may not call the resource (RFC 8707 §2)."""

    error = "invalid_target"


class ResourceOwner:
    """The consenting person, as Authlib's user."""

    def __init__(self, grant: Grant, subject: str) -> None:
        """Set the grant, and the application's name for the person."""
        self.grant = grant
        self._subject = subject

    def get_user_id(self) -> str:
        """Return the `sub` of the token. It is pairwise: different for each application, so that they cannot link persons."""
        return self._subject


class Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The parameters of a request, checked to occur once each."""

    def __init__(self, form: Mapping[str, str]) -> None:
        """Set them."""
        self._form = dict(form)

    @property
    def data(self) -> dict[str, str]:
        """Return the parameters."""
        return self._form

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Return the parameters as lists."""
        return defaultdict(list, {name: [value] for name, value in self._form.items()})


class ServerRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A parsed request. Its address is the public one, whatever proxy is in front."""

    def __init__(self, method: str, uri: str, form: Mapping[str, str], authorization: str | None = None) -> None:
        """Set what Authlib reads. Raises OAuth2Error for an address that is neither https nor loopback."""
        super().__init__(method, uri, headers={"Authorization": authorization} if authorization else {})
        self.payload = Payload(form)

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters."""
        found: dict[str, str] = self.payload.data
        return found


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
    """Access tokens by RFC 9068, signed with the current key and with its `kid`."""

    def __init__(self, server: "Server", key: SigningKey) -> None:
        super().__init__(
            server.settings.issuer,
            alg=key.algorithm,
            refresh_token_generator=lambda **_what: new_token(REFRESH),
            expires_generator=lambda _client, _grant: TOKEN_LIFETIME_S,
        )
        self._server = server
        self._keys: KeySet = key.key

    def get_jwks(self) -> KeySet:
        return self._keys

    def get_audiences(self, client: LoadedClient, user: object, scope: str) -> str:  # noqa: ARG002 - Authlib's signature
        if client.row is None:
            raise InvalidClientError(status_code=401)
        return self._server.resource_of(client.row)

    def get_extra_claims(
        self,
        client: LoadedClient,
        grant_type: str,  # noqa: ARG002 - Authlib's signature
        user: ResourceOwner | None,
        scope: str,  # noqa: ARG002 - Authlib's signature
    ) -> dict[str, Any]:
        # Authlib sets `iat` and `exp` from the system clock; these replace them.
        now = int(WALL.unix_s())
        claims: dict[str, Any] = {"iat": now, "exp": now + TOKEN_LIFETIME_S}
        claims["livemode"] = client.row is None or client.row.livemode
        if user is not None:
            claims["grant"] = str(user.grant.id)
        if self._server.loaded.proof is not None:
            claims["cnf"] = {"jkt": self._server.loaded.proof.jkt}
        return claims

    def generate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the response; a token bound to a key has the type DPoP (RFC 9449 §5)."""
        token: dict[str, Any] = super().generate(*args, **kwargs)
        if self._server.loaded.proof is not None:
            token["token_type"] = "DPoP"  # noqa: S105 - the type's name
        return token


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The authorization server for one request, over its preloaded rows. It collects what to write in `effects`."""

    def __init__(self, settings: Settings, loaded: Loaded, key: SigningKey | None = None) -> None:
        """Set what Authlib needs; `key` for responses that carry tokens."""
        super().__init__()
        self.settings = settings
        self.loaded = loaded
        self.effects: list[Effect] = [] if loaded.proof is None else [loaded.proof]
        self.fresh_code = ""
        self.assertion = ClientAssertion(settings.issuer, loaded.fetched)
        if key is not None:
            self.register_token_generator("default", _Tokens(self, key))
        self.register_client_auth_method(ClientAssertion.CLIENT_AUTH_METHOD, self.assertion)

    def resource_of(self, client: Client) -> str:
        """Return the resource of the client's tokens (RFC 8707)."""
        return self.settings.audience(client.audience)

    def check_resource(self, client: Client, named: str | None) -> None:
        """Raise InvalidTargetError for another `resource` than that of the client's tokens."""
        if named is not None and named != self.resource_of(client):
            raise InvalidTargetError(f"This client is for {self.resource_of(client)} only.")

    def person(self, grant: Grant) -> ResourceOwner:
        """Return the person of a grant under the application's name for them."""
        return ResourceOwner(grant, subject_reference(self.settings.keys, grant.client_id, grant.staff_id))

    def query_client(self, client_id: str) -> LoadedClient:
        """Return the loaded client."""
        row = self.loaded.clients.get(client_id)
        known = row if row is not None and is_known(row, self.settings.mode) else None
        return LoadedClient(known, row, self.loaded.now, self.effects.append)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Store nothing: an access token is valid by its signature until it expires; grants store their refresh tokens."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Send no signal."""

    def create_oauth2_request(self, request: ServerRequest) -> ServerRequest:
        """Return the request, which is already one of Authlib's."""
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> TokenAnswer:
        """Return Authlib's response, with the effects to write."""
        return TokenAnswer(status, body or {}, dict(headers), self._written())

    def handle_error_response(self, request: object, error: OAuth2Error) -> TokenAnswer:  # noqa: ARG002 - as Authlib calls it
        """Return an error by RFC 6749 §5.2. Failed client authentication gets 401, by any method."""
        return refusal(error, self._written())

    def _written(self) -> tuple[Effect, ...]:
        """Return the effects to write with any response: a refused request uses up its assertion, too."""
        used = () if self.assertion.used is None else (self.assertion.used,)
        return (*used, *self.effects)


def refusal(error: OAuth2Error, effects: tuple[Effect, ...] = ()) -> TokenAnswer:
    """Return an error of the token endpoint and its neighbours."""
    error.redirect_uri = None  # these responses never redirect
    status, body, headers = error(None)
    answer_headers = dict(headers)
    if isinstance(error, InvalidClientError):
        status = 401
        answer_headers["WWW-Authenticate"] = 'Basic realm="marketplace"'
    return TokenAnswer(status, dict(body), answer_headers, effects)


def instant(seconds: float) -> datetime:
    """Return a JWT NumericDate as an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def grant_id_of(claims: Mapping[str, Any]) -> UUID | None:
    """Return the id of the grant in our token's claims, or None."""
    named = claims.get("grant")
    return parse_id(named) if isinstance(named, str) else None
