"""Assertions and access tokens that nobody issued, under the names of the OpenID conformance suite's modules where it has one.

Each: the right error, nothing issued, no call to anywhere.
"""

import asyncio
import base64
import hmac
import json
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from marketplace.platform.services import PlatformServices
from partners.services import PartnersServices
from tests.support import today
from tests.support.app import Api
from tests.support.authorizing import (
    Pkce,
    code_for,
    exchange,
    integrator,
)
from tests.support.dpop import BASE, Registry
from tests.support.oauth import GRANT, SIGNING_KEY, ask, basic, jwks
from tests.support.partners import active_partner, bearer, partner_client, token
from tests.support.people import People

pytestmark = pytest.mark.usefixtures("nothing_out")
PROFILE = "/v1/partner/profile"


# --- client assertions


def _by_hand(header: Any, claims: Any, how: Any = b"") -> str:
    """Return a token that no library would make: signed by an RSA key, by a text as if it were a secret, or by nothing."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = how
    if isinstance(how, RSAKey):
        signature = how.private_key.sign(b".".join(parts), PKCS1v15(), SHA256())
    elif how:
        signature = hmac.digest(how, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_ensure_invalid_client_assertions_fail(api: Api) -> None:
    client = await partner_client(api, await active_partner(api), auth_method="private_key_jwt", jwks=jwks(SIGNING_KEY))
    now, own = int(today.now().timestamp()), RSAKey.generate_key(2048, {"kid": "k1"})
    good = {
        "iss": client["client_id"], "sub": client["client_id"], "aud": client["issuer"], "jti": uuid4().hex, "exp": now + 60,
    }  # fmt: skip
    registry = Registry(algorithms=["RS256"], strict_check_header=False)

    def signed(key: Any = SIGNING_KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
        body = good | {"jti": uuid4().hex} | claims
        return jwt.encode({"alg": "RS256", "kid": "k1"} | (header or {}), body, key, registry=registry)

    general = jws.serialize_json(
        [{"protected": {"alg": "RS256"}, "header": {"kid": "k1"}}], json.dumps(good), KeySet([SIGNING_KEY])
    )
    table = {
        "alg none": _by_hand({"alg": "none"}, good),
        "alg None": _by_hand({"alg": "None"}, good, b"x"),
        "no alg": _by_hand({"kid": "k1"}, good, b"x"),
        "empty signature list": json.dumps(dict(general) | {"signatures": []}),
        "json serialization": json.dumps(general),
        "jwk in the header": signed(own, {"jwk": own.as_dict(private=False)}),
        "jwk in a good header": signed(header={"jwk": own.as_dict(private=False)}),
        "jku": signed(own, {"jku": "https://evil.example/jwks.json"}),
        "jku in a good header": signed(header={"jku": "https://evil.example/jwks.json"}),
        "x5u": signed(own, {"x5u": "https://evil.example/cert.pem"}),
        "x5u in a good header": signed(header={"x5u": "https://evil.example/cert.pem"}),
        "kid is a path": signed(own, {"kid": "../../../../dev/null"}),
        "kid is SQL": signed(own, {"kid": "' OR 1=1 --"}),
        "kid is an address": signed(own, {"kid": "https://evil.example/k1"}),
        "crit": _by_hand({"alg": "RS256", "kid": "k1", "crit": ["exp"], "exp": 1}, good, SIGNING_KEY),
        "iss in a list": signed(iss=[client["client_id"]]),
        "sub in a list": signed(sub=[client["client_id"]]),
        "aud in a list": signed(aud=[client["issuer"]]),
        "aud in a list with another": signed(aud=[client["issuer"], "https://evil.example"]),
        "aud of another server": signed(aud="https://evil.example"),
        "aud is the token endpoint": signed(aud=client["token_endpoint"]),
        "long life": signed(exp=now + 3600),
        "five minutes past": signed(exp=now - 300),
    }
    for name, assertion in table.items():
        form = GRANT | {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        answered = await ask(api, form)
        assert answered.status_code in {400, 401}, (name, answered.text)
        assert answered.json()["error"] in {"invalid_client", "invalid_request"}, (name, answered.text)
        assert "access_token" not in answered.text
    replayed = GRANT | {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": signed(),
    }  # fmt: skip
    answers = await asyncio.gather(*[ask(api, replayed) for _ in range(10)])
    assert sorted(each.status_code for each in answers) == [200] + [401] * 9


# --- access tokens


async def test_tokens_that_are_not_access_tokens_of_ours(api: Api, people: People) -> None:
    await people.join(partner_id := await active_partner(api))
    client = await partner_client(api, partner_id)
    good = await token(api, client)
    signing = await PartnersServices.of(api.app).oauth.signing.current(PlatformServices.of(api.app).clock.now())
    (ours,) = signing.key.keys
    claims = jwt.decode(good, signing.key).claims
    own = ECKey.generate_key("P-256", {"kid": ours.kid})
    public = ours.as_dict(private=False)
    registry = Registry(algorithms=["ES256", "HS256", "RS256"], strict_check_header=False)

    def signed(key: Any = ours, header: dict[str, Any] | None = None, **changes: Any) -> str:
        head = {"alg": "ES256", "typ": "at+jwt", "kid": ours.kid} | (header or {})
        body = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, body, key, registry=registry, default_type=None)

    general = jws.serialize_json([{"protected": {"alg": "ES256", "typ": "at+jwt"}}], json.dumps(claims), ours)
    table = {
        "alg none": _by_hand({"alg": "none", "typ": "at+jwt"}, claims),
        "key confusion": _by_hand(
            {"alg": "HS256", "typ": "at+jwt", "kid": ours.kid}, claims, ours.as_pem(private=False)
        ),
        "another key": signed(own),
        "jwk": signed(own, {"jwk": own.as_dict(private=False)}),
        "jwk and our kid": signed(own, {"jwk": public}),
        "jku": signed(own, {"jku": "https://evil.example/jwks.json"}),
        "x5u": signed(own, {"x5u": "https://evil.example/x"}),
        "kid is a path": signed(own, {"kid": "../../etc/passwd"}),
        "unknown kid": signed(own, {"kid": "x"}),
        "empty signature list": json.dumps(dict(general) | {"signatures": []}).replace(" ", ""),
        "no typ": signed(header={"typ": None}),
        "ID token": signed(header={"typ": "JWT"}),
        "logout token": signed(header={"typ": "logout+jwt"}),
        "DPoP proof": signed(header={"typ": "dpop+jwt"}),
        "iss in a list": signed(iss=[claims["iss"]]),
        "another iss": signed(iss="https://evil.example"),
        "no iss": signed(iss=None),
        "aud in a list": signed(aud=[claims["aud"]]),
        "aud with another": signed(aud=[claims["aud"], "https://evil.example"]),
        "another audience": signed(aud=f"{BASE}/v1/points"),
        "aud is the issuer": signed(aud=claims["iss"]),
        "no aud": signed(aud=None),
        "expired": signed(exp=int(today.now().timestamp()) - 1),
        "no exp": signed(exp=None),
        "not yet": signed(nbf=int(today.now().timestamp()) + 3600),
        "sub in a list": signed(sub=[claims["sub"]]),
        "no sub": signed(sub=None),
        "cut": good[:-5],
        "changed": good[: good.rindex(".")] + "." + "A" * 86,
        "twice": f"{good}.{good}",
        "unknown grant": signed(grant=str(uuid4())),
        "grant is no id": signed(grant="x"),
    }
    assert (await api.get(PROFILE, headers=bearer(signed()))).status_code == 200
    for name, access in table.items():
        answered = await api.get(PROFILE, headers=bearer(access))
        assert answered.status_code == 401, (name, answered.status_code, answered.text)
        assert answered.headers["WWW-Authenticate"].startswith("Bearer"), name
        response = await api.post(
            "/oauth/introspect",
            data={"token": access},
            headers={"Authorization": basic(client["client_id"], client["client_secret"])},
        )
        # A token that begins later than now is for a resource to refuse: we issue none.
        assert response.json().get("active", False) is (name == "not yet"), (name, response.text)


async def test_a_refresh_token_or_code_is_no_access_token(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    given = (await exchange(api, client, code, pkce)).json()
    for credential in (code, given["refresh_token"], client["client_secret"]):
        assert (await api.get(PROFILE, headers=bearer(credential))).status_code == 401
    for path in ("/v1/points/earnings", "/v1/admin/partners", "/v1/me"):
        answered = await api.get(path, headers=bearer(given["access_token"]))
        assert answered.status_code in {401, 404, 405}, path
    leaked = await api.get(f"{PROFILE}?access_token={given['access_token']}")
    assert leaked.status_code == 401  # tokens in addresses end up in logs (RFC 9700 §4.3.2)
