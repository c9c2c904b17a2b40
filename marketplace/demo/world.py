"""Build the demo's world: pure values from a seed and a day. The packages' seeds turn them into the real thing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

import msgspec

from marketplace.demo.content import (
    clothing,
    dealers,
    dining,
    entertainment,
    finance,
    learning,
    lodging,
    mobility,
    shopping,
    travel,
    waiting,
    wellness,
)
from marketplace.demo.content.kit import Both, Brand, Sheet
from marketplace.demo.pictures import draw
from marketplace.demo.world_history import make_history
from marketplace.demo.world_people import FEATURED, featured_people, make_members
from marketplace.demo.world_things import Agreement, DemoOffer, DemoPartner, Place, World
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.text import Text

_MODULES = (lodging, dining, clothing, mobility, entertainment, learning, shopping, wellness, finance, travel)

MEMBERS = 2_000
REDEMPTIONS = 8_000
"""How many redemptions lie in the world's past: enough for statements with hundreds of lines."""

_CONTRACT_MONTHS = 14
"""For how many months, at most, the oldest contract has been in force; the youngest for nine less."""


def build_world(
    seed: int, now: datetime, calendar: Calendar, *, members: int = MEMBERS, redemptions: int = REDEMPTIONS
) -> World:
    """Return the world of the seed as it stands at `now`: the same for the same arguments.

    `members` (at least as many as are featured) and `redemptions` set its size; partners and offers are always all.
    """
    if members < len(FEATURED):
        raise ValueError(f"a world has at least {len(FEATURED)} members")
    brands = [*(brand for module in _MODULES for brand in module.BRANDS), *_dealers()]
    partners = [
        *(_partner(brand, _chance(seed, brand.key), now, calendar) for brand in brands),
        *(_applicant(brand, _chance(seed, brand.key), now) for brand in waiting.APPLICANTS),
    ]
    rules = {brand.key: brand.rules for brand in brands}
    sheets = [*(sheet for module in _MODULES for sheet in module.OFFERS), *_services(), *waiting.OFFERS]
    offers = [_offer(sheet, rules[sheet.brand], seed, now, calendar) for sheet in sheets]
    people = make_members(_chance(seed, "members"), members, now)
    places = {partner.key: [place.id for place in partner.places] for partner in partners}
    history = make_history(_chance(seed, "history"), people, offers, places, redemptions, now, calendar)
    return World(
        now=now, people=featured_people(), partners=partners, offers=offers, members=people, history=history
    )  # fmt: skip


def _chance(seed: int, name: str) -> Random:
    """Return a source of chance of its own for each part, so that one part's size does not change another."""
    return Random(f"{seed}:{name}")  # noqa: S311 - a demo's dice, not secrets


def _dealers() -> Iterable[Brand]:
    for code, city, district, address, contact in dealers.DEALERS:
        name = (
            f"{dealers.MAKER[0]}{city[0]}{district[0]}中心",
            f"{dealers.MAKER[1]} {city[1]} {district[1]}",
        )
        yield Brand(
            key=f"dealer-{code.lower()}",
            name=name,
            legal=f"{dealers.MAKER[0]}汽车销售服务（{city[0]}）有限公司",
            kind="dealer",
            scenarios=("mobility",),
            about=f"{dealers.MAKER[0]}在{city[0]}的授权销售服务中心。",
            contact=contact,
            rules=dealers.RULES,
            places=((f"{code}-01", name, city[0], address),),
            tax=130_000,
        )


def _services() -> Iterable[Sheet]:
    services = {sheet.sku: sheet for sheet in dealers.SERVICES}
    for (code, city, *_), names in zip(dealers.DEALERS, dealers.CHOICES, strict=True):
        for name in names:
            sheet = services[name]
            yield msgspec.structs.replace(
                sheet,
                brand=f"dealer-{code.lower()}",
                sku=f"{code}-{name}",
                title=(f"{sheet.title[0]}（{city[0]}）", f"{sheet.title[1]}, {city[1]}"),
                likes=sheet.likes * 0.45,
            )


def _partner(brand: Brand, chance: Random, now: datetime, calendar: Calendar) -> DemoPartner:
    month = calendar.month_of(now).plus(-_CONTRACT_MONTHS + chance.randint(0, 9))
    agreement = Agreement(
        starts_on=month.first_day,
        ends_on=None if chance.random() < 0.3 else month.plus(12 * chance.randint(2, 3)).first_day,
        basis=brand.basis,
        tax_rate_ppm=brand.tax,
        commission_ppm=brand.commission,
        payment_terms_days=brand.days,
    )
    applied_at = calendar.start_of(month.plus(-1).first_day) + timedelta(
        days=chance.randint(2, 20), hours=chance.randint(9, 17)
    )
    return _company(brand, chance, applied_at, agreement)


def _applicant(brand: Brand, chance: Random, now: datetime) -> DemoPartner:
    return _company(brand, chance, now - timedelta(days=chance.uniform(1, 9)), None)


def _company(brand: Brand, chance: Random, applied_at: datetime, agreement: Agreement | None) -> DemoPartner:
    return DemoPartner(
        key=brand.key,
        name=Text(*brand.name),
        legal_name=brand.legal,
        registration_number="91" + "".join(chance.choice("0123456789") for _ in range(6)) + "MA"
        + "".join(chance.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(8)),
        kind=brand.kind,
        scenarios=brand.scenarios,
        description=brand.about,
        contact=brand.contact,
        email=f"partner@{brand.key}.example",
        phone=f"+86 400 000 {chance.randint(1000, 9999)}",
        website=f"https://{brand.key}.example",
        applied_at=applied_at,
        agreement=agreement,
        places=tuple(Place(own, Text(*name), city, address) for own, name, city, address in brand.places),
        rejection=brand.rules[0] if agreement is None else "",
    )  # fmt: skip


def _offer(sheet: Sheet, rules: Both, seed: int, now: datetime, calendar: Calendar) -> DemoOffer:
    chance = _chance(seed, sheet.sku)
    today = calendar.day_of(now)
    running = sheet.opens < 0
    # What runs began before the history does. The catalogue shows the newest first: dealers' services stand behind.
    age = (112, 130) if sheet.brand.startswith("dealer-") else (100, 116)
    registered_at = now - timedelta(days=chance.uniform(*(age if running and sheet.state == "live" else (2, 12))))
    return DemoOffer(
        partner=sheet.brand,
        sku=sheet.sku,
        scenario=sheet.scenario,
        title=Text(*sheet.title),
        description=Text(*sheet.text),
        terms=Text(f"{sheet.terms[0]}{rules[0]}", f"{sheet.terms[1]} {rules[1]}"),
        points=sheet.points,
        value_minor=sheet.value * 100,
        settlement_minor=sheet.pays * 100,
        per_member=sheet.each,
        tiers=sheet.tiers,
        stock=sheet.stock,
        voucher_days=sheet.days,
        starts_at=calendar.start_of(today + timedelta(days=sheet.opens)),
        ends_at=None if sheet.closes is None else calendar.start_of(today + timedelta(days=sheet.closes)),
        registered_at=registered_at,
        state=sheet.state,
        popularity=sheet.likes,
        image=draw(sheet.art, f"{seed}:{sheet.sku}"),
    )
