"""The grants of the token endpoint: Authlib's, restricted. They decide over preloaded rows and do no I/O."""

import hashlib
from typing import Any

from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from partners.oauth.clients.secrets import digest
from partners.oauth.domain import Client, Grant, is_admitted, narrowed
from partners.oauth.server.adapters import AUTH_METHODS, CONFIDENTIAL, ResourceOwner, Server
from partners.oauth.server.authlib_models import (
    AuthorizationCode,
    CodeUsed,
    GrantEnded,
    LoadedClient,
    RefreshIssued,
    RefreshToken,
    Rotated,
)
from partners.oauth.server.dpop import InvalidProofError
from partners.registry.domain import ADMITTED

_STOPPED = "What was granted has ended."


class S256Only(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """PKCE for every client, with S256 only (RFC 9700 §2.1.1): Authlib would accept requests without it, and `plain`."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: Any) -> None:
        """Raise InvalidRequestError unless the authorization request has an S256 challenge."""
        data = grant.request.payload.data
        if "code_challenge" not in data:
            raise InvalidRequestError("code_challenge is missing: PKCE is required.")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")
        if len(data["code_challenge"]) != 43:  # a SHA-256 in base64url; nothing else could match
            raise InvalidRequestError("code_challenge must be the 43 characters of a SHA-256.")
        super().validate_code_challenge(grant, redirect_uri)


class _Checked:
    """The checks of every grant after client authentication."""

    request: Any
    server: Server

    def authenticate_token_endpoint_client(self) -> LoadedClient:
        """Return the authenticated client. Raises InvalidClientError, also if `client_id` names another one."""
        client: LoadedClient = super().authenticate_token_endpoint_client()  # type: ignore[misc]  # Authlib's, beside this
        named = self.request.payload.client_id
        if named is not None and named != client.get_client_id():
            raise InvalidClientError(status_code=401, description="client_id names another client.")
        return client

    def check_client(self) -> None:
        """Check that the partner may call, the resource, and the required proof.

        Raises UnauthorizedClientError, InvalidTargetError, InvalidProofError.
        """
        row: Client = self.request.client.row
        if not is_admitted(row):
            raise UnauthorizedClientError(f"The partner is {row.partner_status}.")
        self.server.check_resource(row, self.request.payload.data.get("resource"))
        if row.dpop_bound and self.server.loaded.proof is None:
            raise InvalidProofError("This client must send a DPoP proof.")

    def check_grant(self, grant: Grant) -> None:
        """Raise unless the person's grant can be used now."""
        if grant.revoked or not grant.person_scopes:
            raise InvalidGrantError(_STOPPED)
        if grant.partner_status not in ADMITTED and not grant.effective:
            raise UnauthorizedClientError(f"The partner is {grant.partner_status}.")


class ClientCredentials(_Checked, ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """Client credentials (RFC 6749 §4.4): a system acts for itself."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def validate_token_request(self) -> None:
        """Check in this order: client authentication, scope, partner, resource."""
        super().validate_token_request()
        self.check_client()


class ByCode(_Checked, AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """Authorization code (RFC 6749 §4.1): a person's consent, as a code that is valid for a minute, once."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: LoadedClient) -> str:
        """Return the request's redirect URI if it is the client's. Raises InvalidRequestError, which does not repeat it.

        Text from an unverified address must not appear on our page.
        """
        uri = request.payload.redirect_uri
        if not uri or not client.check_redirect_uri(uri):
            raise InvalidRequestError("redirect_uri is not registered for this client.")
        return str(uri)

    def generate_authorization_code(self) -> str:
        """Return the code, which was generated before Authlib was called."""
        return str(self.server.fresh_code)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store nothing here: Authlib's caller writes the code with its grant."""

    def query_authorization_code(self, code: str, client: LoadedClient) -> AuthorizationCode | None:
        """Return the loaded code if it is this client's and still valid. A second use revokes the grant."""
        found = self.server.loaded.code
        if found is None or found.digest != digest(code) or found.client_id != client.get_client_id():
            return None
        if found.used:
            self.server.effects.append(GrantEnded(found.grant, "code_reused"))
            return None
        if found.expires_at <= self.server.loaded.now or found.grant.revoked:
            return None
        if client.row is not None:
            found.allowed = client.row.scopes
        return found

    def validate_token_request(self) -> None:
        """Check client, code, redirect URI and verifier with Authlib, then partner, resource, person and key."""
        super().validate_token_request()
        self.check_client()
        code: AuthorizationCode = self.request.authorization_code
        self.check_grant(code.grant)
        if code.jkt is not None and code.jkt != _jkt(self.server):
            raise InvalidGrantError("The code is bound to another key.")
        if not code.get_scope():
            raise InvalidGrantError(_STOPPED)

    def authenticate_user(self, authorization_code: AuthorizationCode) -> ResourceOwner:
        """Return the person who consented."""
        return self.server.person(authorization_code.grant)

    def save_token(self, token: dict[str, Any]) -> None:
        """Record the refresh token, if there is one."""
        if "refresh_token" in token:
            grant = self.request.authorization_code.grant
            self.server.effects.append(RefreshIssued(digest(token["refresh_token"]), grant.id))

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Record that the code was used. From here on a public client's family is bound to its key (RFC 9449 §5)."""
        public = self.request.client.row.auth_method == "none"
        jkt = _jkt(self.server) if public else None
        self.server.effects.append(CodeUsed(authorization_code.digest, authorization_code.grant.id, jkt))


class ByRefresh(_Checked, RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """Refresh token (RFC 6749 §6) with rotation: each token works once, and its second use revokes the family.

    The exception is the same request, repeated because its response was lost: it gets the same response (`Refresh.is_retry`).
    """

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    retried = False

    @property
    def asked(self) -> bytes:
        """Return the fingerprint by which two requests with one token count as the same request."""
        data = self.request.payload.data
        parts = (data.get("scope", ""), data.get("resource", ""), _jkt(self.server) or "")
        return hashlib.sha256("\n".join(parts).encode()).digest()

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        """Return the loaded token if it is this client's and still valid. The use of a rotated one revokes the family."""
        found, now = self.server.loaded.refresh, self.server.loaded.now
        if found is None or found.digest != digest(refresh_token) or not found.check_client(self.request.client):
            return None
        if found.grant.revoked or found.expires_at <= now:
            return None
        if found.grant.jkt is not None and found.grant.jkt != _jkt(self.server):
            raise InvalidGrantError("The refresh token is bound to another key.")
        if found.is_retry(self.asked, now):
            self.retried = True
        elif found.rotated_at is not None:
            self.server.effects.append(GrantEnded(found.grant, "refresh_token_reused"))
            return None
        return found

    def validate_token_request(self) -> None:
        """Check client, token and scope (Authlib: never more than was granted), then partner, resource, person."""
        super().validate_token_request()
        self.check_client()
        self.check_grant(self.request.refresh_token.grant)

    def create_token_response(self) -> Any:
        """Return the new tokens. A retry gets the stored response, which the caller decrypts."""
        if self.retried:
            return 200, {}, self.TOKEN_RESPONSE_HEADER
        return super().create_token_response()

    def authenticate_user(self, refresh_token: RefreshToken) -> ResourceOwner:
        """Return the person of the grant."""
        return self.server.person(refresh_token.grant)

    def issue_token(self, user: ResourceOwner, refresh_token: RefreshToken) -> dict[str, Any]:
        """Return an access token for the requested scopes that are still allowed, and the next refresh token."""
        asked = (self.request.payload.scope or refresh_token.get_scope()).split()
        scopes = narrowed(asked, refresh_token.grant.effective, self.request.client.row.scopes)
        if not scopes:
            raise InvalidGrantError(_STOPPED)
        token: dict[str, Any] = self.generate_token(user=user, scope=" ".join(scopes), include_refresh_token=True)
        return token

    def save_token(self, token: dict[str, Any]) -> None:
        """Record the next refresh token, and this one as rotated, with the response."""
        old: RefreshToken = self.request.refresh_token
        successor = digest(token["refresh_token"])
        # In this order: a unique index allows one unrotated token in a family at a time.
        self.server.effects.append(Rotated(old.digest, successor, self.asked, token))
        self.server.effects.append(RefreshIssued(successor, old.grant.id))

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Do nothing: `save_token` has recorded it."""


def _jkt(server: Server) -> str | None:
    return None if server.loaded.proof is None else server.loaded.proof.jkt
