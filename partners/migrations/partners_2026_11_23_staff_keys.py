"""Keys, references, checks and indexes of the tables of partners' people."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T05:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "partners' people: keys, references, checks"

_ROLES = "ARRAY['owner', 'developer', 'marketer', 'finance', 'counter']"

STATEMENTS = [
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_email UNIQUE (partner_id, email)",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_subject UNIQUE (partner_id, provider_subject)",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_lower CHECK (email = lower(email))",
    f"ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_roles CHECK (cardinality(roles) > 0 AND roles <@ {_ROLES})",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_status CHECK (status IN ('invited', 'active', 'disabled'))",
    # Who is active can prove who they are in exactly one way: password and second factor, or the company's provider.
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_proof CHECK ((password_hash IS NULL) = (totp_sealed IS NULL)"
    " AND (status <> 'active' OR (password_hash IS NULL) <> (provider_subject IS NULL))"
    " AND (status = 'active' OR (password_hash IS NULL AND provider_subject IS NULL)))",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_version CHECK (version > 0)",
    "CREATE INDEX partner_staff_by_email ON partner_staff (email)",
    "ALTER TABLE partner_staff_location DROP CONSTRAINT partner_staff_location_pkey, ADD PRIMARY KEY (staff_id, location_id)",
    "ALTER TABLE partner_staff ADD CONSTRAINT partner_staff_of UNIQUE (id, partner_id)",
    # Both references carry the partner: nobody can be given another partner's location.
    "ALTER TABLE partner_staff_location ADD CONSTRAINT partner_staff_location_staff FOREIGN KEY (staff_id, partner_id)"
    " REFERENCES partner_staff (id, partner_id) ON DELETE CASCADE",
    "ALTER TABLE partner_staff_location ADD CONSTRAINT partner_staff_location_place FOREIGN KEY (partner_id, location_id)"
    " REFERENCES partner_location (partner_id, id) ON DELETE CASCADE",
    "ALTER TABLE partner_staff_invitation ADD CONSTRAINT partner_staff_invitation_staff FOREIGN KEY (staff_id)"
    " REFERENCES partner_staff (id) ON DELETE CASCADE",
    "ALTER TABLE partner_staff_invitation ADD CONSTRAINT partner_staff_invitation_purpose"
    " CHECK (purpose IN ('join', 'password'))",
    "CREATE INDEX partner_staff_invitation_by_staff ON partner_staff_invitation (staff_id)",
    "ALTER TABLE partner_staff_session ADD CONSTRAINT partner_staff_session_token UNIQUE (token_hash)",
    "ALTER TABLE partner_staff_session ADD CONSTRAINT partner_staff_session_staff FOREIGN KEY (staff_id)"
    " REFERENCES partner_staff (id) ON DELETE CASCADE",
    "CREATE INDEX partner_staff_session_by_staff ON partner_staff_session (staff_id) WHERE ended_at IS NULL",
    "CREATE INDEX partner_staff_session_expires_at ON partner_staff_session (expires_at)",
    "ALTER TABLE partner_staff_guess ADD CONSTRAINT partner_staff_guess_tries CHECK (tries > 0)",
    "ALTER TABLE partner_identity_provider ADD CONSTRAINT partner_identity_provider_partner FOREIGN KEY (partner_id)"
    " REFERENCES partner (id)",
    "ALTER TABLE partner_identity_provider ADD CONSTRAINT partner_identity_provider_version CHECK (version > 0)",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
