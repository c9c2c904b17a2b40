"""The demo's world: the same for the same seed, complete, and such that everything in it could have happened."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from benefits.offers.domain import check_content
from benefits.redemptions.domain import voucher_end
from benefits.seed import offer_body
from marketplace.demo import content
from marketplace.demo.content import ContentError
from marketplace.demo.world import build_world
from marketplace.demo.world_people import FEATURED
from marketplace.demo.world_things import World
from marketplace.kernel.search import query_terms
from marketplace.settings import Settings
from partners.fields import SCENARIOS

pytestmark = pytest.mark.dates

CALENDAR = Settings(mode="test").calendar
NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(1, NOW, CALENDAR, members=300, redemptions=1200)


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    again = build_world(1, NOW, CALENDAR, members=300, redemptions=1200)
    assert msgspec.json.encode(again) == msgspec.json.encode(world)


def test_another_seed_gives_another_world(world: World) -> None:
    other = build_world(2, NOW, CALENDAR, members=300, redemptions=1200)
    assert [one.name for one in other.members] != [one.name for one in world.members]
    assert [one.image for one in other.offers] != [one.image for one in world.offers]
    assert other.history != world.history


def test_each_part_of_life_has_something(world: World) -> None:
    """Fourteen partners and more, twenty dealers, eighty offers and more, five at least on sale in each scenario."""
    kinds = Counter(partner.kind for partner in world.partners if partner.agreement)
    assert kinds["dealer"] == 20
    assert kinds.total() - kinds["dealer"] >= 14
    assert {"hotel_group", "drone_maker", "restaurant", "insurer", "school", "bank", "travel_agency"} <= kinds.keys()
    on_sale = [offer for offer in world.offers if offer.state == "live" and offer.starts_at <= NOW]
    assert 90 <= len(world.offers) <= 120
    assert all(count >= 5 for count in Counter(offer.scenario for offer in on_sale).values())
    assert {offer.scenario for offer in on_sale} == set(SCENARIOS)
    partners = {(partner.key, scenario) for partner in world.partners for scenario in partner.scenarios}
    assert all((offer.partner, offer.scenario) in partners for offer in world.offers)


def test_every_state_and_kind_of_offer_is_there(world: World) -> None:
    assert {offer.state for offer in world.offers} == {"live", "draft", "in_review", "rejected", "paused"}
    assert sum(offer.starts_at > NOW for offer in world.offers) >= 3
    assert any(offer.stock is None for offer in world.offers)
    assert any(offer.stock is not None and offer.stock <= 40 for offer in world.offers)
    assert any(offer.tiers for offer in world.offers)
    prices = [offer.points for offer in world.offers]
    assert min(prices) == 300
    assert max(prices) == 60_000


def test_every_offer_is_one_that_a_partner_could_register(world: World) -> None:
    """Both languages, bounds, prices, and a picture that passes what any partner's picture must pass."""
    for offer in world.offers:
        body = offer_body(offer, "CNY")
        check_content(body.content(), "CNY")
        assert body.image is not None
        for text in (offer.title, offer.description, offer.terms):
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text.zh), text
            assert not any("\u4e00" <= letter <= "\u9fff" for letter in text.en), text
            assert "  " not in text.en
        assert offer.settlement_minor < offer.value_minor
    assert len({offer.sku for offer in world.offers}) == len(world.offers)
    assert len({offer.image for offer in world.offers}) == len(world.offers)


@pytest.mark.parametrize(
    ("query", "least"), [("酒店", 4), ("咖啡", 3), ("洗车", 5), ("滑雪", 2), ("DJI", 5), ("coffee", 4)]
)
def test_words_that_people_look_for_find_something(world: World, query: str, least: int) -> None:
    wanted, names = set(query_terms(query)), {partner.key: partner.name for partner in world.partners}
    found = [o for o in world.offers if wanted <= set(offer_body(o, "CNY").content().search_terms(names[o.partner]))]
    assert len(found) >= least


def test_people_are_members_and_staff(world: World) -> None:
    logins = {person.login: person for person in world.people}
    assert {one.login for one in FEATURED} | {"ops", "finance", "approver", "auditor"} == logins.keys()
    assert {role for person in world.people for role in person.roles} == {
        "operations", "finance", "finance_approver", "auditor",
    }  # fmt: skip
    subjects = {member.subject for member in world.members}
    assert len(subjects) == len(world.members) == 300
    assert all(person.subject in subjects for person in world.people if person.kind == "member")
    assert all(member.vehicle and member.phone for member in world.members)


def test_the_past_could_have_happened(world: World) -> None:
    """In order of time, before now; nothing is used or given back before it was had, or after it expired, or twice."""
    offers = {offer.sku: offer for offer in world.offers}
    locations = {location.id: partner.key for partner in world.partners for location in partner.locations}
    had: dict[int, tuple[datetime, str]] = {}
    over: set[int] = set()
    assert [moment.at for moment in world.history] == sorted(moment.at for moment in world.history)
    assert world.history[-1].at < NOW
    for moment in world.history:
        for planned in moment.wanted:
            offer = offers[planned.sku]
            assert offer.state == "live"
            assert offer.starts_at <= moment.at
            assert offer.registered_at + timedelta(hours=10) < moment.at
            had[planned.number] = (moment.at, planned.sku)
        for end in [*moment.used, *moment.cancelled]:
            at, sku = had[end.number]  # type: ignore[attr-defined]
            assert at < moment.at < voucher_end(CALENDAR, at, offers[sku].voucher_days)
            assert end.number not in over  # type: ignore[attr-defined]
            over.add(end.number)  # type: ignore[attr-defined]
        assert all(locations[used.place] == offers[had[used.number][1]].partner for used in moment.used)
    assert 1_100 <= len(had) <= 1_200
    months = {CALENDAR.month_of(at) for at, _ in had.values()}
    assert months == {CALENDAR.month_of(NOW).plus(back) for back in (-2, -1, 0)}


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 12, 31, 16, 0, 30, tzinfo=UTC),  # half a minute into a year
        datetime(2028, 2, 29, 15, 59, tzinfo=UTC),  # the last minute of a leap day
        datetime(2026, 10, 31, 3, 0, tzinfo=UTC),  # a long month, two long ones before it
    ],
)
def test_the_world_can_be_opened_on_any_day(now: datetime) -> None:
    made = build_world(5, now, CALENDAR, members=40, redemptions=200)
    assert made.history[-1].at < now
    assert sum(len(moment.wanted) for moment in made.history) > 100
    first = CALENDAR.bounds(CALENDAR.month_of(now).plus(-2))[0]
    contracts = [partner.agreement for partner in made.partners if partner.agreement]
    assert all(one.starts_on <= (first - timedelta(days=30)).date() for one in contracts)
    assert all(one.ends_on is None or one.ends_on > now.date() for one in contracts)
    assert all(offer.registered_at < first for offer in made.offers if offer.popularity > 0)


def test_a_world_without_a_past_has_nothing_redeemed() -> None:
    made = build_world(1, NOW, CALENDAR, members=len(FEATURED), redemptions=0)
    assert not any(moment.wanted or moment.used or moment.cancelled for moment in made.history)
    with pytest.raises(ValueError, match="at least"):
        build_world(1, NOW, CALENDAR, members=1)


def test_no_two_offers_have_the_same_picture_whatever_the_seed() -> None:
    for seed in range(2, 12):
        images = [
            offer.image for offer in build_world(seed, NOW, CALENDAR, members=len(FEATURED), redemptions=0).offers
        ]
        assert len(set(images)) == len(images)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "pending.toml: "),
        ("applicants = [", "pending.toml: "),
        ("applicants = []\noffers = [{ sku = 'X' }]", "missing required field `scenario` - at `$.offers[0]`"),
        ("applicants = []\noffers = []\nshops = []", "pending.toml: Object contains unknown field `shops`"),
    ],
)
def test_a_broken_file_of_content_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    monkeypatch.setattr(content, "_FOLDER", tmp_path)
    if text is not None:
        (tmp_path / "pending.toml").write_text(text)
    with pytest.raises(ContentError) as error:
        content.pending.__wrapped__()
    assert message in str(error.value)
