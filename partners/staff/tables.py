"""A partner's people, their invitations, sessions and places. Keys and checks stand in the migration that follows."""

from piccolo.columns import UUID, Array, BigInt, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class PartnerStaff(Table, db=DB):
    """A person who works for a partner. `email` is in lower case; one address may belong to people of several partners."""

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    email = Text(null=False, default=None)
    name = Text(null=False, default=None)
    roles = Array(base_column=Text(), null=False, default=None)
    status = Text(null=False, default=None)
    version = BigInt(null=False, default=None)
    password_hash = Text(null=True, default=None)
    totp_sealed = Bytea(null=True, default=None)
    totp_step = BigInt(null=False, default=0)
    recovery_hashes = Array(base_column=Text(), null=False, default=list)
    provider_subject = Text(null=True, default=None)
    demo = Boolean(null=False, default=False)
    created_at = Timestamptz(null=False, default=None)
    created_by = Text(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class PartnerStaffLocation(Table, db=DB):
    """That a person works at a location; somebody without any works at all of them."""

    staff_id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    location_id = Text(null=False, default=None)


class PartnerStaffInvitation(Table, db=DB):
    """A link that was sent to a person, good once: to join, or for a new password. The link holds the token."""

    token_hash = Bytea(primary_key=True, null=False, default=None)
    staff_id = UUID(null=False, default=None)
    purpose = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
    mail_id = UUID(null=True, default=None)
    """The message with the link; messages are forgotten some time after they ended."""


class PartnerStaffSession(Table, db=DB):
    """A signed-in browser of a partner's person. The cookie holds the token."""

    id = UUID(primary_key=True, null=False, default=None)
    token_hash = Bytea(null=False, default=None)
    staff_id = UUID(null=False, default=None)
    csrf = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    seen_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    ended_at = Timestamptz(null=True, default=None)
    ip = Text(null=False, default=None)
    user_agent = Text(null=False, default=None)


class PartnerStaffGuess(Table, db=DB):
    """How often something was guessed lately: for an e-mail address, a person's second factor, an internet address."""

    key = Bytea(primary_key=True, null=False, default=None)
    since = Timestamptz(null=False, default=None)
    tries = Integer(null=False, default=None)


class PartnerIdentityProvider(Table, db=DB):
    """A partner's own OpenID Connect provider, by which its people sign in."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    issuer = Text(null=False, default=None)
    client_id = Text(null=False, default=None)
    secret_sealed = Bytea(null=False, default=None)
    version = BigInt(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    changed_by = Text(null=False, default=None)
