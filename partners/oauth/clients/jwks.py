"""A client's public keys: validated at registration, and stored without other members."""

from typing import Any

from joserfc.jwk import ECKey, KeySet, RSAKey

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.validation.foreign import ALGORITHMS, UnreadableError, import_jwks, reading

ASSERTION_ALGORITHMS = ALGORITHMS
"""The algorithms with which a client may sign its assertions."""

_MAX_KEYS = 5
_MAX_MEMBER = 2048
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 4096
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_KEPT = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


def check_jwks(jwks: dict[str, Any]) -> dict[str, Any]:
    """Return the key set reduced to the members that verification needs.

    Raises InvalidField for no keys or too many, a private key, a weak key or one of another type, a `kid` used twice.
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MAX_KEYS:
        raise InvalidField("jwks.keys", f"须有 1 至 {_MAX_KEYS} 个密钥。", f"must hold 1 to {_MAX_KEYS} keys.")
    checked = [check_key(key, f"jwks.keys[{place}]") for place, key in enumerate(keys)]
    names = [key.get("kid") for key in checked]
    if len(set(names)) != len(names):
        raise InvalidField("jwks.keys", "每个密钥须有不同的 kid。", "must each have a kid of their own.")
    return {"keys": checked}


def key_set(jwks: dict[str, Any]) -> KeySet:
    """Return stored keys as a joserfc key set."""
    return import_jwks({"keys": jwks["keys"]})


def check_key(key: Any, field: str) -> dict[str, Any]:
    """Return a public key reduced to the members that verification needs. Raises InvalidField."""
    if not isinstance(key, dict):
        raise InvalidField(field, "须为 JWK。", "must be a JWK.")
    if _PRIVATE.intersection(key):
        raise InvalidField(
            field,
            "含有私钥部分：请立即更换该密钥，只提交公钥。",
            "holds a private key: replace that key, and send the public part only.",
        )
    kept = {name: key.get(name) for name in _KEPT.get(str(key.get("kty")), ())}
    if not kept or not all(isinstance(value, str) and len(value) <= _MAX_MEMBER for value in kept.values()):
        raise InvalidField(field, "须为 RSA 或 EC P-256 公钥。", "must be a public RSA or EC P-256 key.")
    kid = key.get("kid")
    if kid is not None:
        if not (isinstance(kid, str) and 1 <= len(kid) <= 128 and kid.isascii() and kid.isprintable()):
            raise InvalidField(f"{field}.kid", "须为 1 至 128 个 ASCII 字符。", "must be 1 to 128 ASCII characters.")
        kept["kid"] = kid
    _check_strength(kept, field)
    return kept


def _check_strength(key: dict[str, Any], field: str) -> None:
    weak = InvalidField(
        field,
        f"须为 RS256（{_MIN_RSA_BITS} 至 {_MAX_RSA_BITS} 位）或 ES256（P-256）公钥。",
        f"must be good for RS256 ({_MIN_RSA_BITS} to {_MAX_RSA_BITS} bits) or ES256 (P-256).",
    )
    try:
        with reading("the key"):
            good = _is_strong(key)
    except UnreadableError as error:
        raise weak from error
    if not good:
        raise weak


def import_key(key: dict[str, Any]) -> RSAKey | ECKey:
    """Return a key from `check_key` as a joserfc key."""
    return RSAKey.import_key(key) if key["kty"] == "RSA" else ECKey.import_key(key)


def _is_strong(key: dict[str, Any]) -> bool:
    if key["kty"] != "RSA":
        return key["crv"] == "P-256" and import_key(key) is not None
    # Four base64 letters are three bytes: the length is checked before any arithmetic on the number.
    bits = len(key["n"].rstrip("=")) * 6
    if not _MIN_RSA_BITS <= bits <= _MAX_RSA_BITS + 8:
        return False
    return _MIN_RSA_BITS <= RSAKey.import_key(key).public_key.key_size <= _MAX_RSA_BITS
