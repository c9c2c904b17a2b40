"""Builds the demo's world: pure values from a seed and a day. The packages' seeds turn them into real data."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

import msgspec

from marketplace.demo.content import Brand, DemoApplicant, Sheet, dealers, pending, scenarios
from marketplace.demo.pictures import draw
from marketplace.demo.world_history import make_history
from marketplace.demo.world_people import FEATURED, featured_people, make_members
from marketplace.demo.world_things import Agreement, DemoLocation, DemoOffer, DemoPartner, World
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.text import Text

MEMBERS = 2_000
REDEMPTIONS = 8_000
"""Number of redemptions in the world's past: enough for statements with hundreds of lines."""

_ATTEMPTS = 100
"""How often another picture is drawn if an offer already has it: the ten car washes share four drawings."""

_CONTRACT_MONTHS = 14
"""For how many months, at most, the oldest contract has been in force; the youngest for nine less."""


def build_world(
    seed: int, now: datetime, calendar: Calendar, *, members: int = MEMBERS, redemptions: int = REDEMPTIONS
) -> World:
    """Return the world of the seed at `now`: the same for the same arguments.

    `members` (at least as many as are featured) and `redemptions` set its size; partners and offers are always complete.
    """
    if members < len(FEATURED):
        raise ValueError(f"a world has at least {len(FEATURED)} members")
    brands = [*(brand for scenario in scenarios() for brand in scenario.brands), *_dealers()]
    partners = [
        *(_partner(brand, _chance(seed, brand.key), now, calendar) for brand in brands),
        *(_applicant(brand, _chance(seed, brand.key), now) for brand in pending().applicants),
    ]
    rules = {brand.key: brand.rules for brand in brands}
    sheets = [*(sheet for scenario in scenarios() for sheet in scenario.offers), *_services(), *pending().offers]
    pictures = _pictures(sheets, seed)
    offers = [
        _offer(sheet, rules[sheet.brand], picture, seed, now, calendar)
        for sheet, picture in zip(sheets, pictures, strict=True)
    ]
    people = make_members(_chance(seed, "members"), members, now)
    locations = {partner.key: [location.id for location in partner.locations] for partner in partners}
    history = make_history(_chance(seed, "history"), people, offers, locations, redemptions, now, calendar)
    return World(
        now=now, people=featured_people(), partners=partners, offers=offers, members=people, history=history
    )  # fmt: skip


def _chance(seed: int, name: str) -> Random:
    """Return a random source per part, so that one part's size does not change another."""
    return Random(f"{seed}:{name}")  # noqa: S311 - a demo's dice, not secrets


def _dealers() -> Iterable[Brand]:
    content = dealers()
    maker = content.maker
    for dealer in content.dealers:
        city, district = dealer.city, dealer.district
        name = Text(f"{maker.zh}{city.zh}{district.zh}中心", f"{maker.en} {city.en} {district.en}")
        yield Brand(
            key=f"dealer-{dealer.code.lower()}",
            name=name,
            legal=f"{maker.zh}汽车销售服务（{city.zh}）有限公司",
            kind="dealer",
            scenarios=("mobility",),
            about=f"{maker.zh}在{city.zh}的授权销售服务中心。",
            contact=dealer.contact,
            rules=content.rules,
            locations=(DemoLocation(f"{dealer.code}-01", name, city.zh, dealer.address),),
            tax=130_000,
        )


def _services() -> Iterable[Sheet]:
    services = {sheet.sku: sheet for sheet in dealers().services}
    for dealer in dealers().dealers:
        for name in dealer.services:
            sheet = services[name]
            yield msgspec.structs.replace(
                sheet,
                brand=f"dealer-{dealer.code.lower()}",
                sku=f"{dealer.code}-{name}",
                title=Text(f"{sheet.title.zh}（{dealer.city.zh}）", f"{sheet.title.en}, {dealer.city.en}"),
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
    partner = _company(brand, chance, applied_at)
    return msgspec.structs.replace(partner, agreement=agreement, locations=brand.locations)


def _applicant(applicant: DemoApplicant, chance: Random, now: datetime) -> DemoPartner:
    partner = _company(applicant, chance, now - timedelta(days=chance.uniform(1, 9)))
    return msgspec.structs.replace(partner, rejection=applicant.rejection)


def _company(brand: Brand | DemoApplicant, chance: Random, applied_at: datetime) -> DemoPartner:
    return DemoPartner(
        key=brand.key,
        name=brand.name,
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
        agreement=None,
        locations=(),
    )  # fmt: skip


def _pictures(sheets: list[Sheet], seed: int) -> list[str]:
    """Return a distinct picture for each offer."""
    drawn: dict[str, None] = {}
    for sheet in sheets:
        variants = (f"{seed}:{sheet.sku}", *(f"{seed}:{sheet.sku}:{number}" for number in range(_ATTEMPTS)))
        drawn[next(picture for name in variants if (picture := draw(sheet.art, name)) not in drawn)] = None
    return list(drawn)


def _offer(sheet: Sheet, rules: Text, picture: str, seed: int, now: datetime, calendar: Calendar) -> DemoOffer:
    chance = _chance(seed, sheet.sku)
    today = calendar.day_of(now)
    running = sheet.opens < 0
    # Running offers began before the history does. The catalogue shows the newest first: dealers' services come last.
    age = (112, 130) if sheet.brand.startswith("dealer-") else (100, 116)
    registered_at = now - timedelta(days=chance.uniform(*(age if running and sheet.state == "live" else (2, 12))))
    return DemoOffer(
        partner=sheet.brand,
        sku=sheet.sku,
        scenario=sheet.scenario,
        title=sheet.title,
        description=sheet.text,
        terms=Text(f"{sheet.terms.zh}{rules.zh}", f"{sheet.terms.en} {rules.en}"),
        points=sheet.points,
        value_minor=sheet.value * 100,
        settlement_minor=sheet.pays * 100,
        per_member=None if sheet.each == "unlimited" else sheet.each,
        tiers=sheet.tiers,
        stock=sheet.stock,
        voucher_days=sheet.days,
        starts_at=calendar.start_of(today + timedelta(days=sheet.opens)),
        ends_at=None if sheet.closes is None else calendar.start_of(today + timedelta(days=sheet.closes)),
        registered_at=registered_at,
        state=sheet.state,
        popularity=sheet.likes,
        image=picture,
    )
