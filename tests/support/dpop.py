"""DPoP proofs, good ones and such as no library would make."""

import base64
import hashlib
from typing import Any
from uuid import uuid4

from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from tests.support import today

BASE = "http://127.0.0.1:1"
TOKEN = f"{BASE}/oauth/token"


class Registry(jws.JWSRegistry):
    """Writes headers as long as a proof's."""

    max_header_length = 8192


class Holder:
    """Holds a key and proves it."""

    def __init__(self, key: Any = None) -> None:
        self.key = key or ECKey.generate_key("P-256")
        self.alg = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        self.jkt = self.key.thumbprint()

    def proof(self, method: str = "POST", url: str = TOKEN, access: str | None = None, **claims: Any) -> str:
        """Return a good proof; `claims` replace or add, None leaves one out; `header` does the same to the header."""
        header = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.key.as_dict(private=False)} | claims.pop("header", {})
        key = claims.pop("key", self.key)
        body: dict[str, Any] = {"jti": uuid4().hex, "htm": method, "htu": url, "iat": int(today.now().timestamp())}
        if access is not None:
            body["ath"] = base64.urlsafe_b64encode(hashlib.sha256(access.encode()).digest()).rstrip(b"=").decode()
        body = {name: value for name, value in (body | claims).items() if value is not None}
        header = {name: value for name, value in header.items() if value is not None}
        registry = Registry(algorithms=["ES256", "RS256", "HS256"], strict_check_header=False)
        return jwt.encode(header, body, key, registry=registry, default_type=None)

    def headers(self, access: str, method: str, url: str, **claims: Any) -> dict[str, str]:
        """Return the headers of a request with a token that is bound to the key."""
        return {"Authorization": f"DPoP {access}", "DPoP": self.proof(method, url, access, **claims)}
