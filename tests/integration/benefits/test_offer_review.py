"""An offer is held against its partner's contract when it is registered, and again when it is approved."""

from marketplace.settings import Settings
from tests.support.agreements import agree
from tests.support.app import fresh_key, running_app
from tests.support.flow import PARTNER_SCOPES, Partner, bearer, good
from tests.support.partner_fixtures import application_json, contract_json
from tests.support.world import offer_json


async def test_a_contract_signed_after_the_offer_caps_its_price(dsn: str, settings: Settings) -> None:
    async with running_app(settings, dsn) as api:
        operations = api.staff("operations")
        partner = good(await api.post("/v1/partner/applications", json=application_json(), headers=fresh_key()), 201)[
            "id"
        ]
        at = f"/v1/admin/partners/{partner}"
        good(await api.post(f"{at}/approve", json={}, headers=operations | fresh_key()))
        body = {"name": "till", "auth_method": "client_secret_basic", "scopes": PARTNER_SCOPES}
        client = good(await api.post(f"{at}/clients", json=body, headers=operations | fresh_key()), 201)
        headers = await bearer(api, client["client_id"], client["client_secret"])
        dear = offer_json(settlement_price={"amount": 50_000, "currency": "CNY"})
        offer = good(await api.post("/v1/partner/offers", json=dear, headers=headers | fresh_key()), 201)["id"]
        good(await api.post(f"/v1/partner/offers/{offer}/submit", headers=headers | fresh_key()))
        capped = contract_json(max_settlement_price={"amount": 20_000, "currency": "CNY"})
        good(await agree(api, partner, capped))
        refused = await api.post(f"/v1/admin/offers/{offer}/approve", headers=operations | fresh_key())
        assert (refused.status_code, refused.json()["code"]) == (409, "settlement_price_too_high")
        assert (refused.json()["wanted"], refused.json()["found"]) == (50_000, 20_000)
        assert good(await api.get(f"/v1/admin/offers/{offer}", headers=operations))["status"] == "in_review"
        again = offer_json(settlement_price={"amount": 50_000, "currency": "CNY"})
        answer = await api.post("/v1/partner/offers", json=again, headers=headers | fresh_key())
        assert (answer.status_code, answer.json()["code"]) == (409, "settlement_price_too_high")


async def test_an_offer_that_nobody_could_redeem_is_refused_when_it_is_registered(dsn: str, settings: Settings) -> None:
    """The contract names no price, and the offer none either: there would be nothing to settle."""
    async with running_app(settings, dsn) as api:
        operations = api.staff("operations")
        partner = good(await api.post("/v1/partner/applications", json=application_json(), headers=fresh_key()), 201)[
            "id"
        ]
        at = f"/v1/admin/partners/{partner}"
        good(await api.post(f"{at}/approve", json={}, headers=operations | fresh_key()))
        body = {"name": "till", "auth_method": "client_secret_basic", "scopes": PARTNER_SCOPES}
        client = good(await api.post(f"{at}/clients", json=body, headers=operations | fresh_key()), 201)
        headers = await bearer(api, client["client_id"], client["client_secret"])
        # Before there is a contract, a draft may wait for its price.
        early = offer_json(settlement_price=None)
        good(await api.post("/v1/partner/offers", json=early, headers=headers | fresh_key()), 201)
        good(await agree(api, partner, contract_json(settlement_price=None)))
        answer = await api.post(
            "/v1/partner/offers", json=offer_json(settlement_price=None), headers=headers | fresh_key()
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "settlement_price_missing")
        priced = offer_json(settlement_price={"amount": 2_000, "currency": "CNY"})
        good(await api.post("/v1/partner/offers", json=priced, headers=headers | fresh_key()), 201)


async def test_a_partner_that_only_grants_points_sells_nothing(dsn: str, settings: Settings) -> None:
    async with running_app(settings, dsn) as api:
        granting = await Partner(api).open(role="grants_points")
        refused = await api.post("/v1/partner/offers", json=offer_json(), headers=granting.headers | fresh_key())
        assert (refused.status_code, refused.json()["code"]) == (409, "points_not_accepted")
        both = await Partner(api).open(role="both")
        good(await api.post("/v1/partner/offers", json=offer_json(), headers=both.headers | fresh_key()), 201)
