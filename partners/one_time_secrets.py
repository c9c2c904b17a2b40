"""Answers that hold a secret, which is told once and never lies in the database in the clear."""

import msgspec
from litestar import Response

from marketplace.kernel.keyring import InsideJson, KeyRing
from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.idempotency import Outcome

PURPOSE = InsideJson("secret in a stored answer", ("idempotency.body",))

MOST_OLD_SECRETS = 3
"""Replaced secrets of one client or endpoint that still work, each until the end that was promised for it."""


class TooManySecrets(Refusal):
    """Another rotation would leave more old secrets in use than MOST_OLD_SECRETS; none of them ends before its time."""

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
        """Say how many there may be."""
        super().__init__(most=MOST_OLD_SECRETS)


def seal(ring: KeyRing, secret: str) -> str:
    """Return the secret encrypted, as it stands in a stored answer.

    A replay must give the same answer, with its secret; in the database no credential stands in the clear.
    """
    return ring.encrypt(PURPOSE, secret.encode()).decode()


def unseal(ring: KeyRing, sealed: str) -> str:
    """Return what `seal` sealed."""
    return ring.decrypt(PURPOSE, sealed.encode()).decode()


def reveal(outcome: Outcome, field: str, ring: KeyRing) -> Response[bytes]:
    """Return the answer as HTTP with the sealed field opened, never to be cached on the way."""
    response = outcome.response()
    if outcome.status < 400:
        body = msgspec.json.decode(outcome.body)
        if body.get(field) is not None:
            body[field] = unseal(ring, body[field])
        response.content = msgspec.json.encode(body)
    response.headers["Cache-Control"] = "no-store"
    return response
