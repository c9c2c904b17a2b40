"""What serving may do with this package's tables (marketplace/platform/postgres/rights.py)."""

from collections.abc import Mapping

from marketplace.platform.postgres.rights import ADD, EDIT

TABLES: Mapping[str, str] = {
    "earning": ADD,
    "hold": f"{ADD}, UPDATE (status, ended_at, posted_quantity, redemption_id, reason)",
    "limit_used": f"{ADD}, UPDATE (used)",
    "lot": f"{ADD}, UPDATE (points)",
    "member": EDIT,
    "member_subject": ADD,
    "offer": EDIT,
    "offer_code": f"{ADD}, UPDATE (state, hold_id, bucket, voucher_id)",
    "offer_revision": ADD,
    "offer_sold": f"{ADD}, UPDATE (units)",
    "points_posting": ADD,
    "redemption": f"{ADD}, UPDATE (status, cancelled_at, reason)",
    "stock": f"{ADD}, UPDATE (initial, remaining, held, sold)",
    "voucher": f"{ADD}, UPDATE (status, used_at, location_id, reference, occasion)",
    "wallet": f"{ADD}, UPDATE (balance, held)",
}
