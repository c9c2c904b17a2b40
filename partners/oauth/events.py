"""Events about clients, their credentials, and grants.

`partner_id` is empty for a system of the OEM and for an integrator: such an event is logged, but no webhook is sent.
"""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from marketplace.kernel.event import Event


def client_subject(client_id: str) -> UUID:
    """Return the id by which the log orders a client's events; the client's own id is a text."""
    return uuid5(NAMESPACE_URL, f"oauth-client:{client_id}")


class CredentialExpiring(Event, frozen=True, tag="credential.expiring"):
    """A client's secret expires within days and has no successor."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    secret_id: UUID
    expires_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class CredentialRotated(Event, frozen=True, tag="credential.rotated"):
    """A client has a new secret; the previous ones stay valid until `old_until`."""

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
    """A client was revoked: none of its credentials is valid any more."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    revoked_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class CredentialReused(Event, frozen=True, tag="credential.reused"):
    """A revoked or expired secret was used: by an old configuration, or by somebody who should not have it."""

    aggregate = "oauth_client"

    partner_id: UUID | None
    client_id: str
    secret_id: UUID
    reused_at: datetime

    def subject(self) -> UUID:
        """The client."""
        return client_subject(self.client_id)


class GrantGiven(Event, frozen=True, tag="grant.given"):
    """A person of the partner allowed an application to act for it."""

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
    """A grant was revoked: by a person, by the application, or because a code or refresh token was used twice."""

    aggregate = "oauth_grant"

    partner_id: UUID
    grant_id: UUID
    client_id: str
    reason: str
    revoked_at: datetime

    def subject(self) -> UUID:
        """The grant."""
        return self.grant_id
