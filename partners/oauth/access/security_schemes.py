"""How partners, integrators and the OEM's systems prove who they are, as the API's description says it."""

from collections.abc import Mapping

from litestar.openapi.spec import OAuthFlow, OAuthFlows, SecurityScheme

from partners.oauth.domain import OEM_SCOPES, PARTNER_SCOPES

_TOKEN_URL = "/oauth/token"  # noqa: S105 - an address
_AUTHORIZATION_URL = "/oauth/authorize"

SECURITY_SCHEMES: Mapping[str, SecurityScheme] = {
    "partner": SecurityScheme(
        type="oauth2",
        description="An access token of our OAuth server, audience `/v1/partner`: the partner's, or an integrator's by consent.",
        flows=OAuthFlows(
            client_credentials=OAuthFlow(token_url=_TOKEN_URL, scopes=PARTNER_SCOPES),
            authorization_code=OAuthFlow(
                authorization_url=_AUTHORIZATION_URL,
                token_url=_TOKEN_URL,
                refresh_url=_TOKEN_URL,
                scopes=PARTNER_SCOPES,
            ),
        ),
    ),
    "oem": SecurityScheme(
        type="oauth2",
        description="An access token of our OAuth server, audience `/v1/points`, for the OEM's own systems.",
        flows=OAuthFlows(client_credentials=OAuthFlow(token_url=_TOKEN_URL, scopes=OEM_SCOPES)),
    ),
    "client": SecurityScheme(
        type="http",
        scheme="basic",
        description="An OAuth client's id and secret (RFC 6749 §2.3.1). Or a signed assertion in the form (RFC 7523).",
    ),
    "application": SecurityScheme(
        type="http", scheme="bearer", description="The `application_token` of the receipt, good for one application."
    ),
    "registration": SecurityScheme(
        type="http",
        scheme="bearer",
        description="The initial access token (RFC 7591) to register a client, then its registration access token (RFC 7592).",
    ),
}
