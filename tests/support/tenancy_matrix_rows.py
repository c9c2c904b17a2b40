"""The tenancy matrix: one row for each operation of the API."""

from typing import Any

from marketplace.kernel.clock import Clock
from tests.support.authorizing import CALLBACK
from tests.support.partner_fixtures import application_json, contract_json
from tests.support.tenancy_matrix import EVERY, Row
from tests.support.tenancy_matrix_world import GRANTING, HOOK
from tests.support.world import offer_json

_READERS = ("operations", "finance", "finance_approver", "auditor")
_MONEY = ("finance", "finance_approver", "auditor")
_OPERATIONS = ("operations",)
_HOUSE = "the OEM's systems are one house: what one sets aside, another may post"
_NOW = Clock().now().isoformat()
_FIRST = {"If-Match": '"1"'}


def _partner(operation: str, right: str = "", **more: Any) -> Row:
    return Row(operation=operation, who="partner", right=right, **more)


def _staff(operation: str, right: tuple[str, ...], **more: Any) -> Row:
    return Row(operation=operation, who="staff", right=right, **more)


def _member(operation: str, **more: Any) -> Row:
    return Row(operation=operation, who="member", **more)


OFFERS = (
    _partner("create_offer", "offers:write", body=offer_json(), own="it becomes the caller's"),
    _partner("list_own_offers", "offers:read", listing=True),
    _partner("get_own_offer", "offers:read", path={"offer_id": "@draft"}),
    _partner("update_offer", "offers:write", path={"offer_id": "@draft"}, body=offer_json(sku="=sku"), headers=_FIRST),
    _partner("set_stock", "offers:write", path={"offer_id": "@offer"}, body={"stock": 90}),
    _partner("upload_codes", "codes:write", path={"offer_id": "@coded"}, body={"codes": ["AB-1234"]}),
    _partner("change_offer_status", "offers:write", path={"offer_id": "@draft", "action": "submit"}),
    _staff("list_offers_for_review", ("operations", "auditor")),
    _staff("get_offer_for_review", ("operations", "auditor"), path={"offer_id": "@draft"}),
    _staff("approve_offer", _OPERATIONS, path={"offer_id": "@approved_offer"}),
    _staff("reject_offer", _OPERATIONS, path={"offer_id": "@rejected_offer"}, body={"reason": "pictures"}),
    _staff("pause_offer", _OPERATIONS, path={"offer_id": "@paused_offer"}, body={"reason": "pictures"}),
    Row(operation="get_offer_image", who="anyone", path={"offer_id": "@offer"}, good=(200, 404)),
)

COUNTER = (
    _partner("verify_voucher", "vouchers:verify", body={"code": "@redemption_code"}),
    _partner("use_voucher", "vouchers:use", body={"code": "@used_code", "reference": "till-2"}),
    _partner("undo_voucher_use", "vouchers:use",
             body={"code": "@undone_code", "reason": "wrong guest", "location_id": "=location"}),
    _partner("list_own_redemptions", "redemptions:read", listing=True),
)  # fmt: skip

OWN_HOUSE = (
    _partner("get_profile", listing=True),
    _partner("rotate_own_secret", EVERY, body={"grace_hours": 24}, own="of the client that asks"),
    _partner("list_locations", listing=True),
    _partner("create_location", "locations:write", own="it becomes the caller's",
             body={"id": "HX-2", "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}),
    _partner("import_locations", "locations:write", own="they become the caller's", headers={"Content-Type": "text/csv"},
             raw="id,name_zh,name_en,city,address\nHX-3,店,Shop,上海,路 1\n".encode()),
    _partner("update_location", "locations:write", path={"location_id": "@own_location"}, body={"city": "苏州"}),
    _partner("list_grants", "staff:manage", listing=True),
    _partner("revoke_grant", "staff:manage", path={"grant_id": "@grant"}, body={"reason": "ended"}),
    _partner("list_staff", "staff:manage", listing=True),
    _partner("invite_staff", "staff:manage", own="they become the caller's",
             body={"email": "new@example.com", "name": "陈", "roles": ["finance"]}),
    _partner("get_staff", "staff:manage", path={"staff_id": "@staff"}),
    _partner("update_staff", "staff:manage", path={"staff_id": "@staff"}, body={"name": "陈一"}, headers=_FIRST),
    _partner("disable_staff", "staff:manage", path={"staff_id": "@disabled_staff"}),
    _partner("end_staff_sessions", "staff:manage", path={"staff_id": "@staff"}),
    _partner("resend_staff_invitation", "staff:manage", path={"staff_id": "@invited_staff"}),
    _partner("get_identity_provider", "staff:manage", listing=True),
    _partner("set_identity_provider", "staff:manage", headers=_FIRST, own="the caller has one",
             body={"issuer": "http://127.0.0.1:9/realm", "client_id": "m", "client_secret": "t"}),
    _partner("delete_identity_provider", "staff:manage", own="the caller has one"),
    Row(operation="get_sandbox", who="sandbox", own="each partner has one: where it leads is said by the credentials"),
    Row(operation="move_sandbox_clock", who="sandbox", body={"days": 1}, own="likewise"),
    Row(operation="create_sandbox_member_token", who="sandbox", body={"member_id": "@sandbox_member"}),
)  # fmt: skip

TOLD = (
    _partner("list_event_types", "events:read", own="what there is, for everybody"),
    _partner("list_events", "events:read", listing=True),
    _partner("create_webhook_endpoint", "webhooks:manage", own="it becomes the caller's",
             body={"url": HOOK, "event_types": ["*"]}),
    _partner("list_webhook_endpoints", "webhooks:manage", listing=True),
    _partner("get_webhook_endpoint", "webhooks:manage", path={"endpoint_id": "@endpoint"}),
    _partner("update_webhook_endpoint", "webhooks:manage", path={"endpoint_id": "@endpoint"}, headers=_FIRST,
             body={"description": "b"}),
    _partner("delete_webhook_endpoint", "webhooks:manage", path={"endpoint_id": "@lost_endpoint"}),
    _partner("list_webhook_deliveries", "webhooks:manage", path={"endpoint_id": "@endpoint"}),
    _partner("rotate_webhook_secret", "webhooks:manage", path={"endpoint_id": "@endpoint"}, body={"grace_hours": 1}),
    _partner("simulate_webhook", "webhooks:manage", path={"endpoint_id": "@endpoint"}, body={"event_type": "voucher.used"}),
    _partner("get_webhook_delivery", "webhooks:manage", path={"delivery_id": "@delivery"}),
    _partner("resend_webhook_delivery", "webhooks:manage", path={"delivery_id": "@delivery"}),
)  # fmt: skip

_HERE = {"partner_id": "@partner_id"}


def _contract(name: str) -> dict[str, str]:
    return {"partner_id": "@partner_id", "contract_id": f"@{name}"}


CONTRACTS = (
    _partner("list_own_contracts", "contracts:read", listing=True),
    _partner("get_own_contract", "contracts:read", path={"contract_id": "@contract"}),
    _partner("compare_own_contract", "contracts:read", path={"contract_id": "@contract"}),
    _partner("sign_own_contract", "contracts:sign", path={"contract_id": "@offered_contract"},
             body={"content_hash": "=offered_hash"}),
    _partner("get_own_point_packs", "contracts:read", listing=True),
    _partner("get_own_payout_account", "statements:read", listing=True),
    _staff("list_partner_contracts", _READERS, path=_HERE),
    _staff("draft_contract", _OPERATIONS, path=_HERE, body=contract_json(starts_on="2091-01-01")),
    _staff("get_partner_contract", _READERS, path=_contract("contract"), crossed="@other_partner"),
    _staff("replace_contract_draft", _OPERATIONS, path=_contract("edited_contract"), crossed="@other_partner", headers=_FIRST,
           body=contract_json(starts_on="2092-01-01", **GRANTING)),
    _staff("compare_partner_contract", _READERS, path=_contract("contract"), crossed="@other_partner"),
    _staff("offer_contract", _OPERATIONS, path=_contract("drafted_contract"), crossed="@other_partner"),
    _staff("withdraw_contract", _OPERATIONS, path=_contract("withdrawn_contract"), crossed="@other_partner",
           body={"reason": "prices"}),
    _staff("sign_contract", _OPERATIONS, path=_contract("signing_contract"), crossed="@other_partner",
           body={"content_hash": "=signing_hash"}),
    _staff("record_paper_signature", _OPERATIONS, path=_contract("papered_contract"), crossed="@other_partner",
           body={"content_hash": "=papered_hash", "signed_by": "王", "signed_on": "2026-01-01", "document_reference": "C"}),
    _staff("end_contract", _OPERATIONS, path=_contract("contract"), crossed="@other_partner",
           body={"ends_on": "2089-01-01", "reason": "sold"}),
    _staff("get_payout_account", _READERS, path=_HERE),
    _staff("set_payout_account", ("finance",), path=_HERE, headers=_FIRST,
           body={"holder": "华夏", "bank": "工商银行", "number": "6222021001112223335", "document_reference": "P-2"}),
    _staff("get_point_packs", _READERS, path=_HERE),
    _staff("record_point_packs", ("finance",), path=_HERE, body={"packs": 1, "reference": "ICBC-2"}),
)  # fmt: skip

_SAID = {"gate": "approve", "title": {"zh-CN": "证", "en": "Proof"}, "help": {"zh-CN": "证", "en": "Proof"},
         "partner_kinds": ["school"]}  # fmt: skip


def _decision(name: str, partner: str, body: Any = None) -> Row:
    return _staff(name, _OPERATIONS, path={"partner_id": f"@{partner}"}, body=body or {"reason": "papers"})


def _applicant(operation: str, **more: Any) -> Row:
    return Row(operation=operation, who="applicant", path={"application_id": "@application"}, **more)


PARTNERS = (
    Row(operation="create_application", who="anyone", body=application_json()),
    _applicant("get_application"),
    _applicant("get_application_checklist"),
    _applicant("attest_requirement", body={"code": "mx_said"}),
    _applicant("resubmit_application", body=application_json(kind="school")),
    _staff("list_partners", _READERS),
    _staff("get_partner", _READERS, path=_HERE),
    _decision("review_application", "applied"),
    _decision("request_application_changes", "taken_up"),
    _decision("approve_application", "approving", {"override": {"reason": "seen on paper"}}),
    _decision("reject_application", "rejecting"),
    _decision("suspend_partner", "suspending"),
    _decision("resume_partner", "resuming"),
    _decision("terminate_partner", "terminating"),
    _staff("get_partner_checklist", _READERS, path={"partner_id": "@application"}),
    _staff("verify_requirement", _OPERATIONS, path={"partner_id": "@taken_up", "code": "mx_seen"},
           body={"reference": "F-1"}),
    _staff("list_requirements", _READERS),
    _staff("create_requirement", _OPERATIONS, body={**_SAID, "code": "mx_new", "kind": "attested"}),
    _staff("update_requirement", _OPERATIONS, path={"code": "@requirement"}, body={**_SAID, "version": 1}),
    _staff("retire_requirement", _OPERATIONS, path={"code": "@requirement"}),
    _staff("list_partner_staff", _READERS, path=_HERE),
    _staff("reset_partner_owner", _OPERATIONS, path={**_HERE, "staff_id": "@owner"}, crossed="@other_partner",
           body={"reason": "lost phone"}),
    # To a company without an owner, whichever of these rows comes first.
    _staff("invite_partner_owner", _OPERATIONS, path={"partner_id": "@other_partner"},
           body={"email": "o@example.com", "name": "王"}),
)  # fmt: skip

_CLIENT = {"name": "pos", "scopes": ["offers:read"]}

CLIENTS = (
    _staff("list_partner_clients", ("operations", "auditor"), path=_HERE),
    _staff("create_partner_client", _OPERATIONS, path=_HERE, body=_CLIENT),
    _staff("list_oem_clients", ("operations", "auditor")),
    _staff("create_oem_client", _OPERATIONS, body={"name": "crm", "scopes": ["points:write"]}),
    _staff("list_integrator_clients", ("operations", "auditor")),
    _staff("create_integrator_client", _OPERATIONS, body={**_CLIENT, "publisher": "通", "redirect_uris": [CALLBACK]}),
    _staff("rotate_client_secret", _OPERATIONS, path={"client_id": "@rotated_client"}, body={"grace_hours": 1}),
    _staff("revoke_client", _OPERATIONS, path={"client_id": "@client_id"}, body={"reason": "lost"}),
    _staff("create_registration_token", _OPERATIONS, body={"partner_id": "=partner_id", "scopes": ["offers:read"]}),
    _staff("rotate_signing_key", _OPERATIONS),
    Row(operation="issue_token", who="client", form={"grant_type": "client_credentials"},
        own="for the client that asks", ignored="RFC 6749 §3.2: parameters that are not known are passed over"),
    Row(operation="introspect_token", who="client", form={"token": "@token"}, hidden=(200,), ignored="RFC 6749 §3.2"),
    Row(operation="revoke_token", who="client", form={"token": "@token"}, hidden=(200,), ignored="RFC 6749 §3.2",
        distinguishable="RFC 7009 §2.1: a client learns that the token is another's; its holder knows that it exists"),
    Row(operation="push_authorization_request", who="client", sender="application", own="for the client that asks",
        form={"response_type": "code", "redirect_uri": CALLBACK, "code_challenge": "a" * 43, "code_challenge_method": "S256",
              "scope": "offers:read"},
        ignored="RFC 6749 §3.1"),
    Row(operation="register_client", who="registration", sender="initial", body={"client_name": "店"}, own="a new one",
        ignored="RFC 7591 §2: metadata that is not known is passed over"),
    Row(operation="get_registered_client", who="registration", sender="registered", path={"client_id": "@registered"},
        hidden=(401,)),
    Row(operation="replace_registered_client", who="registration", sender="changed", path={"client_id": "@changed"},
        body={"client_name": "新店", "client_id": "@changed"}, hidden=(401,), ignored="RFC 7591 §2"),
    Row(operation="delete_registered_client", who="registration", sender="deleted", path={"client_id": "@deleted"},
        hidden=(401,)),
)  # fmt: skip

MEMBERS = (
    _member("get_me", listing=True),
    _member("get_my_points", own="the caller's wallet: amounts without an id"),
    _member("list_my_movements", listing=True),
    _member("give_points", body={"member_id": "=other_member_id", "points": 10}, own="out of the caller's wallet"),
    _member("list_offers", own="the catalogue is for every member"),
    _member("get_offer", path={"offer_id": "=offer"}, own="likewise"),
    _member("quote_redemption", path={"offer_id": "=offer"}, body={"quantity": 1}, own="likewise"),
    _member("create_redemption", body={"offer_id": "=offer", "quantity": 1}, own="out of the caller's wallet"),
    _member("list_my_redemptions", listing=True),
    _member("get_my_redemption", path={"redemption_id": "@redemption"}),
    _member("cancel_redemption", path={"redemption_id": "@redemption"}, body={"reason": ""}),
    _member("list_my_vouchers", listing=True),
    _member("get_my_voucher", path={"voucher_id": "@redemption_voucher"}),
    _member("get_my_voucher_qr", path={"voucher_id": "@redemption_voucher"}),
)

SYSTEMS = (
    Row(operation="credit_earnings", who="oem", right="points:write", own=_HOUSE,
        body={"earnings": [{"reference": "m", "member_id": "=member_id", "points": 5, "kind": "service", "occurred_at": _NOW}]}),
    Row(operation="grant_points", who="oem", right="points:write", own=_HOUSE,
        body={"partner_id": "=partner_id", "reference": "g", "member_id": "=member_id", "points": 5, "occurred_at": _NOW}),
    Row(operation="place_hold", who="oem", right="points:write", own=_HOUSE,
        body={"member_id": "=member_id", "offer_id": "=offer", "reference": "h"}),
    Row(operation="get_hold", who="oem", right="points:write", path={"hold_id": "=hold"}, own=_HOUSE),
    Row(operation="post_hold", who="oem", right="points:write", path={"hold_id": "=posted_hold"}, body={}, own=_HOUSE),
    Row(operation="void_hold", who="oem", right="points:write", path={"hold_id": "=hold"}, body={"reason": ""}, own=_HOUSE),
    Row(operation="upsert_members", who="oem", right="members:write", own=_HOUSE,
        body={"members": [{"subject": "s-9", "name": "赵"}]}),
)  # fmt: skip

_STATEMENT = {"statement_id": "@paid_statement"}

MONEY = (
    _partner("list_own_statements", "statements:read", listing=True),
    _partner("get_own_statement", "statements:read", path=_STATEMENT),
    _partner("list_own_statement_lines", "statements:read", path=_STATEMENT),
    _partner("export_own_statement_csv", "statements:read", path=_STATEMENT),
    _partner("export_own_statement_xlsx", "statements:read", path=_STATEMENT),
    _partner("list_own_payouts", "statements:read", listing=True),
    _staff("list_statements", _MONEY),
    _staff("get_statement", _MONEY, path=_STATEMENT),
    _staff("list_statement_lines", _MONEY, path=_STATEMENT),
    _staff("export_statement_csv", _MONEY, path=_STATEMENT),
    _staff("export_statement_xlsx", _MONEY, path=_STATEMENT),
    _staff("close_period", ("finance",), body={"month": "=month"}),
    _staff("approve_statement", ("finance_approver",), path={"statement_id": "@statement"}),
    _staff("list_payouts", _MONEY),
    _staff("record_payout", ("finance",),
           body={"statement_id": "@owed_statement", "rail": "manual", "reference": "ICBC-43", "paid_on": "=paid_on"}),
    _staff("get_invariants", _READERS),
    _staff("check_invariants", _READERS),
)  # fmt: skip

ANYONE = tuple(
    Row(operation=name, who="anyone", good=(200, 503))
    for name in ("get_oauth_server_metadata", "get_oauth_jwks", "check_liveness", "check_readiness", "get_metrics")
)
"""What says nothing of anybody. `apply` and `offer_image` are among the rows above."""

ROWS = (*OFFERS, *COUNTER, *OWN_HOUSE, *TOLD, *CONTRACTS, *PARTNERS, *CLIENTS, *MEMBERS, *SYSTEMS, *MONEY, *ANYONE)
