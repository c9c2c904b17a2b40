"""Requests to the token endpoint as no library would send them, and keys that clients own."""

import base64
from typing import Any

import httpx
from joserfc.jwk import ECKey, RSAKey

from tests.support.app import Api

SIGNING_KEY = RSAKey.generate_key(2048, {"kid": "k1"})
EC_KEY = ECKey.generate_key("P-256", {"kid": "k2"})


def jwks(*keys: Any) -> dict[str, Any]:
    """Return the public parts as a client registers them."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


async def ask(api: Api, body: Any, **headers: str) -> httpx.Response:
    """Ask for a token with a form, or with bytes in its place."""
    content = body if isinstance(body, bytes) else str(httpx.QueryParams(body)).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await api.post("/oauth/token", content=content, headers=form | headers)


def basic(client_id: str, secret: str) -> str:
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


GRANT = {"grant_type": "client_credentials"}
