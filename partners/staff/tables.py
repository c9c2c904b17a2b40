"""A partner's people, their invitations, sessions and locations."""

from piccolo.columns import UUID, Array, BigInt, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class PartnerStaffRow(Table, db=DB, tablename="partner_staff"):
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

    partner_staff_partner = References([partner_id], "partner", ["id"])
    partner_staff_lower = Check("email = lower(email)")
    partner_staff_roles = Check(
        "cardinality(roles) > 0 AND roles <@ ARRAY['owner', 'developer', 'marketer', 'finance', 'counter']"
    )
    partner_staff_status = Check("status IN ('invited', 'active', 'disabled')")
    partner_staff_version = Check("version > 0")
    partner_staff_email = Unique([partner_id, email])
    partner_staff_of = Unique(["id", "partner_id"])
    partner_staff_subject = Unique([partner_id, provider_subject])
    partner_staff_proof = Check(
        "(password_hash IS NULL) = (totp_sealed IS NULL) AND (status <> 'active' OR (password_hash IS NULL) <> "
        "(provider_subject IS NULL)) AND (status = 'active' OR (password_hash IS NULL AND provider_subject IS "
        "NULL))"
    )


class PartnerStaffLocationRow(Table, db=DB, tablename="partner_staff_location"):
    """A location at which a person works; a person without any works at all of them."""

    staff_id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    location_id = Text(primary_key=True, null=False, default=None)

    partner_staff_location_place = References(
        [partner_id, location_id], "partner_location", ["partner_id", "id"], cascade=True
    )
    partner_staff_location_staff = References(
        [staff_id, partner_id], "partner_staff", ["id", "partner_id"], cascade=True
    )


class PartnerStaffInvitationRow(Table, db=DB, tablename="partner_staff_invitation"):
    """A one-time link: to accept an invitation, or for a new password. The link holds the token."""

    token_hash = Bytea(primary_key=True, null=False, default=None)
    staff_id = UUID(null=False, default=None)
    purpose = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
    mail_id = UUID(null=True, default=None)
    """The message with the link; messages are deleted some time after they were sent."""

    partner_staff_invitation_staff = References([staff_id], "partner_staff", ["id"], cascade=True)
    partner_staff_invitation_purpose = Check("purpose IN ('join', 'password')")


class PartnerStaffSessionRow(Table, db=DB, tablename="partner_staff_session"):
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

    partner_staff_session_token = Unique([token_hash])
    partner_staff_session_staff = References([staff_id], "partner_staff", ["id"], cascade=True)


class PartnerStaffGuessRow(Table, db=DB, tablename="partner_staff_guess"):
    """A counter of guesses in a window: for an e-mail address, a person's second factor, an internet address."""

    key = Bytea(primary_key=True, null=False, default=None)
    since = Timestamptz(null=False, default=None)
    tries = Integer(null=False, default=None)

    partner_staff_guess_tries = Check("tries > 0")


class PartnerIdentityProviderRow(Table, db=DB, tablename="partner_identity_provider"):
    """A partner's own OpenID Connect provider, by which its people sign in."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    issuer = Text(null=False, default=None)
    client_id = Text(null=False, default=None)
    secret_sealed = Bytea(null=False, default=None)
    version = BigInt(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    changed_by = Text(null=False, default=None)

    partner_identity_provider_partner = References([partner_id], "partner", ["id"])
    partner_identity_provider_version = Check("version > 0")
