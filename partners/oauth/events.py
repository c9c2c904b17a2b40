"""The facts about clients, their credentials, and what people let applications do.

`partner_id` is empty for a system of the OEM and for an integrator: nobody is told by webhook then, but the log knows.
"""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from marketplace.kernel.event import Event


def client_subject(client_id: str) -> UUID:
    """Return the id under which the log keeps a client's facts in order; the client's own is a text."""
    return uuid5(NAMESPACE_URL, f"oauth-client:{client_id}")


class CredentialExpiring(Event, frozen=True, tag="credential.expiring"):
    """A client's secret ends within some days, and no other has taken its place."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    secret_id: UUID
    expires_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class CredentialRotated(Event, frozen=True, tag="credential.rotated"):
    """A client has a new secret; the ones before work until `old_until`, together with it."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    secret_id: UUID
    old_until: datetime
    rotated_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class CredentialRevoked(Event, frozen=True, tag="credential.revoked"):
    """A client was revoked: none of its credentials works any more."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    revoked_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class CredentialReused(Event, frozen=True, tag="credential.reused"):
    """Somebody tried a secret that was revoked or has ended: an old configuration, or somebody who should not have it."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    secret_id: UUID
    reused_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class GrantGiven(Event, frozen=True, tag="grant.given"):
    """A person of the partner let an application act for it."""

    aggregate = "oauth_grant"

    partner_id: UUID
    grant_id: UUID
    client_id: str
    scopes: list[str]
    given_at: datetime

    def subject(self) -> UUID:
        """The grant."""
        return self.grant_id


class GrantRevoked(Event, frozen=True, tag="grant.revoked"):
    """An application may act no longer: by a person's wish, its own, or since a code or refresh token was used twice."""

    aggregate = "oauth_grant"

    partner_id: UUID
    grant_id: UUID
    client_id: str
    reason: str
    revoked_at: datetime

    def subject(self) -> UUID:
        """The grant."""
        return self.grant_id
