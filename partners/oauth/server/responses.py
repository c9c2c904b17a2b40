"""The responses of the OAuth server's endpoints, with the names of the RFCs."""

from typing import Any

import msgspec


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An access token (RFC 6749 §5.1): a JWT by RFC 9068, valid for `expires_in` seconds; `token_type` is Bearer or DPoP."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str = ""


class TokenError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 6749 §5.2)."""

    error: str
    error_description: str = ""


class PushedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The reference to the pushed request (RFC 9126 §2.2)."""

    request_uri: str
    expires_in: int


class IntrospectionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a token is active, and its claims (RFC 7662 §2.2). An inactive one has no other members."""

    active: bool
    scope: str = ""
    client_id: str = ""
    token_type: str = ""
    exp: int = 0
    iat: int = 0
    sub: str = ""
    aud: str = ""
    iss: str = ""
    jti: str = ""
    livemode: bool = True
    cnf: dict[str, str] | None = None


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Server metadata (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    registration_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    ui_locales_supported: list[str]
    service_documentation: str


class Jwks(msgspec.Struct, frozen=True):
    """A key set (RFC 7517): public keys only."""

    keys: list[dict[str, str]]


class RegisteredClient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A client that registered itself (RFC 7591 §3.2.1, RFC 7592 §3)."""

    client_id: str
    client_id_issued_at: int
    client_name: str
    token_endpoint_auth_method: str
    grant_types: list[str]
    response_types: list[str]
    redirect_uris: list[str]
    scope: str
    application_type: str
    dpop_bound_access_tokens: bool
    registration_client_uri: str
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    registration_access_token: str | None = None
