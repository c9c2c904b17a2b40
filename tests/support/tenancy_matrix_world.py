"""The small world of the tenancy matrix: two partners and two members with something of everything, made over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from joserfc import jwt

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from partners.oauth.domain import PARTNER_SCOPES
from partners.services import PartnersServices
from tests.support import today
from tests.support.agreements import agree
from tests.support.app import Api, fresh_key, running_app
from tests.support.authorizing import CALLBACK
from tests.support.finance import approve, check_now, close, pay
from tests.support.oauth import basic
from tests.support.owner import by_owner
from tests.support.partner_fixtures import application_json, contract_json
from tests.support.partners import bearer, token
from tests.support.today import sql_now
from tests.support.world import offer_json

OPERATIONS = "operations"
GRANTING = {
    "role": "both",
    "counter_cancel_minutes": 60,
    "packs": {"points": 1_000, "price": {"amount": 80_000, "currency": "CNY"}, "low_balance_points": 300},
}
CANARIES = {
    "member": {
        "subject": "canary-one-7311",
        "name": "金丝雀·林小满",
        "phone": "+86 139 0000 7311",
        "vehicle": "金丝雀 鲁A·C7311",
    },
    "other_member": {
        "subject": "canary-two-7322",
        "name": "金丝雀·赵一鸣",
        "phone": "+86 139 0000 7322",
        "vehicle": "金丝雀 鲁A·C7322",
    },
}
"""The members: unmistakable, so that they can be looked for in whatever leaves the house."""

HOOK = "http://127.0.0.1:9/hooks"

_STAFF = f"""
INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, created_at, created_by, changed_at)
VALUES ($1, $2, $3, '王敏', '{{owner}}', 'disabled', 1, {sql_now()}, 'test', {sql_now()})
"""
_OWNER = f"""
INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, password_hash, totp_sealed, created_at,
    created_by, changed_at)
VALUES ($1, $2, 'lost@example.com', '王敏', '{{owner}}', 'active', 1, 'x', 'x', {sql_now()}, 'test', {sql_now()})
"""
_GRANT = f"""
INSERT INTO oauth_grant (id, client_id, partner_id, staff_id, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, {sql_now()}, {sql_now()} + interval '1 day')
"""


class MatrixWorld:
    """`ids` names the first partner's and the first member's things, `who` has the headers of everybody who may ask."""

    def __init__(self, api: Api, clock: Clock, hook: str = HOOK) -> None:
        """Begin empty; `hook` is where the first partner receives events."""
        self.api, self.clock, self.hook = api, clock, hook
        self.ids: dict[str, str] = {}
        self.who: dict[str, dict[str, str]] = {}
        self.clients: dict[str, Any] = {}

    async def call(self, method: str, path: str, who: dict[str, str], body: Any = None, **more: Any) -> Any:
        """Ask; it must succeed."""
        answer = await self.api.request(method, path, json=body, headers=who | fresh_key(), **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def post(self, path: str, who: dict[str, str], body: Any = None) -> Any:
        """Post; it must succeed."""
        return await self.call("POST", path, who, body)

    async def build(self) -> "MatrixWorld":
        """Make everything: what was redeemed two months ago and last month is settled now."""
        last_month = (today.now().replace(day=1) - timedelta(days=1)).replace(day=15)
        self.months = [(last_month - timedelta(days=31 * back)).replace(day=15) for back in range(3)]
        self._stand(self.months[1])
        await self._partners()
        await self._members()
        for month in (self.months[1], self.months[0]):
            self._stand(month)
            await self._use(await self._redeem())
        self.clock.offset = timedelta()
        await self._settle()
        await self._things()
        await self._applications()
        await self._contracts()
        await self._people()
        await self._registered()
        self.ids |= {
            "token": await token(self.api, self.clients["partner"]),
            "month": f"{self.months[1]:%Y-%m}",
            "paid_on": f"{today.now():%Y-%m}-01",
        }
        return self

    def _stand(self, at: datetime) -> None:
        self.clock.offset = at - today.now()

    async def partner(self, **contract: Any) -> str:
        """Return the id of an active partner."""
        api, operations = self.api, self.api.staff(OPERATIONS)
        partner_id = (await self.post("/v1/partner/applications", {}, application_json()))["id"]
        await self.post(f"/v1/admin/partners/{partner_id}/approve", operations, {})
        answer = await agree(api, partner_id, contract_json(**contract))
        assert answer.status_code == 200, answer.text
        return str(partner_id)

    async def client(self, partner_id: str, **fields: Any) -> Any:
        """Return a client of the partner, with all scopes unless others are given."""
        body = {"name": "till", "scopes": sorted(PARTNER_SCOPES)} | fields
        return await self.post(f"/v1/admin/partners/{partner_id}/clients", self.api.staff(OPERATIONS), body)

    async def narrowed(self, who: str, scopes: set[str]) -> dict[str, str]:
        """Return the headers of the client's token with these scopes only."""
        return bearer(await token(self.api, self.clients[who], scope=" ".join(sorted(scopes))))

    async def expired(self, who: str) -> dict[str, str]:
        """Return the headers of somebody's token as it was when it had ended: signed by us, and too old."""
        sent = self.who[who]["Authorization"].partition(" ")[2]
        iat = int(today.now().timestamp())
        return await self._signed(sent, iat=iat - 900, exp=iat - 300)

    async def granted(self) -> dict[str, str]:
        """Return the headers of an application whose person was disabled after they had let it act."""
        sent = self.who["partner"]["Authorization"].partition(" ")[2]
        return await self._signed(sent, client_id=self.clients["application"]["client_id"], grant=self.ids["grant"])

    async def _signed(self, token: str, **changes: Any) -> dict[str, str]:
        signing = await PartnersServices.of(self.api.app).oauth.signing.current(today.now())
        claims = jwt.decode(token, signing.key).claims | changes
        header = {"alg": signing.algorithm, "kid": signing.kid, "typ": "at+jwt"}
        return bearer(jwt.encode(header, claims, signing.key))

    async def _partners(self) -> None:
        api, ids, operations = self.api, self.ids, self.api.staff(OPERATIONS)
        ids["partner_id"], ids["other_partner"] = await self.partner(**GRANTING), await self.partner(**GRANTING)
        suspended, terminated = await self.partner(), await self.partner()
        for name, partner_id in (
            ("partner", ids["partner_id"]), ("other", ids["other_partner"]), ("revoked", ids["partner_id"]),
            ("suspended", suspended), ("terminated", terminated), ("spare", ids["partner_id"]), ("rotated", ids["partner_id"]),
        ):  # fmt: skip
            self.clients[name] = await self.client(partner_id)
            self.who[name] = bearer(await token(api, self.clients[name]))
        body = {"name": "dms", "scopes": ["points:write", "members:write"]}
        for name in ("oem", "oem_revoked"):
            self.clients[name] = await self.post("/v1/admin/oem-clients", operations, body)
            self.who[name] = bearer(await token(api, self.clients[name]))
        for name in ("revoked", "oem_revoked"):
            path = f"/v1/admin/clients/{self.clients[name]['client_id']}/revoke"
            await self.post(path, operations, {"reason": "lost"})
        shop = {"id": "HX-1", "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
        await self.post("/v1/partner/locations", self.who["suspended"], shop)
        for partner_id, step in ((suspended, "suspend"), (terminated, "terminate")):
            await self.post(f"/v1/admin/partners/{partner_id}/{step}", operations, {"reason": "complaints"})
        ids["client_id"], ids["rotated_client"] = (
            self.clients["spare"]["client_id"],
            self.clients["rotated"]["client_id"],
        )

    async def _members(self) -> None:
        await self.post("/v1/points/members", self.who["oem"], {"members": list(CANARIES.values())})
        for name, canary in CANARIES.items():
            claims = {"name": canary["name"], "phone_number": canary["phone"]}
            self.who[name] = self.api.member(canary["subject"], **claims)
        for name in ("member", "other_member"):
            self.ids[f"{name}_id"] = (await self.call("GET", "/v1/me", self.who[name]))["member"]["id"]
        now = self.clock.now().isoformat()
        earnings = [
            {"reference": f"e-{n}", "member_id": self.ids[f"{name}_id"], "points": 5000, "kind": "service", "occurred_at": now}
            for n, name in enumerate(("member", "other_member"))
        ]  # fmt: skip
        await self.post("/v1/points/earnings", self.who["oem"], {"earnings": earnings})
        who = self.who["partner"]
        self.ids["offer"] = await self._offer(who, "approve", stock=100)
        shop = {"name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
        for partner, location in (("partner", "HX-1"), ("other", "HX-1"), ("partner", "HX-OWN-1")):
            await self.post("/v1/partner/locations", self.who[partner], shop | {"id": location})
        # A location's id is its partner's own: the first one says nothing, the other nobody else has.
        self.ids |= {"location": "HX-1", "own_location": "HX-OWN-1"}
        elsewhere = await self._offer(self.who["other"], "approve", stock=100)
        self.ids["elsewhere"] = elsewhere

    async def _offer(self, who: dict[str, str], *steps: str, **fields: Any) -> str:
        offer_id = (await self.post("/v1/partner/offers", who, offer_json(**fields)))["id"]
        if "submit" in steps or "approve" in steps:
            await self.post(f"/v1/partner/offers/{offer_id}/submit", who)
        if "approve" in steps:
            await self.post(f"/v1/admin/offers/{offer_id}/approve", self.api.staff(OPERATIONS))
        return str(offer_id)

    async def _redeem(self) -> Any:
        request = {"offer_id": self.ids["offer"], "quantity": 1}
        return await self.post("/v1/redemptions", self.who["member"], request)

    async def _use(self, redemption: Any) -> None:
        body = {"code": redemption["voucher"]["code"], "reference": "till", "location_id": self.ids["location"]}
        await self.post("/v1/partner/vouchers/use", self.who["partner"], body)

    async def _settle(self) -> None:
        statements = []
        for month in reversed(self.months):
            closed = await close(self.api, f"{month:%Y-%m}")
            assert closed.status_code == 200, closed.text
            (own,) = [one for one in closed.json()["statements"] if one["partner_id"] == self.ids["partner_id"]]
            statements.append(own["id"])
        await check_now(self.api)
        self.ids |= {"statement": statements[0], "paid_statement": statements[1], "owed_statement": statements[2]}
        for statement in statements[1:]:
            assert (await approve(self.api, statement)).status_code == 200
        paid = await pay(self.api, statements[1], paid_on=f"{today.now():%Y-%m}-01")
        assert paid.status_code == 201, paid.text
        self.ids["payout"] = paid.json()["id"]

    async def _things(self) -> None:
        ids, who = self.ids, self.who["partner"]
        for name in ("redemption", "undone", "used"):
            made = await self._redeem()
            ids[name], ids[f"{name}_code"], ids[f"{name}_voucher"] = (
                made["id"],
                made["voucher"]["code"],
                made["voucher"]["id"],
            )
        await self._use({"voucher": {"code": ids["undone_code"]}})
        for name in ("hold", "posted_hold"):
            request = {"member_id": ids["member_id"], "offer_id": ids["offer"], "reference": name}
            ids[name] = (await self.post("/v1/points/holds", self.who["oem"], request))["id"]
        ids["sku"] = "SKU-OF-THE-DRAFT"
        ids["draft"], ids["coded"] = await self._offer(who, sku=ids["sku"]), await self._offer(who, codes="partner")
        for name in ("approved", "rejected"):
            ids[f"{name}_offer"] = await self._offer(who, "submit")
        ids["paused_offer"] = await self._offer(who, "approve")
        for name in ("endpoint", "lost_endpoint"):
            made = await self.post("/v1/partner/webhook-endpoints", who, {"url": self.hook, "event_types": ["*"]})
            ids[name] = made["id"]
        at = f"/v1/partner/webhook-endpoints/{ids['endpoint']}"
        await self.post(f"{at}/simulate", who, {"event_type": "voucher.used"})
        ids["delivery"] = (await self.call("GET", f"{at}/deliveries", who))["data"][0]["id"]
        provider = {"issuer": "http://127.0.0.1:9/realm", "client_id": "m", "client_secret": "s"}
        await self.call("PUT", "/v1/partner/identity-provider", who, provider)
        account = {"holder": "华夏", "bank": "工商银行", "number": "6222021001112223334", "document_reference": "P-1"}
        finance = self.api.staff("finance")
        await self.call("PUT", f"/v1/admin/partners/{ids['partner_id']}/payout-account", finance, account)
        await self.post(
            f"/v1/admin/partners/{ids['partner_id']}/point-packs", finance, {"packs": 1, "reference": "ICBC"}
        )

    async def _applications(self) -> None:
        operations, ids = self.api.staff(OPERATIONS), self.ids
        for name, steps in {
            "application": ("review", "request-changes"), "other_application": ("review", "request-changes"),
            "applied": (), "taken_up": ("review",), "approving": ("review",), "rejecting": ("review",),
        }.items():  # fmt: skip
            made = await self.post("/v1/partner/applications", {}, application_json(kind="school"))
            ids[name], self.who[name] = made["id"], bearer(made["application_token"])
            for step in steps:
                await self.post(f"/v1/admin/partners/{ids[name]}/{step}", operations, {"reason": "papers"})
        for name in ("suspending", "resuming", "terminating"):
            ids[name] = await self.partner()
        await self.post(f"/v1/admin/partners/{ids['resuming']}/suspend", operations, {"reason": "papers"})
        for code, kind in (("mx_said", "attested"), ("mx_seen", "verified"), ("mx_gone", "verified")):
            asked = {
                "code": code, "kind": kind, "gate": "approve", "title": {"zh-CN": "证", "en": "Proof"},
                "help": {"zh-CN": "证", "en": "Proof"}, "partner_kinds": ["school"],
            }  # fmt: skip
            made = await self.post("/v1/admin/requirements", operations, asked)
        ids["requirement"] = made["code"]

    async def _contracts(self) -> None:
        operations, ids = self.api.staff(OPERATIONS), self.ids
        at = f"/v1/admin/partners/{ids['partner_id']}/contracts"
        ids["contract"] = (await self.call("GET", at, operations))["data"][0]["id"]
        later = contract_json(starts_on="2090-01-01", **GRANTING)
        for name in ("drafted", "edited", "withdrawn", "offered", "papered", "signing"):
            made = await self.post(at, operations, later)
            ids[f"{name}_contract"], ids[f"{name}_hash"] = made["id"], made["content_hash"]
            if name not in {"drafted", "edited"}:
                await self.post(f"{at}/{made['id']}/offer", operations)

    async def _people(self) -> None:
        ids, who = self.ids, self.who["partner"]
        for name in ("staff", "disabled_staff", "invited_staff"):
            person = {"email": f"{name}@example.com", "name": "陈静", "roles": ["marketer"]}
            ids[name] = (await self.post("/v1/partner/staff", who, person))["id"]
        body = {"name": "收银通", "publisher": "收银通科技", "scopes": ["offers:read"], "redirect_uris": [CALLBACK]}
        application = await self.post("/v1/admin/integrator-clients", self.api.staff(OPERATIONS), body)
        self.clients["application"] = application
        ids["owner"] = str(uuid7())
        await DB.fetch(_OWNER, UUID(ids["owner"]), UUID(ids["partner_id"]))
        ids["grant"], person_id = str(uuid7()), uuid7()
        await DB.fetch(_STAFF, person_id, UUID(ids["partner_id"]), "owner@example.com")
        values = UUID(ids["grant"]), application["client_id"], UUID(ids["partner_id"]), person_id
        await DB.fetch(_GRANT, *values, ["offers:read"])

    async def _registered(self) -> None:
        operations = self.api.staff(OPERATIONS)
        for name, partner_id in (("registered", "partner_id"), ("changed", "partner_id"), ("deleted", "partner_id"),
                                 ("other_registered", "other_partner"), ("initial", "partner_id")):  # fmt: skip
            body = {"partner_id": self.ids[partner_id], "scopes": ["offers:read"], "uses": 50}
            initial = await self.post("/v1/admin/registration-tokens", operations, body)
            self.who["initial"] = bearer(initial["initial_access_token"])
            if name == "initial":
                break
            answer = await self.api.post("/oauth/register", json={"client_name": "店"}, headers=self.who["initial"])
            assert answer.status_code == 201, answer.text
            made = answer.json()
            self.ids[name], self.who[name] = made["client_id"], bearer(made["registration_access_token"])

        suspended = await self.partner()
        for name, partner_id in (("initial_expired", self.ids["partner_id"]), ("initial_suspended", suspended)):
            made = await self.post(
                "/v1/admin/registration-tokens", operations, {"partner_id": partner_id, "scopes": ["offers:read"]}
            )
            self.who[name] = bearer(made["initial_access_token"])
            if name == "initial_expired":
                ended = f"UPDATE oauth_initial_token SET expires_at = {sql_now()} - interval '1 second' WHERE id = $1"
                await by_owner(ended, UUID(made["id"]))
        await self.post(f"/v1/admin/partners/{suspended}/suspend", operations, {"reason": "complaints"})

    def basic(self, who: str) -> dict[str, str]:
        """Return the headers of a client that authenticates itself."""
        client = self.clients[who]
        return {"Authorization": basic(client["client_id"], client["client_secret"])}

    async def sandboxes(self) -> None:
        """Give both partners sandboxes; made when the first row asks, since it takes seconds."""
        if "sandbox" in self.who:
            return
        for name, partner in (("sandbox", "partner_id"), ("other_sandbox", "other_partner")):
            client = await self.client(self.ids[partner], livemode=False)
            self.who[name] = bearer(await token(self.api, client))
            found = await self.call("GET", "/v1/partner/sandbox", self.who[name])
            self.ids[f"{name}_member"] = found["members"][0]["id"]


@asynccontextmanager
async def matrix_world(settings: Settings, dsn: str, hook: str = HOOK) -> AsyncIterator[MatrixWorld]:
    """Give the world, in a running application. What it answers is looked at by `api.event_hooks`, if a test wants to."""
    clock = Clock()
    clock.offset = -timedelta(days=100)  # the signing key was there before anything else
    allowed = msgspec.structs.replace(settings, outbound_allow="127.0.0.0/8")
    async with running_app(allowed, dsn, clock) as api:
        yield await MatrixWorld(api, clock, hook).build()
