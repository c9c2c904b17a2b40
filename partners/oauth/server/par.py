"""Pushed authorization requests (PAR, RFC 9126): the client sends its request to us directly, so that no browser can change it.

Authlib has no PAR. The request is checked as the authorization endpoint will check it.
"""

from collections.abc import Mapping

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error

from marketplace.platform.postgres.database import unit_of_work
from partners.oauth.clients.secrets import new_token
from partners.oauth.server.adapters import AUTH_METHODS, Server, ServerRequest, TokenAnswer, refusal
from partners.oauth.server.authlib_models import Loaded
from partners.oauth.server.authorize import check_request
from partners.oauth.server.dpop import InvalidProofError, at_token_endpoint
from partners.oauth.server.effects import load_clients, post
from partners.oauth.server.pushed_requests import LIFE, URN, store
from partners.oauth.server.request_parsing import FormRequest, named_clients, read_form
from partners.oauth.server.token import OauthParts

PATH = "/oauth/par"

# Client authentication is not part of the stored request.
_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


async def push(parts: OauthParts, sent: FormRequest) -> TokenAnswer:
    """Return the response to a pushed request, success or error."""
    settings, now = parts.settings, parts.clock.now()
    try:
        form = read_form(sent.content_type, sent.body)
        if "request_uri" in form:
            raise InvalidRequestError("request_uri cannot be pushed.")
        names = named_clients(form, sent.authorization)
        proof = at_token_endpoint(sent.proofs, f"{settings.base_url}{PATH}")
        fetched = await parts.fetched(names, form)
    except OAuth2Error as error:
        return refusal(error)
    async with unit_of_work() as work:
        clients = await load_clients(work, names)
        server = Server(settings, Loaded(now=now, clients=clients, fetched=fetched, proof=proof))
        try:
            request = ServerRequest("POST", f"{settings.base_url}{PATH}", form, sent.authorization)
            client = server.authenticate_client(request, AUTH_METHODS, "par")
            parameters = _parameters(form, client.get_client_id(), None if proof is None else proof.jkt)
            await check_request(work, settings, parameters, now)
        except OAuth2Error as error:
            return await post(work, settings, server.handle_error_response(None, error), now)
        reference = new_token("")
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]
        body = {"request_uri": f"{URN}{reference}", "expires_in": int(LIFE.total_seconds())}
        answer = await post(work, settings, server.handle_response(201, body, headers), now)
        if answer.status == 201:
            await store(work, reference, client.get_client_id(), parameters, now)
        return answer


def _parameters(form: Mapping[str, str], client_id: str, jkt: str | None) -> dict[str, str]:
    if form.get("client_id", client_id) != client_id:
        raise InvalidClientError(status_code=401, description="client_id names another client.")
    if jkt is not None and form.get("dpop_jkt", jkt) != jkt:
        raise InvalidProofError("dpop_jkt is not the thumbprint of the proof's key.")
    kept = {name: value for name, value in form.items() if name not in _CREDENTIALS}
    bound = {} if jkt is None else {"dpop_jkt": jkt}
    return {**kept, "client_id": client_id, **bound}
