"""A browser and an application at the authorization endpoint, as plain requests."""

import base64
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.app import Api
from tests.support.oauth import ask, basic
from tests.support.partners import staff_post

CALLBACK = "https://app.example.com/callback"

_SEALED = re.compile(r'name="request" value="([^"]+)"')


class Pkce:
    """A verifier and its challenge."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def integrator(api: Api, **changes: Any) -> Any:
    """Return a client issued to an application that acts for partners."""
    body = {
        "name": "收银通", "publisher": "收银通科技", "scopes": ["offers:read", "offers:write", "vouchers:use", "statements:read"],
        "redirect_uris": [CALLBACK],
    } | changes  # fmt: skip
    return await staff_post(api, "/v1/admin/integrator-clients", body)


def asking(client: Any, pkce: Pkce, **changes: Any) -> dict[str, str]:
    """Return the parameters of an authorization request; one that is None is left out."""
    parameters = {
        "response_type": "code", "client_id": client["client_id"], "redirect_uri": CALLBACK, "state": "s-1",
        "scope": "offers:read statements:read", "code_challenge": pkce.challenge, "code_challenge_method": "S256",
    } | changes  # fmt: skip
    return {name: value for name, value in parameters.items() if value is not None}


async def open_authorization(api: Api, parameters: dict[str, str] | str) -> httpx.Response:
    """Go to the authorization endpoint."""
    query = parameters if isinstance(parameters, str) else str(httpx.QueryParams(parameters))
    return await api.get(f"/oauth/authorize?{query}")


REFUSED = "/oauth/authorize/refused?"


def sealed(page: httpx.Response) -> str:
    """Return what the page's form carries."""
    found = _SEALED.search(page.text)
    assert found, page.text
    return found[1]


async def answer(api: Api, page: httpx.Response, decision: str = "allow") -> httpx.Response:
    """Press a button on the page; return where it leads, or the page that tells why it was refused."""
    return await follow_refusal(
        api, await api.post("/oauth/authorize", data={"request": sealed(page), "decision": decision})
    )


async def follow_refusal(api: httpx.AsyncClient, sent: httpx.Response) -> httpx.Response:
    """Return the page of ours to which a refused form leads, or the answer as it is."""
    refused = sent.headers.get("location", "").startswith(REFUSED)
    return await api.get(sent.headers["location"]) if refused else sent


def led_to(response: httpx.Response) -> tuple[str, dict[str, str]]:
    """Return where the browser is sent: the address without its query, and the query."""
    assert response.status_code == 303, response.text
    parts = urlsplit(response.headers["location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query="").geturl(), query


async def code_for(api: Api, client: Any, pkce: Pkce, **changes: Any) -> str:
    """Return a code that a person gave the application."""
    page = await open_authorization(api, asking(client, pkce, **changes))
    assert page.status_code == 200, page.text
    where, query = led_to(await answer(api, page))
    assert where == changes.get("redirect_uri", CALLBACK)
    return query["code"]


def credentials(client: Any) -> dict[str, str]:
    """Return the Authorization header of a client with a secret."""
    return {"Authorization": basic(client["client_id"], client["client_secret"])}


async def exchange(api: Api, client: Any, code: str, pkce: Pkce, headers: Any = None, **changes: Any) -> httpx.Response:
    """Exchange a code."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier,
    } | changes  # fmt: skip
    form = {name: value for name, value in form.items() if value is not None}
    return await ask(api, form, **(credentials(client) if headers is None else headers))


async def refresh(api: Api, client: Any, token: str, headers: Any = None, **changes: Any) -> httpx.Response:
    """Ask for new tokens with a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token} | changes
    return await ask(api, form, **(credentials(client) if headers is None else headers))


async def tokens_for(api: Api, client: Any, **changes: Any) -> Any:
    """Return the tokens of an application that a person just let act."""
    pkce = Pkce()
    given = await exchange(api, client, await code_for(api, client, pkce, **changes), pkce)
    assert given.status_code == 200, given.text
    return given.json()
