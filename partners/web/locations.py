"""The company's locations: search, add and change one by one; `location_import.py` imports them in bulk."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import unit_of_work
from marketplace.web.forms import PageRequest, cursor_of, errors_of, redirect_to, said_to_people, typed, wire
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.locations.locations import (
    LocationExists,
    add_location,
    change_location,
    get_location,
    list_locations,
)
from partners.locations.schemas import LocationInput, LocationState, LocationView
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page

_SCOPE = "locations:write"

ON_A_PAGE = 50

PLACE = NavItem(
    path="/partner/locations",
    icon="pin",
    name=Text("门店", "Locations"),
    about=Text("门店资料与营业状态，批量导入", "Locations and opening state, import from a file"),
    rank=40,
    scope=_SCOPE,
)

STATES: dict[LocationState, tuple[Text, str]] = {
    "open": (Text("营业", "Open"), "good"),
    "temporarily_closed": (Text("暂停营业", "Temporarily closed"), "warn"),
    "closed": (Text("已关闭", "Permanently closed"), ""),
}
"""The name of an opening state, and the tone of its badge."""


_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,17})?", re.ASCII)


@get(PLACE.path, opt=leads_to(PLACE))
async def locations(
    request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate:
    """List the locations, by search and by state."""
    partner = await acting(me, _SCOPE)
    search = request.query_params.get("q", "").strip()[:80]
    tab = request.query_params.get("state", "")
    state = next((one for one in STATES if one == tab), None)
    found = await list_locations(partner.partner_id, cursors, cursor_of(request), ON_A_PAGE, search=search, state=state)
    following = {"q": search, "state": state or "", "cursor": found.next_cursor or ""}
    return await portal_page(
        request,
        "partner/locations.html",
        locations=found.data,
        states=STATES,
        state=state or "",
        search=search,
        next_page=f"/partner/locations?{urlencode(following)}" if found.next_cursor else "",
        done=request.query_params.get("done", ""),
    )


@get("/partner/locations/new")
async def new_location(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate:
    """Show an empty form."""
    await acting(me, _SCOPE)
    return await _form(request, None, {}, {})


@post("/partner/locations/new", status_code=200)
async def add(
    request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Add a location."""
    partner = await acting(me, _SCOPE)
    said = _form_values(await request.form())
    try:
        new = wire(LocationInput, _given(said), _FIELD_WORDS, "name")
        async with unit_of_work() as work:
            await add_location(work, partner.partner_id, new, clock.now())
    except (Refusal, TransitionRefusedError) as refused:
        return await _form(request, None, said, _faults_by_field(request, refused))
    return redirect_to("/partner/locations?done=added")


@get("/partner/locations/at/{location_id:str}")
async def location(location_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate:
    """Show one location's form."""
    partner = await acting(me, _SCOPE)
    shown = await get_location(partner.partner_id, location_id)
    return await _form(request, shown, _shown(shown), {})


@post("/partner/locations/at/{location_id:str}", status_code=200)
async def change(
    location_id: FromPath[str], request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Save the form, or, from the list, only the opening state."""
    partner = await acting(me, _SCOPE)
    shown = await get_location(partner.partner_id, location_id)
    form = await request.form()
    said = {name: value for name, value in _form_values(form).items() if any(one in form for one in _SENT_AS[name])}
    try:
        with said_to_people(_FIELD_WORDS, "name"):
            async with unit_of_work() as work:
                await change_location(work, partner.partner_id, shown.id, said, clock.now())
    except NotFound:
        raise
    except (Refusal, TransitionRefusedError) as refused:
        return await _form(request, shown, _shown(shown) | said, _faults_by_field(request, refused))
    return redirect_to("/partner/locations?done=changed")


async def _form(
    request: PageRequest, shown: LocationView | None, said: Mapping[str, Any], errors: Mapping[str, str]
) -> PageTemplate:
    return await portal_page(
        request,
        "partner/location.html",
        status=400 if errors else 200,
        location=shown,
        said=said,
        states=STATES,
        errors=errors,
    )


def _shown(shown: LocationView) -> dict[str, Any]:
    fields = {"id": shown.id, "region": shown.region, "city": shown.city, "address": shown.address}
    place = shown.coordinates
    return fields | {
        "name": {"zh-CN": shown.name.zh, "en": shown.name.en},
        "coordinates": {"lat": place.lat, "lng": place.lng} if place else None,
        "state": shown.state,
    }


def _form_values(form: Any) -> dict[str, Any]:
    """Return the form in the API's shape; empty fields are omitted."""
    texts = {name: typed(form, name, 300) for name in ("id", "region", "city", "address", "state")}
    chinese, english = typed(form, "name_zh", 300), typed(form, "name_en", 300)
    lat, lng = typed(form, "latitude", 40), typed(form, "longitude", 40)
    return {name: text or None for name, text in texts.items()} | {
        "name": {"zh-CN": chinese, "en": english or chinese} if chinese or english else None,
        "coordinates": {"lat": _degrees(lat), "lng": _degrees(lng)} if lat or lng else None,
    }


_SENT_AS = {
    "id": (),
    "name": ("name_zh", "name_en"),
    "region": ("region",),
    "city": ("city",),
    "address": ("address",),
    "coordinates": ("latitude", "longitude"),
    "state": ("state",),
}
"""The fields of the form; the list's form sends only the state."""


def _degrees(text: str) -> float | str:
    return round(float(text), 6) if _DEGREES.fullmatch(text) else text


_FIELD_WORDS = {
    "id": ("须为 1 至 64 个字母、数字、点、下划线或连字符。", "Please give 1 to 64 letters, digits, dots or hyphens."),
    "name": ("请填写中文名称，最多 80 个字符。", "Please give a Chinese name of at most 80 characters."),
    "name.en": ("最多 80 个字符。", "It can have at most 80 characters."),
    "region": ("最多 80 个字符。", "It can have at most 80 characters."),
    "city": ("请填写城市，最多 80 个字符。", "Please give the city, in at most 80 characters."),
    "address": ("请填写地址，最多 200 个字符。", "Please give the address, in at most 200 characters."),
    "coordinates": (
        "请同时填写纬度（-90 至 90）与经度（-180 至 180）。",
        "Please give both: latitude from -90 to 90, longitude from -180 to 180.",
    ),
    "state": ("请选择营业状态。", "Please choose a state."),
}


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not empty; a required one is then reported as missing."""
    return {name: value for name, value in said.items() if value is not None}


def _faults_by_field(request: PageRequest, refused: Refusal | TransitionRefusedError) -> dict[str, str]:
    """Return the errors by field; a general one has no field."""
    return errors_of(request, refused, _FIELD_WORDS, general="id" if isinstance(refused, LocationExists) else "")
