"""Pages of a list by opaque signed cursors: `{"data": […], "next_cursor": …}`."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from marketplace.kernel.keyring import KeyRing, Lasting
from marketplace.kernel.refusals import InvalidField

Item = TypeVar("Item")

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="Items of a page at most.")]
"""Number of items per page. (Litestar ignores the bounds of a msgspec.Meta on anything but the body.)"""

CursorText = Annotated[
    str | None, QueryParameter(min_length=1, max_length=1000, description="`next_cursor` of the page before.")
]
"""An empty cursor is refused: a client that derives it from the null at the list's end would start over, endlessly."""

_SIGNATURE_BYTES = 16

KEY = Lasting("cursors", lambda secret_key: hashlib.sha256(b"cursor:" + secret_key.encode()).digest())
"""It survives a rotation of the secret key: a partner may return with its event cursor after weeks."""


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a list; `next_cursor` is null on the last."""

    data: list[Item]
    next_cursor: str | None = None


class Cursors:
    """Creates and reads cursors. The signature prevents forged positions."""

    def __init__(self, ring: KeyRing) -> None:
        """Store the ring, which has the signing key."""
        self._ring = ring

    def make(self, kind: str, position: list[Any]) -> str:
        """Return a cursor for a list of that kind."""
        body = msgspec.json.encode([kind, position])
        return urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def read(self, kind: str, cursor: str) -> list[Any]:
        """Return the position in a cursor of that kind. Raises InvalidField."""
        refusal = InvalidField("cursor", "不是本列表返回的游标。", "is not a cursor of this list.")
        try:
            raw = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
            signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._sign(body)):
                raise refusal
            found_kind, position = msgspec.json.decode(body, type=tuple[str, list[Any]])
        except (ValueError, msgspec.DecodeError) as error:
            raise refusal from error
        if found_kind != kind:
            raise refusal
        return position

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._ring.lasting(KEY), body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
