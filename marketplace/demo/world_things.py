"""The objects of the demo's world: plain values, with the instants at which they were created. No I/O, no clock."""

from datetime import date, datetime
from typing import Literal

import msgspec

from marketplace.demo.oneid import DemoPerson
from marketplace.kernel.text import Text

DemoTier = Literal["standard", "silver", "gold", "platinum"]
OfferState = Literal["live", "draft", "in_review", "rejected", "paused"]


class DemoLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a partner accepts vouchers; `id` is the partner's own."""

    id: str
    name: Text
    city: str
    address: str


class Agreement(msgspec.Struct, frozen=True):
    """The contract that a partner signed; rates in parts per million."""

    starts_on: date
    ends_on: date | None
    basis: Literal["on_use", "on_issue"]
    tax_rate_ppm: int
    commission_ppm: int
    payment_terms_days: int


class DemoPartner(msgspec.Struct, frozen=True, kw_only=True):
    """A company. `agreement` is None for an applicant; then `rejection` may say why it was declined."""

    key: str
    name: Text
    legal_name: str
    registration_number: str
    kind: str
    scenarios: tuple[str, ...]
    description: str
    contact: str
    email: str
    phone: str
    website: str
    applied_at: datetime
    agreement: Agreement | None
    locations: tuple[DemoLocation, ...]
    rejection: str = ""


class DemoOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of a partner. Money in minor units, `popularity` a weight; `state` is its final state."""

    partner: str
    sku: str
    scenario: str
    title: Text
    description: Text
    terms: Text
    points: int
    value_minor: int
    settlement_minor: int
    per_member: int | None
    tiers: tuple[DemoTier, ...]
    stock: int | None
    voucher_days: int
    starts_at: datetime
    ends_at: datetime | None
    registered_at: datetime
    state: OfferState
    popularity: float
    image: str


class DemoMember(msgspec.Struct, frozen=True):
    """A member of the car maker's club."""

    subject: str
    name: str
    tier: DemoTier
    phone: str
    vehicle: str
    joined_at: datetime


class Earned(msgspec.Struct, frozen=True):
    """Points that the car maker's systems credit to the member with that index in the world's list."""

    member: int
    reference: str
    points: int
    kind: Literal["service", "purchase", "activity", "referral", "gift", "adjustment"]


class PlannedRedemption(msgspec.Struct, frozen=True):
    """A redemption by a member; later events of its voucher refer to its `number`."""

    number: int
    member: int
    sku: str
    quantity: int


class Used(msgspec.Struct, frozen=True):
    """A voucher used at the partner's location, under the till's reference."""

    number: int
    place: str
    reference: str


class Cancelled(msgspec.Struct, frozen=True):
    """A redemption that its member cancelled."""

    number: int
    reason: str


class Moment(msgspec.Struct, frozen=True):
    """The events of one instant, in this order: earned, redeemed, used, cancelled."""

    at: datetime
    earned: list[Earned]
    wanted: list[PlannedRedemption]
    used: list[Used]
    cancelled: list[Cancelled]


class World(msgspec.Struct, frozen=True):
    """The whole world. `history` is in order of time and ends before `now`."""

    now: datetime
    people: list[DemoPerson]
    partners: list[DemoPartner]
    offers: list[DemoOffer]
    members: list[DemoMember]
    history: list[Moment]
