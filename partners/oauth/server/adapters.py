"""Authlib's authorization server over rows that were loaded before: it decides in memory, and does no I/O.

Authlib is synchronous: a coroutine from an overridden method would count as true. So `token.py` and its neighbours load the
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

# Authlib writes issued tokens to its log at debug level; they have no business there.
logging.getLogger("authlib").setLevel(logging.INFO)


class TokenAnswer(msgspec.Struct, frozen=True):
    """What an endpoint answers (RFC 6749 §5), and what must be written before it may."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    effects: tuple[Effect, ...] = ()


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """The resource is not the one that the client may call (RFC 8707 §2)."""

    error = "invalid_target"


class ResourceOwner:
    """Who lets an application act, as Authlib sees them."""

    def __init__(self, grant: Grant, subject: str) -> None:
        """Hold the grant, and the name under which the application knows the person."""
        self.grant = grant
        self._subject = subject

    def get_user_id(self) -> str:
        """Return the `sub` of the token: another one for each application (pairwise), so that none can be put together."""
        return self._subject


class Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The parameters of a request, each of which was checked to stand there once."""

    def __init__(self, form: Mapping[str, str]) -> None:
        """Hold them."""
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
    """A request, already read; its address is the public one, whatever proxy stands before us."""

    def __init__(self, method: str, uri: str, form: Mapping[str, str], authorization: str | None = None) -> None:
        """Hold what Authlib asks for. Raises OAuth2Error for an address that is neither https nor this machine."""
        super().__init__(method, uri, headers={"Authorization": authorization} if authorization else {})
        self.payload = Payload(form)

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters."""
        found: dict[str, str] = self.payload.data
        return found


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
    """Access tokens by RFC 9068, signed with our current key, whose `kid` they name."""

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
        # Authlib takes `iat` and `exp` from the machine's clock; these take their place.
        now = int(WALL.unix_s())
        claims: dict[str, Any] = {"iat": now, "exp": now + TOKEN_LIFETIME_S}
        claims["livemode"] = client.row is None or client.row.livemode
        if user is not None:
            claims["grant"] = str(user.grant.id)
        if self._server.loaded.proof is not None:
            claims["cnf"] = {"jkt": self._server.loaded.proof.jkt}
        return claims

    def generate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the answer; a token that is bound to a key says so by its type (RFC 9449 §5)."""
        token: dict[str, Any] = super().generate(*args, **kwargs)
        if self._server.loaded.proof is not None:
            token["token_type"] = "DPoP"  # noqa: S105 - the type's name
        return token


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The authorization server for one request, over what was loaded for it. What it decides to write is in `effects`."""

    def __init__(self, settings: Settings, loaded: Loaded, key: SigningKey | None = None) -> None:
        """Hold what Authlib will ask for; `key` for answers that carry tokens."""
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
        """Return the resource that the client's tokens are for (RFC 8707)."""
        return self.settings.audience(client.audience)

    def check_resource(self, client: Client, named: str | None) -> None:
        """Raise InvalidTargetError for a `resource` that the client's tokens are not for."""
        if named is not None and named != self.resource_of(client):
            raise InvalidTargetError(f"This client is for {self.resource_of(client)} only.")

    def person(self, grant: Grant) -> ResourceOwner:
        """Return the person of a grant as the application knows them."""
        return ResourceOwner(grant, subject_reference(self.settings.keys, grant.client_id, grant.staff_id))

    def query_client(self, client_id: str) -> LoadedClient:
        """Return the loaded client."""
        row = self.loaded.clients.get(client_id)
        known = row if row is not None and is_known(row, self.settings.mode) else None
        return LoadedClient(known, row, self.loaded.now, self.effects.append)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Keep nothing: an access token is good by its signature until it expires; grants keep their refresh tokens."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def create_oauth2_request(self, request: ServerRequest) -> ServerRequest:
        """Return the request, which is Authlib's already."""
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> TokenAnswer:
        """Return Authlib's answer as a value, with everything that must be written for it."""
        return TokenAnswer(status, body or {}, dict(headers), self._written())

    def handle_error_response(self, request: object, error: OAuth2Error) -> TokenAnswer:  # noqa: ARG002 - as Authlib calls it
        """Return an error by RFC 6749 §5.2. A client that is not believed gets 401, whichever way it tried."""
        return refusal(error, self._written())

    def _written(self) -> tuple[Effect, ...]:
        """Return what must be written, whatever is answered: an assertion is used up by a request that is refused, too."""
        used = () if self.assertion.used is None else (self.assertion.used,)
        return (*used, *self.effects)


def refusal(error: OAuth2Error, effects: tuple[Effect, ...] = ()) -> TokenAnswer:
    """Return an error of the token endpoint and its neighbours."""
    error.redirect_uri = None  # these answers never lead anywhere
    status, body, headers = error(None)
    answer_headers = dict(headers)
    if isinstance(error, InvalidClientError):
        status = 401
        answer_headers["WWW-Authenticate"] = 'Basic realm="marketplace"'
    return TokenAnswer(status, dict(body), answer_headers, effects)


def instant(seconds: float) -> datetime:
    """Return a JWT's seconds as an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def grant_id_of(claims: Mapping[str, Any]) -> UUID | None:
    """Return the grant that a token of ours names."""
    named = claims.get("grant")
    return parse_id(named) if isinstance(named, str) else None
