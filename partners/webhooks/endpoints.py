"""A partner's webhook endpoints."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from marketplace.kernel.clock import WALL
from marketplace.kernel.ids import uuid7
from marketplace.kernel.keyring import KeyRing
from marketplace.kernel.refusals import ChangedMeanwhile, Explanation, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.http.etags import Editions
from marketplace.platform.http.merge_patch import Patch, patched
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.one_time_secrets import MOST_OLD_SECRETS, TooManySecrets, seal
from partners.registry.history import lock_partner
from partners.webhooks.catalogue import Catalogue
from partners.webhooks.domain import ENDPOINT, MOST_ENDPOINTS, EndpointStatus
from partners.webhooks.schemas import EndpointContent, EndpointState, WebhookEndpointInput, WebhookEndpointView
from partners.webhooks.signing import new_keys, seal_keys
from partners.webhooks.tables import WebhookEndpointRow, WebhookOldKeysRow

_VIEW = (  # $1 is the current time
    "id, version, url, event_types, description, status, disabled_reason, failing_since, public_key, created_at,"
    " (SELECT max(until) FROM webhook_old_keys o WHERE o.endpoint_id = webhook_endpoint.id AND until > $1) AS old_keys_until"
)


class TooManyEndpoints(Refusal):
    """The partner has the maximum number of endpoints."""

    code = "too_many_endpoints"
    zh = "最多可有 {most} 个 Webhook 端点；请先删除不用的。"
    en = "You can have at most {most} webhook endpoints. Delete one that is not used."
    explanation = Explanation(
        Text("Webhook 端点已达上限。", "The number of webhook endpoints has reached its limit."),
        Text("请先删除不用的端点。", "Delete an endpoint that is not used."),
    )


class Endpoints:
    """Manages endpoints. Each call is for one partner, and only finds its own."""

    def __init__(self, catalogue: Catalogue, outbound: Outbound, ring: KeyRing) -> None:
        """Set the catalogue, the outbound guard and the keys."""
        self.catalogue = catalogue
        self._outbound = outbound
        self._ring = ring

    async def create(
        self, work: UnitOfWork, partner_id: UUID, new: WebhookEndpointInput, actor: str, now: datetime
    ) -> WebhookEndpointView:
        """Insert an endpoint and return it, with its secret sealed. Raises InvalidField, TooManyEndpoints."""
        self._outbound.check("url", new.url)
        types = self.catalogue.check(new.event_types)
        await lock_partner(work, partner_id)  # or two concurrent ones would both find room
        if (
            await work.run(WebhookEndpointRow.count().where(WebhookEndpointRow.partner_id == partner_id))
            >= MOST_ENDPOINTS
        ):
            raise TooManyEndpoints(most=MOST_ENDPOINTS)
        identifier, keys = uuid7(), new_keys()
        await work.run(
            WebhookEndpointRow.insert(
                WebhookEndpointRow(
                    id=identifier,
                    partner_id=partner_id,
                    url=new.url,
                    description=new.description,
                    event_types=types,
                    status=EndpointStatus.ENABLED,
                    keys_sealed=seal_keys(self._ring, keys),
                    public_key=keys.public_key,
                    version=1,
                    created_at=now,
                    created_by=actor,
                )
            )
        )
        await audit.record(work, actor, "webhook.create", f"endpoint:{identifier}", now, url=new.url)
        return await self._with_secret(partner_id, identifier, keys.shown)

    async def edit(
        self,
        work: UnitOfWork,
        partner_id: UUID,
        endpoint_id: UUID,
        patch: Patch,
        editions: Editions,
        actor: str,
        now: datetime,
    ) -> None:
        """Change the given members. Enabling resets the failure state.

        Raises NotFound, ChangedMeanwhile unless the current version is among `editions`, InvalidField, InvalidFields.
        """
        row = await lock_endpoint(work, partner_id, endpoint_id)
        if row["version"] not in editions:
            raise ChangedMeanwhile
        stands: EndpointState = "enabled" if row["status"] == EndpointStatus.ENABLED else "disabled"
        change = patched(EndpointContent(row["url"], row["event_types"], row["description"], stands), patch)
        if "url" in patch:
            self._outbound.check("url", change.url)
        types = self.catalogue.check(change.event_types) if "event_types" in patch else row["event_types"]
        before = after = EndpointStatus(row["status"])
        if "status" in patch:
            after = ENDPOINT.after(before, "enable" if change.status == "enabled" else "disable")
        woken = after is EndpointStatus.ENABLED and before is not after
        await work.execute(
            "UPDATE webhook_endpoint SET url = $2, event_types = $3, description = $4,"
            " status = $5, disabled_reason = CASE WHEN $5 = 'enabled' THEN NULL ELSE coalesce(disabled_reason, 'by_partner') END,"
            " failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END, version = version + 1 WHERE id = $1",
            endpoint_id,
            change.url,
            types,
            change.description,
            after,
            woken,
        )
        await audit.record(work, actor, "webhook.edit", f"endpoint:{endpoint_id}", now, url=change.url, status=after)

    async def rotate(
        self, work: UnitOfWork, partner_id: UUID, endpoint_id: UUID, grace_hours: int, actor: str, now: datetime
    ) -> WebhookEndpointView:
        """Give the endpoint new keys and return it, with the new secret sealed. Raises NotFound, TooManySecrets.

        Replaced keys sign until their grace period ends; a grace period of 0 ends all of them.
        """
        await lock_endpoint(work, partner_id, endpoint_id)
        if grace_hours == 0:
            await work.run(WebhookOldKeysRow.delete().where(WebhookOldKeysRow.endpoint_id == endpoint_id))
        else:
            await _keep_old_keys(work, endpoint_id, grace_hours)
        keys = new_keys()
        await work.execute(
            "UPDATE webhook_endpoint SET keys_sealed = $2, public_key = $3, version = version + 1 WHERE id = $1",
            endpoint_id,
            seal_keys(self._ring, keys),
            keys.public_key,
        )
        await audit.record(work, actor, "webhook.rotate", f"endpoint:{endpoint_id}", now, grace_hours=grace_hours)
        return await self._with_secret(partner_id, endpoint_id, keys.shown)

    async def _with_secret(self, partner_id: UUID, endpoint_id: UUID, secret: str) -> WebhookEndpointView:
        view = await get_endpoint(partner_id, endpoint_id)
        return msgspec.structs.replace(view, secret=seal(self._ring, secret))


async def _keep_old_keys(work: UnitOfWork, endpoint_id: UUID, hours: int) -> None:
    """Keep the current keys of a locked endpoint valid for some hours."""
    standing = await work.run(
        WebhookOldKeysRow.count().where(
            WebhookOldKeysRow.endpoint_id == endpoint_id, WebhookOldKeysRow.until > WALL.now()
        )
    )
    if standing >= MOST_OLD_SECRETS:
        raise TooManySecrets
    await work.execute(
        "INSERT INTO webhook_old_keys (id, endpoint_id, keys_sealed, until)"
        " SELECT $2, id, keys_sealed, $3::timestamptz FROM webhook_endpoint WHERE id = $1",
        endpoint_id,
        uuid7(),
        WALL.now() + timedelta(hours=hours),
    )


async def lock_endpoint(work: UnitOfWork, partner_id: UUID, endpoint_id: UUID) -> Any:
    """Lock and return the partner's endpoint. Raises NotFound."""
    row = await work.fetchrow(
        "SELECT status, url, event_types, description, version FROM webhook_endpoint"
        " WHERE id = $1 AND partner_id = $2 FOR UPDATE",
        endpoint_id,
        partner_id,
    )
    if row is None:
        raise NotFound
    return row


async def remove(work: UnitOfWork, partner_id: UUID, endpoint_id: UUID, actor: str, now: datetime) -> None:
    """Delete an endpoint with its deliveries. Raises NotFound."""
    await lock_endpoint(work, partner_id, endpoint_id)
    await work.run(WebhookEndpointRow.delete().where(WebhookEndpointRow.id == endpoint_id))
    await audit.record(work, actor, "webhook.delete", f"endpoint:{endpoint_id}", now)


async def get_endpoint(partner_id: UUID, endpoint_id: UUID) -> WebhookEndpointView:
    """Return one of the partner's endpoints. Raises NotFound."""
    row = await DB.fetchrow(
        f"SELECT {_VIEW} FROM webhook_endpoint WHERE id = $2 AND partner_id = $3", WALL.now(), endpoint_id, partner_id
    )
    if row is None:
        raise NotFound
    return WebhookEndpointView(**row)


async def list_endpoints(
    partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int
) -> Page[WebhookEndpointView]:
    """Return a page of the partner's endpoints, the oldest first."""
    kind = f"endpoints:{partner_id}"
    after = cursors.read(kind, cursor)[0] if cursor else str(UUID(int=0))
    rows = await DB.fetch(
        f"SELECT {_VIEW} FROM webhook_endpoint WHERE partner_id = $2 AND id > $3::uuid ORDER BY id LIMIT $4",
        WALL.now(),
        partner_id,
        after,
        limit + 1,
    )
    data = [WebhookEndpointView(**row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [str(data[-1].id)]) if len(rows) > limit else None)
