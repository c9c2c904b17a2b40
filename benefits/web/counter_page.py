"""The counter in the partner portal: a code is looked at, taken with a reference, and given back if the hand slipped.

It calls the desk as the API does, in the name of the signed-in person: the same rights, the same locations, the same answers.
"""

from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency

from benefits.redemptions.counter_batch import counter_desk, get_use
from benefits.redemptions.counter_commands import UndoUse, Use, Verify
from benefits.redemptions.schemas import (
    UndoneUse,
    UsedVoucher,
    VerifiedVoucher,
    VoucherUndoInput,
    VoucherUseInput,
    VoucherVerifyInput,
)
from benefits.web.counter_location import Where, choose, choose_place, place_form, where
from marketplace.kernel.refusals import Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.idempotency import Outcome, request_key
from marketplace.platform.services import PlatformServices
from marketplace.web.forms import PageRequest, refusal_message, typed, typed_field, wire
from marketplace.web.language import page_language
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.oauth.access.callers import PartnerCaller
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page, portal_router

_LOOK, _TAKE = "vouchers:verify", "vouchers:use"

PLACE = NavItem(
    path="/partner/counter",
    icon="scan",
    name=Text("核销", "Counter"),
    about=Text("输入或扫描券码，核销，撤销", "Type or scan a code, take the voucher, undo"),
    rank=10,
    scope=_TAKE,
)

REASONS: tuple[Text, ...] = (
    Text("扫错了券", "The wrong voucher"),
    Text("客人改变了主意", "The guest changed their mind"),
    Text("其他", "Something else"),
)

_REFUSALS = {
    "already_used": Text("该兑换券已核销，不能再次使用。", "The voucher has been used already."),
    "expired": Text("该兑换券已过期，不能使用。", "The voucher has expired."),
    "cancelled": Text("会员已取消该兑换券，不能使用。", "The member has given the voucher back."),
}
"""What a refusal says at the counter, where its own words would name a state by its code."""

_LATER = Text(
    "此操作此前已提交，之后该券又有变化；下面是它现在的状态。",
    "This was sent before, and the voucher has changed since; below is how it stands now.",
)
"""For a form that is sent again from an older page: the old answer alone would mislead the clerk."""

_Body = TypeVar("_Body", VoucherVerifyInput, VoucherUseInput, VoucherUndoInput)

_FIELD_WORDS = {
    "code": ("请输入券码，最多 40 个字符。", "please give the code, of 40 characters at the most."),
    "reference": ("请填写单号，最多 100 个字符。", "please give a reference, of 100 characters at the most."),
}


def routes() -> list[Router]:
    """Return the counter's pages, for signed-in people of partners."""
    return [portal_router(counter, place_form, choose_place, verify, use, undo)]


@get(PLACE.path, opt=leads_to(PLACE))
async def counter(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate | Response[Any]:
    """Ask for a code; who has not said where this counter stands says so first."""
    partner = await acting(me, _TAKE)
    here = await where(request, partner)
    return choose() if here is None else await _page(request, here)


@post("/partner/counter/verify", status_code=200, opt={"form": "repeatable"})
async def verify(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate | Response[Any]:
    """Say what the code is, good or not and why, with the form to take it."""
    partner = await acting(me, _LOOK)
    here = await where(request, partner)
    if here is None:
        return choose()
    code = typed_field(await request.form(), "code", 100)
    try:
        body = _decode_form(VoucherVerifyInput, code=code, location_id=here.location_id)
        return await _show(request, partner, here, body)
    except Refusal as refused:
        return await _page(request, here, code=code, error=refusal_message(request, refused))


@post("/partner/counter/use", status_code=200, opt={"form": "repeatable"})
async def use(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate | Response[Any]:
    """Take the voucher, once for the form's key, and say until when that can be undone."""
    partner, form = await acting(me, _TAKE), await request.form()
    here = await where(request, partner)
    if here is None:
        return choose()
    code, reference = typed_field(form, "code", 100), typed(form, "reference", 200)
    said = {"code": code, "reference": reference, "location_id": here.location_id}
    try:
        body = _decode_form(VoucherUseInput, **said, use_token=str(form.get("use_token", ""))[:500] or None)
        key = request_key(request, partner.actor, str(form.get("idempotency_key", "")), body)
        command = Use(partner.partner_id, _placed(partner, body), key, page_language(request))
        outcome = await counter_desk(request).submit(command)
    except Refusal as refused:
        again = _decode_form(VoucherVerifyInput, code=code or "-", location_id=here.location_id)
        wrong = "reference" if refused.details.get("field") == "reference" else ""
        message = refusal_message(request, refused)
        return await _show(request, partner, here, again, error=message, wrong=wrong, reference=reference)
    if outcome.status >= 400:
        return await _page(request, here, code=code, error=_why(request, outcome), seen=await _seen(partner, code))
    looked, seen = VoucherVerifyInput(code, here.location_id), await _seen(partner, code)
    if seen is None:
        return await _show(request, partner, here, looked, error=_LATER.in_language(page_language(request)))
    used, what = msgspec.json.decode(outcome.body, type=UsedVoucher), await _verified(request, partner, looked)
    return await _page(request, here, code=code, used=used, what=what.title, seen=seen)


@post("/partner/counter/undo", status_code=200, opt={"form": "repeatable"})
async def undo(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate | Response[Any]:
    """Take a use back, where the contract still allows it."""
    partner, form = await acting(me, _TAKE), await request.form()
    here = await where(request, partner)
    if here is None:
        return choose()
    code, reason = typed_field(form, "code", 100), typed(form, "reason", 200)
    try:
        body = _decode_form(VoucherUndoInput, code=code, reason=reason or "-", location_id=here.location_id)
        key = request_key(request, partner.actor, str(form.get("idempotency_key", "")), body)
        command = UndoUse(partner.partner_id, _placed(partner, body), key, page_language(request))
        outcome = await counter_desk(request).submit(command)
    except Refusal as refused:
        return await _page(request, here, code=code, error=refusal_message(request, refused))
    if outcome.status >= 400:
        return await _page(request, here, code=code, error=_why(request, outcome), seen=await _seen(partner, code))
    if await _seen(partner, code) is not None:
        looked = VoucherVerifyInput(code, here.location_id)
        return await _show(request, partner, here, looked, error=_LATER.in_language(page_language(request)))
    return await _page(request, here, code=code, undone=msgspec.json.decode(outcome.body, type=UndoneUse))


async def _show(
    request: PageRequest,
    partner: PartnerCaller,
    here: Where,
    body: VoucherVerifyInput,
    error: str = "",
    **values: Any,
) -> PageTemplate:
    """Return the page that says what the code is. Raises what refuses the question itself."""
    try:
        found = await _verified(request, partner, body)
    except _Refused as refused:
        return await _page(request, here, code=body.code, error=error or _why(request, refused.outcome))
    seen = await _seen(partner, body.code)
    return await _page(request, here, code=body.code, verified=found, seen=seen, error=error, **values)


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def _verified(request: PageRequest, partner: PartnerCaller, body: VoucherVerifyInput) -> VerifiedVoucher:
    command = Verify(partner.partner_id, _placed(partner, body), page_language(request))
    outcome = await counter_desk(request).submit(command)
    if outcome.status >= 400:
        raise _Refused(outcome)
    return msgspec.json.decode(outcome.body, type=VerifiedVoucher)


async def _page(request: PageRequest, here: Where, *, error: str = "", **values: Any) -> PageTemplate:
    empty = {
        "code": "",
        "reference": "",
        "wrong": "",
        "verified": None,
        "used": None,
        "undone": None,
        "seen": None,
        "what": None,
    }
    clock = PlatformServices.of(request).clock
    made = await portal_page(
        request,
        "counter/counter.html",
        status=400 if error else 200,
        where=here,
        error=error,
        reasons=REASONS,
        at=clock.now(),
        idempotency_key=f"portal-{uuid4()}",
        **empty | values,
    )
    # This page alone may use the camera: it looks for the voucher's QR code.
    made.headers["Permissions-Policy"] = "camera=(self), geolocation=(), microphone=()"
    return made


def _placed(partner: PartnerCaller, body: Any) -> Any:
    """Return the body. Raises NotYourLocation unless the person works there, whatever the page thought."""
    partner.require_location(body.location_id)
    return body


async def _seen(partner: PartnerCaller, code: str) -> Any:
    return await get_use(partner.partner_id, code) if code else None


def _why(request: PageRequest, outcome: Outcome) -> str:
    problem = msgspec.json.decode(outcome.body)
    known = _REFUSALS.get(problem["code"])
    return known.in_language(page_language(request)) if known else str(problem["title"])


def _decode_form(struct: type[_Body], **said: Any) -> _Body:
    return wire(struct, said, _FIELD_WORDS, "code")
