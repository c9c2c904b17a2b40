"""The company's contract: its versions, their terms in words, and the owner's signature."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import InvalidField, InvalidFields, NotFound, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.problems import path_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.validation.fitting import fit
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, error_message, redirect_to
from marketplace.web.language import page_language
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.contracts.domain import ContractStatus, Party
from partners.contracts.rows import difference_of, get_contract, list_contracts
from partners.contracts.schemas import ContractView, SignatureInput
from partners.contracts.sign import Signing, sign_contract
from partners.oauth.access.callers import PartnerCaller
from partners.registry.tables import PartnerRow
from partners.roles import SignedIn
from partners.staff.authenticate import CodeRefused, TooManyGuesses, count_fresh_code, spend_code
from partners.staff.devices import device_of
from partners.staff.read import get_staff
from partners.staff.schemas import StaffView
from partners.web.authorize import acting
from partners.web.contract_words import METHODS, STATUS, WAITING_FOR_PARTNER, funding_bar, sections_of
from partners.web.frame import portal_page
from partners.web.sign_in_pages import throttle_of

_READ, _SIGN = "contracts:read", "contracts:sign"

PLACE = NavItem(
    path="/partner/contracts",
    icon="document",
    name=Text("合同", "Contracts"),
    about=Text("合同版本、条款与差异，在线签署", "Versions, terms and differences, signing"),
    rank=20,
    scope=_READ,
)


@get(PLACE.path, opt=leads_to(PLACE))
async def contracts(
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """List the offered versions, the newest first."""
    partner = await acting(me, _READ)
    found = await list_contracts(partner.partner_id, staff=False)
    versions = sorted(found, key=lambda contract: -contract.version)
    today = settings.calendar.day_of(clock.now())
    return await portal_page(
        request, "partner/contracts.html", versions=versions, statuses=STATUS, waiting=WAITING_FOR_PARTNER, today=today
    )


@get("/partner/contracts/{contract_id:str}")
async def contract(
    contract_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Show one version: its terms in words, the changes, the signatures, and the signed text."""
    partner = await acting(me, _READ)
    shown = await _shown(partner, contract_id)
    return await portal_page(
        request,
        "partner/contract.html",
        **await _values(partner, shown),
        sections=sections_of(shown),
        bar=funding_bar(shown.funding),
        difference=await difference_of(partner.partner_id, shown.id, staff=False),
        today=settings.calendar.day_of(clock.now()),
        done=request.query_params.get("done") == "signed",
    )


@get("/partner/contracts/{contract_id:str}/text")
async def text(contract_id: FromPath[str], me: NamedDependency[SignedIn]) -> Response[bytes]:
    """Return the exact text whose hash is signed, to store and to hash."""
    shown = await _shown(await acting(me, _READ), contract_id)
    name = f"contract-v{shown.version}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(shown.content.encode(), media_type="application/json", headers=headers)


@get("/partner/contracts/{contract_id:str}/sign")
async def sign_form(
    contract_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Ask for confirmation, with the hash of the text and a fresh code."""
    partner = await acting(me, _SIGN)
    shown = await _shown(partner, contract_id)
    if shown.status not in WAITING_FOR_PARTNER:
        return redirect_to(f"/partner/contracts/{shown.id}")
    return await _sign_page(request, me, partner, shown, clock)


@post("/partner/contracts/{contract_id:str}/sign", status_code=200)
async def sign(
    contract_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
) -> PageTemplate | Response[Any]:
    """Sign the text with that hash. A fresh code proves that the person is present."""
    partner = await acting(me, _SIGN)
    shown, form, now = await _shown(partner, contract_id), await request.form(), clock.now()
    try:
        if form.get("agreed") != "yes":
            raise InvalidField(
                "agreed", "请确认您已阅读并有权签署。", "please confirm that you have read it and may sign it."
            )
        read = _hash_of(form.get("content_hash", ""))
        person = await get_staff(me.partner_id, me.staff_id, now)
        counted = None
        if _signs_in_by_password(person):
            device = device_of(request, settings, person.email, now)
            counted = await count_fresh_code(throttle_of(request), me.staff_id, now, device)
        signing = Signing(party=Party.PARTNER, content_hash=read, actor=partner.actor)
        async with unit_of_work() as work:
            if counted:
                await spend_code(work, settings, me.staff_id, str(form.get("code", ""))[:100], now)
            await sign_contract(work, partner.partner_id, shown.id, signing, settings.calendar.day_of(now), now)
    except NotFound:
        raise
    except (Refusal, TransitionRefusedError) as refused:
        return await _sign_page(request, me, partner, shown, clock, _faults_by_field(request, refused))
    if counted:
        await throttle_of(request).forgive(*counted)
    return redirect_to(f"/partner/contracts/{shown.id}?done=signed")


async def _shown(partner: PartnerCaller, contract_id: str) -> ContractView:
    return (await get_contract(partner.partner_id, path_id(contract_id), staff=False))[0]


async def _values(partner: PartnerCaller, shown: ContractView) -> dict[str, Any]:
    names = PartnerRow.select(PartnerRow.name_zh, PartnerRow.name_en)
    row = await names.where(PartnerRow.id == partner.partner_id).first()
    if row is None:
        raise NotFound
    return {
        "contract": shown,
        "company": Text(row["name_zh"], row["name_en"]),
        "badge": STATUS[shown.status],
        "methods": METHODS,
        "may_sign": _SIGN in partner.scopes and shown.status in WAITING_FOR_PARTNER,
    }


async def _sign_page(
    request: PageRequest,
    me: SignedIn,
    partner: PartnerCaller,
    shown: ContractView,
    clock: Clock,
    errors: dict[str, str] | None = None,
) -> PageTemplate:
    return await portal_page(
        request,
        "partner/sign_contract.html",
        status=400 if errors else 200,
        **await _values(partner, shown),
        by_password=_signs_in_by_password(await get_staff(me.partner_id, me.staff_id, clock.now())),
        errors=errors or {},
    )


def _signs_in_by_password(person: StaffView) -> bool:
    """Return whether the person has a second factor here; people of the company's own provider have none."""
    return person.signs_in_by == "password"


def _hash_of(said: Any) -> str:
    try:
        return fit({"content_hash": str(said)}, SignatureInput).content_hash
    except InvalidFields as error:
        raise InvalidField(
            "content_hash", "缺少合同文本的哈希，请重新打开合同。", "the hash is missing. Open the contract again."
        ) from error


def _faults_by_field(request: PageRequest, refused: Refusal | TransitionRefusedError) -> dict[str, str]:
    """Return the errors by field; a general one has no field."""
    if isinstance(refused, CodeRefused | TooManyGuesses):
        return {"code": error_message(request, refused)}
    if isinstance(refused, InvalidField) and refused.details["field"] == "agreed":
        return {"agreed": error_message(request, refused)}
    return {"": _message(request, refused)}


def _message(request: PageRequest, refused: Refusal | TransitionRefusedError) -> str:
    if isinstance(refused, TransitionRefusedError) and refused.action == "sign_partner":
        now = STATUS[ContractStatus(refused.state)][0]
        if page_language(request) == "en":
            return f"This version cannot be signed any more: {now.en[:1].lower()}{now.en[1:]}."
        return f"此版本不能再签署：{now.zh}。"
    return error_message(request, refused)
