"""Responses with a secret, which is shown once and never stored in plain text."""

import msgspec
from litestar import Response

from marketplace.kernel.keyring import InsideJson, KeyRing
from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.idempotency import Outcome

PURPOSE = InsideJson("secret in a stored answer", ("idempotency.body",))

MOST_OLD_SECRETS = 3
"""The maximum number of replaced secrets of one client or endpoint that are still valid, each until its promised expiry."""


class TooManySecrets(Refusal):
    """Another rotation would leave more than MOST_OLD_SECRETS old secrets valid. None is ended before its promised expiry."""

    code = "too_many_secrets"
    zh = "已有 {most} 个旧密钥仍在过渡期内；请等待其结束，或以 grace_hours 0 立即全部作废。"
    en = "There are {most} old secrets in their grace already; wait for their end, or end them all with grace_hours 0."
    explanation = Explanation(
        Text(
            "仍在过渡期内的旧密钥已达上限。", "The number of old secrets in their grace period has reached its limit."
        ),
        Text(
            "请等待其结束，或以 grace_hours 0 立即全部作废。", "Wait for their end, or end them all with grace_hours 0."
        ),
    )

    def __init__(self) -> None:
        """Set how many are allowed."""
        super().__init__(most=MOST_OLD_SECRETS)


def seal(ring: KeyRing, secret: str) -> str:
    """Return the secret encrypted, for a stored response.

    A replay must return the same response with its secret, and the database must not hold a credential in plain text.
    """
    return ring.encrypt(PURPOSE, secret.encode()).decode()


def unseal(ring: KeyRing, sealed: str) -> str:
    """Return the secret that `seal` encrypted."""
    return ring.decrypt(PURPOSE, sealed.encode()).decode()


def reveal(outcome: Outcome, field: str, ring: KeyRing) -> Response[bytes]:
    """Return the HTTP response with the sealed field decrypted, and with `Cache-Control: no-store`."""
    response = outcome.response()
    if outcome.status < 400:
        body = msgspec.json.decode(outcome.body)
        if body.get(field) is not None:
            body[field] = unseal(ring, body[field])
        response.content = msgspec.json.encode(body)
    response.headers["Cache-Control"] = "no-store"
    return response
