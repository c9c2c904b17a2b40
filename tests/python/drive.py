"""The main job through a generated client, in a process of its own: `drive.py sell`, then `drive.py settle`.

It reads its job as JSON from standard input and tells what it saw as JSON. The client lies beside the working folder as `client`.
"""

import json
import sys
from uuid import UUID, uuid4

from client import AuthenticatedClient
from client.api.finance import approve_statement, close_period, get_statement, record_payout
from client.api.members import create_redemption, get_me, list_offers, quote_redemption
from client.api.operations import approve_offer
from client.api.partner import change_offer_status, create_offer, list_own_statement_lines, use_voucher, verify_voucher
from client.api.points import credit_earnings, upsert_members
from client.models import (
    ChangeOfferStatusAction,
    EarningsInput,
    MembersInput,
    OfferInput,
    PayoutInput,
    PayoutView,
    PeriodCloseInput,
    QuoteInput,
    RedemptionInput,
    VoucherUseInput,
    VoucherVerifyInput,
)


def sell(job: dict, clients: dict[str, AuthenticatedClient]) -> dict:
    """Register an offer, have it approved, credit points, redeem, verify and use."""
    partner, oem, member = clients["partner"], clients["oem"], clients["member"]
    offer = create_offer.sync(client=partner, body=OfferInput.from_dict(job["offer"]), idempotency_key=uuid4().hex)
    change_offer_status.sync(offer.id, ChangeOfferStatusAction.SUBMIT, client=partner, idempotency_key=uuid4().hex)
    live = approve_offer.sync(offer.id, client=clients["operations"], idempotency_key=uuid4().hex)
    members = upsert_members.sync(client=oem, body=MembersInput.from_dict(job["members"]), idempotency_key=uuid4().hex)
    earning = job["earning"] | {"member_id": str(members.results[0].member_id)}
    credited = credit_earnings.sync(client=oem, body=EarningsInput.from_dict({"earnings": [earning]}))
    found = list_offers.sync(client=member, q="hanting")
    quote = quote_redemption.sync(offer.id, client=member, body=QuoteInput(quantity=2))
    wanted = RedemptionInput(offer_id=offer.id, quantity=2)
    redemption = create_redemption.sync(client=member, body=wanted, idempotency_key=uuid4().hex)
    code = redemption.voucher.code
    seen = verify_voucher.sync(client=partner, body=VoucherVerifyInput(code=code))
    used = use_voucher.sync(
        client=partner,
        body=VoucherUseInput(code=code, reference="stay-1", use_token=seen.use_token),
        idempotency_key=uuid4().hex,
    )
    again = use_voucher.sync(
        client=partner, body=VoucherUseInput(code=code, reference="stay-2"), idempotency_key=uuid4().hex
    )
    return {
        "live": live.status,
        "credited": credited.results[0].status,
        "found": [str(one.id) for one in found.data] == [str(offer.id)],
        "eligible": quote.eligible,
        "points": redemption.points,
        "used": used.status,
        "again": [again.status, again.code],
        "balance": get_me.sync(client=member).points.balance,
    }


def settle(job: dict, clients: dict[str, AuthenticatedClient]) -> dict:
    """Close the month, approve by another, pay, and read the line as the partner."""
    finance = clients["finance"]
    closed = close_period.sync(client=finance, body=PeriodCloseInput(month=job["month"]), idempotency_key=uuid4().hex)
    (statement,) = [one for one in closed.statements if one.partner_id == UUID(job["partner_id"])]
    approved = approve_statement.sync(statement.id, client=clients["approver"], idempotency_key=uuid4().hex)
    payout = job["payout"] | {"statement_id": str(statement.id)}
    paid = record_payout.sync(client=finance, body=PayoutInput.from_dict(payout), idempotency_key=uuid4().hex)
    assert isinstance(paid, PayoutView), paid
    lines = list_own_statement_lines.sync(statement.id, client=clients["partner"])
    return {
        "total": statement.total_minor,
        "approved": approved.status,
        "paid": paid.amount.amount,
        "status": get_statement.sync(statement.id, client=finance).status,
        "lines": [line.amount_minor for line in lines.data],
    }


def main() -> None:
    """Do the step that the command line names."""
    job = json.load(sys.stdin)
    clients = {
        name: AuthenticatedClient(base_url=job["base_url"], token=token, raise_on_unexpected_status=True)
        for name, token in job["tokens"].items()
    }
    json.dump({"sell": sell, "settle": settle}[sys.argv[1]](job, clients), sys.stdout)


main()
