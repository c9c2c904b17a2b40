"""WWW-Authenticate: how to authenticate, and what was wrong with the token (RFC 6750 §3, RFC 9449 §7.1)."""

REALM = 'realm="marketplace"'
BEARER = f"Bearer {REALM}"
"""For a request without a token: no error code, as RFC 6750 §3.1 requires."""

_DPOP_ALGORITHMS = 'algs="ES256 RS256"'


def refused_token(error: str, authorization: str = "", scope: str = "") -> str:
    """Return the challenge for a refused token of the Authorization header.

    `error` is from RFC 6750 §3.1 or RFC 9449 §7.1; `scope` is what the token would need.
    """
    by_proof = authorization[:5].lower() == "dpop " or error == "invalid_dpop_proof"
    parts = [REALM, f'error="{error}"']
    if scope:
        parts.append(f'scope="{scope}"')
    if by_proof:
        parts.append(_DPOP_ALGORITHMS)
    return f"{'DPoP' if by_proof else 'Bearer'} {', '.join(parts)}"
