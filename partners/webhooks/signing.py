"""An endpoint's keys, sealed at rest, and the headers of a message."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.kernel.keyring import KeyRing, Purpose
from partners.webhooks.domain import shown_secret, signature_v1, signed_content

PURPOSE = Purpose("webhook endpoint keys", ("webhook_endpoint.keys_sealed", "webhook_old_keys.keys_sealed"))
_BYTES = 32


class Keys(msgspec.Struct, frozen=True):
    """The signing keys of an endpoint: a shared secret (v1), and the seed of an Ed25519 key (v1a)."""

    secret: bytes
    seed: bytes

    @property
    def shown(self) -> str:
        """The shared secret in the form shown to the partner, once."""
        return shown_secret(self.secret)

    @property
    def public_key(self) -> str:
        """The public key, which verifies v1a."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return "whpk_" + base64.b64encode(public).decode()

    def signatures(self, content: bytes) -> str:
        """Return both signatures of the content."""
        asymmetric = Ed25519PrivateKey.from_private_bytes(self.seed).sign(content)
        return f"{signature_v1(self.secret, content)} v1a,{base64.b64encode(asymmetric).decode()}"


def new_keys() -> Keys:
    return Keys(secrets.token_bytes(_BYTES), secrets.token_bytes(_BYTES))


def seal_keys(ring: KeyRing, keys: Keys) -> bytes:
    """Return the keys encrypted, as they are stored."""
    return ring.encrypt(PURPOSE, msgspec.json.encode(keys))


def open_keys(ring: KeyRing, sealed: bytes) -> Keys:
    """Decrypt stored keys. Raises WrongSecretError."""
    return msgspec.json.decode(ring.decrypt(PURPOSE, sealed), type=Keys)


def message_headers(message_id: str, at: datetime, body: bytes, keys: Sequence[Keys]) -> dict[str, str]:
    """Return the headers of Standard Webhooks; during a rotation the message is signed with all valid keys."""
    content = signed_content(message_id, at, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(each.signatures(content) for each in keys),
    }
