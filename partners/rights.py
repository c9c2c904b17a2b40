"""The rights of the serving role on this package's tables (marketplace/platform/postgres/rights.py)."""

from collections.abc import Mapping

from marketplace.platform.postgres.rights import ADD, ALL, EDIT, EXPIRING

TABLES: Mapping[str, str] = {
    "contract": EDIT,
    "contract_signature": ADD,
    "member_reference_key": ADD,
    "oauth_assertion": EXPIRING,
    "oauth_client": EDIT,
    "oauth_client_location": ADD,
    "oauth_code": f"{EXPIRING}, UPDATE (used_at)",
    "oauth_dpop_proof": EXPIRING,
    "oauth_grant": f"{EXPIRING}, UPDATE (jkt, used_at, revoked_at, revoked_for)",
    "oauth_initial_token": f"{EXPIRING}, UPDATE (uses_left)",
    "oauth_pushed_request": f"{EXPIRING}, UPDATE (used_at)",
    "oauth_refresh_token": f"{EXPIRING}, UPDATE (rotated_at, successor, asked, answer_sealed)",
    "oauth_revoked_token": EXPIRING,
    "oauth_secret": f"{EXPIRING}, UPDATE (expires_at, successor, revoked_at, warned_at, reused_at)",
    # A key itself never changes; only its retirement is written.
    "oauth_signing_key": f"{ADD}, UPDATE (retired_at)",
    "partner": EDIT,
    "partner_event": EXPIRING,
    "partner_event_number": f"{ADD}, UPDATE (last)",
    "partner_history": ADD,
    "partner_identity_provider": ALL,
    "partner_location": EDIT,
    "partner_staff": EDIT,
    "partner_staff_guess": ALL,
    "partner_staff_invitation": f"{EXPIRING}, UPDATE (used_at)",
    "partner_staff_location": EXPIRING,
    "partner_staff_session": f"{EXPIRING}, UPDATE (ended_at, seen_at)",
    "payout_account": ALL,
    "point_pack": f"{ADD}, UPDATE (bought, granted, balance, warned)",
    "point_pack_entry": ADD,
    "requirement": EDIT,
    "requirement_answer": ALL,
    "webhook_attempt": ADD,
    "webhook_delivery": ALL,
    "webhook_endpoint": ALL,
    "webhook_old_keys": EXPIRING,
}
