"""ONE ID for tests: an issuer in this process, with a key of its own, and tokens for whomever a test needs."""

from typing import Any, Literal

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from marketplace.settings import Settings
from tests.support import today


class Issuer:
    """Acts as the OEM's ONE ID: answers discovery and keys through `transport`, and signs tokens."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key = ECKey.generate_key(
            "P-256", parameters={"kid": "oneid-test", "alg": "ES256", "use": "sig"}, private=True
        )
        self.asked: list[str] = []
        self.transport = httpx.MockTransport(self.answer)

    def token(
        self, audience: Literal["members", "admin"], subject: str, roles: tuple[str, ...] = (), **claims: Any
    ) -> str:
        """Return a good access token (RFC 9068). `claims` add to it or replace; a claim that is None is left out.

        `header` among them replaces the token's header, `key` the signing key.
        """
        now = int(today.now().timestamp())
        header = {"alg": "ES256", "kid": "oneid-test", "typ": "at+jwt"} | claims.pop("header", {})
        key = claims.pop("key", self.key)
        body: dict[str, Any] = {
            "iss": self.settings.oneid,
            "aud": self.settings.audience(audience),
            "sub": subject,
            "client_id": "test",
            "iat": now,
            "exp": now + 600,
            "roles": list(roles),
        }
        body |= claims
        return jwt.encode(header, {name: value for name, value in body.items() if value is not None}, key)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer discovery and keys, as `transport` does."""
        issuer = self.settings.oneid
        self.asked.append(str(request.url))
        if str(request.url) == f"{issuer}/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": issuer, "jwks_uri": f"{issuer}/jwks.json"})
        if str(request.url) == f"{issuer}/jwks.json":
            return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
        return httpx.Response(404)
