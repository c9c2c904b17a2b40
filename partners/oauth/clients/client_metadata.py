"""The rules for client metadata: which grants, authentication methods, keys and addresses go together. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from marketplace.kernel.refusals import InvalidField
from partners.oauth.clients.jwks import check_jwks
from partners.oauth.clients.redirect_addresses import check_redirect_uris
from partners.oauth.domain import ApplicationType, Audience, AuthMethod, ClientKind, check_scopes

SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Client metadata, validated field by field and as a whole."""

    kind: ClientKind
    audience: Audience
    auth_method: AuthMethod
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    application_type: ApplicationType
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    dpop_bound: bool
    livemode: bool

    @property
    def has_secret(self) -> bool:
        """Whether the client authenticates with a secret."""
        return self.auth_method in SECRET_METHODS


def shape_of(
    *,
    kind: ClientKind,
    audience: Audience,
    auth_method: AuthMethod,
    scopes: list[str],
    grant_types: Sequence[str] | None,
    redirect_uris: Sequence[str],
    application_type: ApplicationType,
    jwks: dict[str, Any] | None,
    jwks_uri: str | None,
    dpop_bound: bool,
    livemode: bool,
) -> Shape:
    """Return the checked client. Raises InvalidField."""
    if audience == "points" and not livemode:
        raise InvalidField("livemode", "沙箱只属于合作方。", "must be true: sandboxes are partners' own.")
    default = ("authorization_code", "refresh_token") if kind == "integrator" else ("client_credentials",)
    grants = sorted(set(grant_types or default))
    _check_grants(kind, audience, grants, redirect_uris)
    _check_keys(auth_method, grants, jwks, jwks_uri)
    return Shape(
        kind=kind,
        audience=audience,
        auth_method=auth_method,
        scopes=check_scopes(audience, scopes),
        grant_types=grants,
        redirect_uris=check_redirect_uris(redirect_uris, application_type),
        application_type=application_type,
        jwks=None if jwks is None else check_jwks(jwks),
        jwks_uri=jwks_uri,
        dpop_bound=dpop_bound,
        livemode=livemode,
    )


def _check_grants(kind: ClientKind, audience: Audience, grants: Sequence[str], redirect_uris: Sequence[str]) -> None:
    by_person = "authorization_code" in grants
    if audience == "points" and list(grants) != ["client_credentials"]:
        raise InvalidField(
            "grant_types",
            "主机厂系统只能使用 client_credentials。",
            "must be client_credentials for a system of the OEM.",
        )
    if kind == "integrator" and "client_credentials" in grants:
        raise InvalidField(
            "grant_types",
            "第三方应用代表授权人行事，不能使用 client_credentials。",
            "must not be client_credentials: an integrator's application acts for the people who consent.",
        )
    if "refresh_token" in grants and not by_person:
        raise InvalidField(
            "grant_types", "refresh_token 须与 authorization_code 同用。", "refresh_token goes with authorization_code."
        )
    if by_person and not redirect_uris:
        raise InvalidField("redirect_uris", "authorization_code 需要回调地址。", "is required for authorization_code.")
    if redirect_uris and not by_person:
        raise InvalidField("redirect_uris", "仅用于 authorization_code。", "goes with authorization_code only.")


def _check_keys(
    auth_method: AuthMethod, grants: Sequence[str], jwks: dict[str, Any] | None, jwks_uri: str | None
) -> None:
    if auth_method == "none" and "client_credentials" in grants:
        raise InvalidField("auth_method", "client_credentials 需要凭证。", "must not be none with client_credentials.")
    if auth_method == "private_key_jwt":
        if jwks is None and jwks_uri is None:
            raise InvalidField("jwks", "private_key_jwt 需要公钥集。", "is required for private_key_jwt.")
        if jwks is not None and jwks_uri is not None:
            raise InvalidField("jwks_uri", "与 jwks 只能择一。", "goes without jwks.")
        return
    for field, value in (("jwks", jwks), ("jwks_uri", jwks_uri)):
        if value is not None:
            raise InvalidField(field, "仅用于 private_key_jwt。", "goes with private_key_jwt only.")
