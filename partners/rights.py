"""The rights of the serving role on this package's tables (marketplace/platform/postgres/rights.py)."""

from collections.abc import Mapping

from marketplace.platform.postgres.rights import ADD, ALL, EDIT, SWEPT

TABLES: Mapping[str, str] = {
    "contract": EDIT,
    "contract_signature": ADD,
    "member_reference_key": ADD,
    "oauth_assertion": SWEPT,
    "oauth_client": EDIT,
    "oauth_client_location": ADD,
    "oauth_code": f"{SWEPT}, UPDATE (used_at)",
    "oauth_dpop_proof": SWEPT,
    "oauth_grant": f"{SWEPT}, UPDATE (jkt, used_at, revoked_at, revoked_for)",
    "oauth_initial_token": f"{SWEPT}, UPDATE (uses_left)",
    "oauth_pushed_request": f"{SWEPT}, UPDATE (used_at)",
    "oauth_refresh_token": f"{SWEPT}, UPDATE (rotated_at, successor, asked, answer_sealed)",
    "oauth_revoked_token": SWEPT,
    "oauth_secret": f"{SWEPT}, UPDATE (expires_at, successor, revoked_at, warned_at, reused_at)",
    # A key itself never changes; only its retirement is written.
    "oauth_signing_key": f"{ADD}, UPDATE (retired_at)",
    "partner": EDIT,
    "partner_event": SWEPT,
    "partner_event_number": f"{ADD}, UPDATE (last)",
    "partner_history": ADD,
    "partner_identity_provider": ALL,
    "partner_location": EDIT,
    "partner_staff": EDIT,
    "partner_staff_guess": ALL,
    "partner_staff_invitation": f"{SWEPT}, UPDATE (used_at)",
    "partner_staff_location": SWEPT,
    "partner_staff_session": f"{SWEPT}, UPDATE (ended_at, seen_at)",
    "payout_account": ALL,
    "point_pack": f"{ADD}, UPDATE (bought, granted, balance, warned)",
    "point_pack_entry": ADD,
    "requirement": EDIT,
    "requirement_answer": ALL,
    "webhook_attempt": ADD,
    "webhook_delivery": ALL,
    "webhook_endpoint": ALL,
    "webhook_old_keys": SWEPT,
}
