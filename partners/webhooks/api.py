"""Endpoints, deliveries and events of a partner over HTTP."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.http.etags import IfMatch, editions_of, etag
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.merge_patch import Patch
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from partners.one_time_secrets import TooManySecrets, reveal
from partners.services import PartnersServices
from partners.webhooks import deliveries
from partners.webhooks.catalogue import schema_of
from partners.webhooks.domain import DeliveryStatus
from partners.webhooks.endpoints import Endpoints, TooManyEndpoints, get_endpoint, list_endpoints, remove
from partners.webhooks.feed import read_events
from partners.webhooks.schemas import (
    DeliveryDetail,
    DeliveryView,
    EndpointContent,
    EventPage,
    EventTypesView,
    EventTypeView,
    Rotation,
    Simulation,
    WebhookEndpointInput,
    WebhookEndpointView,
)

_MANAGE = {"scope": "webhooks:manage"}
_READ = {"scope": "events:read"}


def _tagged(view: WebhookEndpointView) -> Response[WebhookEndpointView]:
    return Response(view, headers=etag(view.version))


class WebhookEndpoints(Controller):
    """The webhook endpoints of a partner."""

    path = "/v1/partner/webhook-endpoints"
    opt = _MANAGE
    tags = ["partner"]

    @post(
        operation_id="create_webhook_endpoint",
        opt=refusals(TooManyEndpoints),
        summary="Create a webhook endpoint",
        responses={
            201: ResponseSpec(WebhookEndpointView, description="The endpoint, with its secret", generate_examples=False)
        },
    )
    async def create(
        self,
        data: JSONBody[WebhookEndpointInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """The secret is shown only once. Messages are signed by Standard Webhooks: `v1` with it, `v1a` with `public_key`."""
        now, endpoints = clock.now(), endpoints_of(request)

        async def create(work: UnitOfWork) -> WebhookEndpointView:
            return await endpoints.create(work, partner.partner_id, data, partner.actor, now)

        whole = request_key(request, partner.actor, key, data)
        outcome = await once(whole, language_of(request), create, status=201, now=now)
        return reveal(outcome, "secret", settings.keys)

    @get(operation_id="list_webhook_endpoints", summary="List webhook endpoints")
    async def list_all(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[WebhookEndpointView]:
        """The oldest first."""
        return await list_endpoints(partner.partner_id, cursors, cursor, limit)

    @get("/{endpoint_id:str}", operation_id="get_webhook_endpoint", summary="Get a webhook endpoint")
    async def see(
        self, endpoint_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]
    ) -> Response[WebhookEndpointView]:
        """The secret is not returned. Send the ETag as If-Match of a change."""
        return _tagged(await get_endpoint(partner.partner_id, path_id(endpoint_id)))

    @patch(
        "/{endpoint_id:str}",
        operation_id="update_webhook_endpoint",
        summary="Update a webhook endpoint",
        opt={"patch": EndpointContent},
    )
    async def edit(
        self,
        endpoint_id: FromPath[PathId],
        data: JSONBody[Patch],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        clock: NamedDependency[Clock],
        if_match: IfMatch = None,
    ) -> Response[WebhookEndpointView]:
        """Omitted members stay unchanged. `status` enables or disables; waiting messages are sent after enabling."""
        identifier, editions, endpoints = path_id(endpoint_id), editions_of(if_match), endpoints_of(request)
        async with unit_of_work() as work:
            await endpoints.edit(work, partner.partner_id, identifier, data, editions, partner.actor, clock.now())
        return _tagged(await get_endpoint(partner.partner_id, identifier))

    @delete("/{endpoint_id:str}", operation_id="delete_webhook_endpoint", summary="Delete a webhook endpoint")
    async def delete(
        self, endpoint_id: FromPath[PathId], partner: NamedDependency[PartnerCaller], clock: NamedDependency[Clock]
    ) -> None:
        """Deletes its deliveries, too."""
        identifier = path_id(endpoint_id)
        async with unit_of_work() as work:
            await remove(work, partner.partner_id, identifier, partner.actor, clock.now())

    @post(
        "/{endpoint_id:str}/rotate-secret",
        operation_id="rotate_webhook_secret",
        opt=refusals(TooManySecrets),
        summary="Rotate a webhook endpoint's secret",
        status_code=200,
        responses={
            200: ResponseSpec(WebhookEndpointView, description="The endpoint, with its secret", generate_examples=False)
        },
    )
    async def rotate(
        self,
        endpoint_id: FromPath[PathId],
        data: JSONBody[Rotation],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """For `grace_hours` each message carries the signatures of the new and the old keys."""
        identifier, now, endpoints = path_id(endpoint_id), clock.now(), endpoints_of(request)

        async def rotate(work: UnitOfWork) -> WebhookEndpointView:
            hours = data.grace_hours
            return await endpoints.rotate(work, partner.partner_id, identifier, hours, partner.actor, now)

        outcome = await once(request_key(request, partner.actor, key, data), language_of(request), rotate, now=now)
        return reveal(outcome, "secret", settings.keys)

    @post(
        "/{endpoint_id:str}/simulate",
        operation_id="simulate_webhook",
        opt=refusals(WrongState),
        summary="Send a sample message to an endpoint",
        responses={201: ResponseSpec(DeliveryDetail, description="The delivery", generate_examples=False)},
    )
    async def simulate(
        self,
        endpoint_id: FromPath[PathId],
        data: JSONBody[Simulation],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Any type, subscribed or not. It is signed and delivered like every message, and marked by `sample: true`."""
        identifier, now, catalogue = path_id(endpoint_id), clock.now(), endpoints_of(request).catalogue

        async def simulate(work: UnitOfWork) -> DeliveryDetail:
            made = await deliveries.simulate(work, catalogue, partner.partner_id, identifier, data.event_type, now)
            return await deliveries.get_delivery(partner.partner_id, made)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), simulate, status=201, now=now)).response()

    @get(
        "/{endpoint_id:str}/deliveries", operation_id="list_webhook_deliveries", summary="List an endpoint's deliveries"
    )
    async def deliveries(
        self,
        endpoint_id: FromPath[PathId],
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        status: FromQuery[DeliveryStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[DeliveryView]:
        """The deliveries of the last 30 days, the newest first."""
        identifier = path_id(endpoint_id)
        return await deliveries.list_deliveries(partner.partner_id, identifier, status, cursors, cursor, limit)


class WebhookDeliveries(Controller):
    """Single deliveries."""

    path = "/v1/partner/webhook-deliveries"
    opt = _MANAGE
    tags = ["partner"]

    @get("/{delivery_id:str}", operation_id="get_webhook_delivery", summary="Get a webhook delivery with its attempts")
    async def see(self, delivery_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]) -> DeliveryDetail:
        """The message, each attempt, and its response."""
        return await deliveries.get_delivery(partner.partner_id, path_id(delivery_id))

    @post(
        "/{delivery_id:str}/resend",
        operation_id="resend_webhook_delivery",
        opt=refusals(WrongState),
        summary="Resend a webhook delivery",
        status_code=200,
        responses={200: ResponseSpec(DeliveryDetail, description="The delivery", generate_examples=False)},
    )
    async def resend(
        self,
        delivery_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Sends it under the same webhook-id, from the beginning of the schedule."""
        identifier, now = path_id(delivery_id), clock.now()

        async def resend(work: UnitOfWork) -> DeliveryDetail:
            await deliveries.resend(work, partner.partner_id, identifier)
            return await deliveries.get_delivery(partner.partner_id, identifier)

        whole = request_key(request, partner.actor, key, None)
        return (await once(whole, language_of(request), resend, now=now)).response()


class PartnerEvents(Controller):
    """Events for polling."""

    path = "/v1/partner"
    opt = _READ
    tags = ["partner"]

    @get("/events", operation_id="list_events", summary="List the partner's events in order")
    async def events(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> EventPage:
        """The webhook bodies of the last 30 days. Send `next_cursor` as `cursor` until it is null, as in every list.
        Keep `resume_cursor`, and send it as `cursor` in a later poll: it is null only before the first event.
        """
        return await read_events(partner.partner_id, cursors, cursor, limit)

    @get("/event-types", operation_id="list_event_types", summary="List the event types with their JSON Schemas")
    async def types(
        self,
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],  # noqa: ARG002 - the guard
    ) -> EventTypesView:
        """The event types to which an endpoint can subscribe."""
        announced = endpoints_of(request).catalogue.by_type.values()
        return EventTypesView([EventTypeView(each.type, each.title, schema_of(each)) for each in announced])


def endpoints_of(request: HttpRequest) -> Endpoints:
    """Return the application's `Endpoints`."""
    return PartnersServices.of(request).endpoints


ROUTES: list[type[Controller]] = [WebhookEndpoints, WebhookDeliveries, PartnerEvents]
