"""Looking for an offer, looking at one, and redeeming it."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from benefits.desk.batch import points_desk
from benefits.offers.cache import OfferCache
from benefits.offers.catalogue import on_sale, one_on_sale
from benefits.offers.schemas import OfferView
from benefits.points.wallets import wallet_view
from benefits.redemptions.commands import new_redeem
from benefits.redemptions.domain import MAX_QUANTITY
from benefits.redemptions.quote import quote
from benefits.redemptions.schemas import Quote, RedemptionInput, RedemptionView
from benefits.settings import BenefitsSettings
from benefits.web.views import LIMIT_NAMES, SCENARIO_NAMES, reason_words
from benefits.web.visitor import Visitor, window_of
from marketplace.kernel.clock import Clock
from marketplace.kernel.scenarios import Scenario
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.settings import Settings
from marketplace.web.forms import redirect_to
from marketplace.web.pages import PageTemplate, is_fragment, page, panel_template

OFFERS_ON_A_PAGE = 12
MAX_QUERY = 100
MAX_OFFERED_QUANTITY = 10
"""The storefront's choice; the API takes up to MAX_QUANTITY."""


@get("/offers")
async def offers(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    cursors: NamedDependency[Cursors],
) -> PageTemplate:
    """List what is on sale, by scenario and by search; HTMX asks for the next page's cards alone."""
    scenario = _scenario(request.query_params.get("scenario"))
    query = request.query_params.get("q", "").strip()[:MAX_QUERY]
    affordable = request.query_params.get("affordable") == "1"
    wallet = await wallet_view(visitor.id, settings.calendar.day_of(clock.now()))
    window = window_of(request, OFFERS_ON_A_PAGE)
    found = await on_sale(
        cursors,
        clock.now(),
        scenario=scenario,
        query=query,
        cursor=window.cursor,
        limit=window.limit,
        max_points=wallet.balance if affordable else None,
    )
    chosen = {"scenario": scenario or "", "q": query, "affordable": "1" if affordable else ""}
    return page(
        request,
        "storefront/offer_cards.html" if is_fragment(request) else "storefront/offers.html",
        visitor=visitor,
        offers=found.data,
        pages=window.pages,
        scenarios=SCENARIO_NAMES,
        scenario=scenario,
        query=query,
        affordable=affordable,
        next_page=_address("/offers", chosen | {"cursor": found.next_cursor}) if found.next_cursor else "",
        address=lambda **change: _address("/offers", chosen | change),
    )


@get("/offers/{offer_id:str}")
async def offer(
    offer_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    offer_cache: NamedDependency[OfferCache],
) -> PageTemplate:
    """Show one offer, and whether this member may have it."""
    found = await one_on_sale(path_id(offer_id), clock.now())
    quoted = await quote(visitor.id, found.id, 1, offer_cache, settings.calendar, clock, visitor.language)
    points = await wallet_view(visitor.id, settings.calendar.day_of(clock.now()))
    return page(
        request,
        "storefront/offer.html",
        visitor=visitor,
        limit_names=LIMIT_NAMES,
        offer=found,
        scenario_name=SCENARIO_NAMES[found.scenario],
        quote=quoted,
        reasons=_reasons(quoted, visitor),
        balance=points.balance,
        most=_most(found, points.balance),
    )


@get("/offers/{offer_id:str}/redeem")
async def confirm(
    offer_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    offer_cache: NamedDependency[OfferCache],
) -> PageTemplate:
    """Ask once more, with the price and what remains. The form carries a fresh key: sent twice, it redeems once."""
    found = await one_on_sale(path_id(offer_id), clock.now())
    quantity = _quantity(request.query_params.get("quantity"))
    quoted = await quote(visitor.id, found.id, quantity, offer_cache, settings.calendar, clock, visitor.language)
    points = await wallet_view(visitor.id, settings.calendar.day_of(clock.now()))
    return page(
        request,
        panel_template(request),
        base="storefront/base.html",
        panel="storefront/panel_redeem.html",
        visitor=visitor,
        offer=found,
        quantity=quantity,
        quote=quoted,
        reasons=_reasons(quoted, visitor),
        balance=points.balance,
        cost=found.price.points * quantity,
        idempotency_key=f"web-{uuid4()}",
        cancel_days=settings.of(BenefitsSettings).cancel_window_days,
    )


@post("/offers/{offer_id:str}/redeem", status_code=200, opt={"form": "repeatable"})
async def submit_redemption(
    offer_id: FromPath[str],
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    clock: NamedDependency[Clock],
) -> PageTemplate | Response[Any]:
    """Redeem at the desk, as the API does, and show the voucher or why not."""
    form = await request.form()
    body = RedemptionInput(path_id(offer_id), _quantity(form.get("quantity")))
    key = str(form.get("idempotency_key", ""))
    command = new_redeem(visitor.id, body, key, visitor.language, clock.unix_ms())
    outcome = await points_desk(request).submit(command)
    if outcome.status < 300:
        made = msgspec.json.decode(outcome.body, type=RedemptionView)
        return redirect_to(f"/redemptions/{made.id}", fragment=is_fragment(request))
    return page(
        request,
        panel_template(request),
        base="storefront/base.html",
        panel="storefront/panel_refused.html",
        status=outcome.status,
        message=refusal(outcome),
        back=f"/offers/{body.offer_id}",
    )


def refusal(outcome: Outcome) -> str:
    """Return why it was refused, in the words that were kept with the outcome."""
    problem = msgspec.json.decode(outcome.body)
    reasons = [reason["message"] for reason in problem.get("reasons", [])]
    return "\n".join(reasons) or str(problem["title"])


def _reasons(quoted: Quote, visitor: Visitor) -> list[str]:
    return [reason_words(reason, visitor.language) for reason in quoted.reasons]


def _most(found: OfferView, balance: int) -> int:
    """Return how many units the page lets one choose; at least one, whose price the quote judges."""
    bounds = [MAX_OFFERED_QUANTITY, balance // found.price.points]
    if found.per_member is not None:
        bounds.append(found.per_member)
    bounds += [limit.units for limit in found.limits]
    if found.stock is not None:
        bounds.append(found.stock.remaining)
    return max(1, min(bounds))


def _quantity(text: Any) -> int:
    """Return the chosen quantity; a form of ours gives nothing else than a small number."""
    chosen = str(text or "1")
    return min(max(int(chosen), 1), MAX_QUANTITY) if chosen.isascii() and chosen.isdigit() and len(chosen) < 4 else 1


def _scenario(text: str | None) -> Scenario | None:
    try:
        found: Scenario = msgspec.convert(text, Scenario)
    except msgspec.ValidationError:
        return None
    return found


def _address(path: str, parameters: dict[str, str]) -> str:
    kept = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
