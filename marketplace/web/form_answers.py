"""Forms of pages: each is executed once and answered with a redirect to a page (POST, 303, GET).

A form has a key. The key, the address and the fields together identify the submission: a reload, the Back button or a second
click sends the same submission, which redirects to the first result and executes nothing. Other fields under the same key are
another submission. The result page of a form is stored, encrypted, for the browser that sent it, at an address of its own. A page
with a secret is shown once.

The row is claimed before the handler runs, in a transaction of its own: a crash in between leaves a submission that is never
executed twice and whose outcome is unknown. The person is told so.
"""

import asyncio
import hashlib
import re
import secrets
import zlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.encryption.secret_keys import FORM_ANSWER
from marketplace.platform.http.problems import parse_id
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.web.local_path import local_path

KEY_LIFE = timedelta(hours=24)
"""How long a page's forms can be sent. Results are kept longer than that, so no key outlives its result."""

_ANSWER_LIFE = KEY_LIFE + timedelta(hours=1)
_KEY = re.compile(r"([0-9a-f]{1,9})-([A-Za-z0-9_-]{22})", re.ASCII)
_KEY_BYTES = 16
_AHEAD_MINUTES = 5
"""Another machine's clock may be ahead of ours."""

_WAIT_S = 10.0
_LOOK_AGAIN_S = 0.2
_CLAIM, _ONCE, _PAGE, _GIVEN = "form_claim", "form_once", "form_page", "form_key"
_NOT_KEPT = {b"set-cookie", b"content-length", b"x-request-id"}

FormUse = Literal["repeatable", "free"]
"""A handler's `opt["form"]`: `repeatable`, a repeated form is executed again, because it changes nothing or its use case has an
idempotency key of its own; `free`, it may be sent from any page at any time (signing out).
"""

logger = structlog.get_logger()


class FormRunning(Refusal):
    """The same form was sent before, and its result is not known yet."""

    code = "form_running"
    zh = "该操作已提交，尚无结果。请先查看是否已生效，再决定是否重新提交。"
    en = "This form was already sent and has no result yet. Check whether it took effect before you send it again."
    explanation = Explanation(
        Text("同一表单已经提交，尚无结果。", "The same form was submitted before and has no result yet."),
        Text(
            "请先查看操作是否已生效，再决定是否重新提交。",
            "Check whether the action took effect before submitting again.",
        ),
    )


class AnswerGone(Refusal):
    """No result of this browser is stored at the address (any more)."""

    kind = Kind.NOT_FOUND
    code = "answer_gone"
    zh = "此结果页面已失效。"
    en = "This result page is no longer available."
    explanation = Explanation(
        Text("该结果页面只在提交后短时间内保留。", "The page with a form's result is kept for a short time only."),
        Text("请返回列表查看操作是否已生效。", "Go back to the list and check whether the action took effect."),
    )


class FormAnswered(Exception):  # noqa: N818 - it redirects to the result, and is not an error
    """The form was executed before; its result is at this address."""

    def __init__(self, location: str) -> None:
        """Name the address of the first result."""
        super().__init__(location)
        self.location = location


class _Claim(msgspec.Struct, frozen=True):
    id: bytes
    address: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: list[tuple[str, str]]
    form_key: str
    once: bool


def new_form_key(now: datetime) -> str:
    """Return a key for the forms of one page: the minute of its creation, and random bits."""
    return f"{_minute(now):x}-{secrets.token_urlsafe(_KEY_BYTES)}"


def is_current(key: str, now: datetime) -> bool:
    """Return whether a form with this key may still be sent."""
    match = _KEY.fullmatch(key)
    if match is None:
        return False
    age_minutes = _minute(now) - int(match[1], 16)
    return -_AHEAD_MINUTES <= age_minutes < KEY_LIFE // timedelta(minutes=1)


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def form_key_of(request: Request[Any, Any, Any]) -> str:
    """Return the key of the forms on the page being rendered."""
    state = request.scope["state"]
    if _GIVEN not in state:
        state[_GIVEN] = new_form_key(_clock(request).now())
    return str(state[_GIVEN])


def page_address(request: Request[Any, Any, Any]) -> str:
    """Return the address of the current page; for a form's result page, that of the page with the form."""
    if request.method in {"GET", "HEAD"}:
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return str(request.scope["state"].get(_PAGE, "/"))


def show_once(request: Request[Any, Any, Any]) -> None:
    """Show this form's result page a single time: it contains a secret."""
    request.scope["state"][_ONCE] = True


async def claim_form(
    request: Request[Any, Any, Any],
    handler: BaseRouteHandler,
    owner: str,
    expired: type[Refusal],
    *,
    answers: str,
) -> None:
    """Claim the submission for the handler that follows; `owner` is the token that the form proved.

    Raises `expired` for a form without a current key, FormAnswered for one that was executed, FormRunning.
    """
    use: FormUse | None = handler.opt.get("form")
    if use == "free":
        return
    form, now = await request.form(), _clock(request).now()
    key = str(form.get("form_key", ""))
    if not is_current(key, now):
        raise expired
    page = local_path(str(form.get("form_page", "")))
    request.scope["state"][_PAGE] = page
    who = _owner(owner)
    identifier = secrets.token_bytes(32) if use == "repeatable" else await _submission(request, who, form.multi_items())
    answer = uuid4()
    async with unit_of_work() as work:
        claimed = await work.fetchval(
            "INSERT INTO form_answer (id, answer, owner, page, headers, once, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4, '[]', false, $5, $6) ON CONFLICT (id) DO NOTHING RETURNING 1",
            identifier, answer, who, page, now, now + _ANSWER_LIFE,
        )  # fmt: skip
    if not claimed:
        raise FormAnswered(await _first_answer(identifier, answers))
    request.scope["state"][_CLAIM] = _Claim(identifier, f"{answers}/{answer}")


async def _submission(request: Request[Any, Any, Any], owner: bytes, fields: Iterable[tuple[str, Any]]) -> bytes:
    digest = hashlib.sha256(owner)
    for address in (request.url.path, request.url.query):
        digest.update(_framed(address.encode()))
    for name, value in fields:
        if isinstance(value, UploadFile):
            content = await value.read()
            await value.seek(0)
            parts = (name.encode(), value.filename.encode("utf-8", "replace"), content)
        else:
            parts = (name.encode(), b"", str(value).encode("utf-8", "replace"))
        for part in parts:
            digest.update(_framed(part))
    return digest.digest()


def _framed(part: bytes) -> bytes:
    # Prefixed with its length: different lists of fields give different bytes.
    return len(part).to_bytes(8) + part


async def _first_answer(identifier: bytes, answers: str) -> str:
    """Return the address of the first result, once it is known. Raises FormRunning."""
    tries = int(_WAIT_S / _LOOK_AGAIN_S)
    for _ in range(tries):
        row = await DB.fetchrow(
            "SELECT answer, location, answered_at IS NOT NULL AS answered FROM form_answer WHERE id = $1", identifier
        )
        if row is None:  # the first submission was refused as retryable, and nothing was executed
            break
        if row["answered"]:
            return str(row["location"] or f"{answers}/{row['answer']}")
        await asyncio.sleep(_LOOK_AGAIN_S)
    raise FormRunning


def lead_on(_request: Request[Any, Any, Any], answered: FormAnswered) -> Response[Any]:
    """Redirect the browser to the first result: the exception handler of FormAnswered."""
    return Redirect(answered.location, status_code=303)


class FormAnswers:
    """Middleware around pages: stores a claimed form's result, and redirects the browser to it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap a route."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the response of a form back until it is stored."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            claim = scope["state"].get(_CLAIM)
            if claim is None:
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                for ready in await _answered(scope, claim, held):
                    await send(ready)

        await self._app(scope, receive, hold)


async def _answered(scope: Scope, claim: _Claim, messages: list[Any]) -> list[Any]:
    """Store the response and return the messages for the browser."""
    start, now = messages[0], PlatformServices.of(scope["litestar_app"]).clock.now()
    status: int = start["status"]
    location = next((value.decode() for name, value in start["headers"] if name.lower() == b"location"), None)
    if status == 503:
        # Nothing was executed: the same form may be sent again.
        await DB.fetch("DELETE FROM form_answer WHERE id = $1 AND answered_at IS NULL", claim.id)
        return messages
    if location is not None and 300 <= status < 400:
        await _store(claim, now, location=location)
        return messages
    body = b"".join(message.get("body", b"") for message in messages[1:])
    state, settings = scope["state"], PlatformServices.of(scope["litestar_app"]).settings
    # Named as the frame names them, so that its defaults are not added a second time.
    kept = [
        (name.decode("latin-1").title(), value.decode("latin-1"))
        for name, value in start["headers"]
        if name.lower() not in _NOT_KEPT
    ]
    answer = _Answer(status=status, headers=kept, form_key=state.get(_GIVEN, ""), once=bool(state.get(_ONCE)))
    packed = len(encoded := msgspec.json.encode(answer)).to_bytes(4) + encoded + body
    sealed = settings.keys.encrypt(FORM_ANSWER, zlib.compress(packed))
    await _store(claim, now, status=status, sealed=sealed, once=answer.once)
    cookies = [header for header in start["headers"] if header[0].lower() == b"set-cookie"]
    headers = [
        (b"location", claim.address.encode()),
        (b"cache-control", b"no-store"),
        (b"content-length", b"0"),
        *cookies,
    ]
    return [
        {"type": "http.response.start", "status": 303, "headers": headers},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]


async def _store(
    claim: _Claim,
    now: datetime,
    *,
    location: str | None = None,
    status: int | None = None,
    sealed: bytes | None = None,
    once: bool = False,
) -> None:
    async with unit_of_work() as work:
        await work.execute(
            "UPDATE form_answer SET answered_at = $2, location = $3, status = $4, body_sealed = $5, once = $6 WHERE id = $1",
            claim.id, now, location, status, sealed, once,
        )  # fmt: skip


class ShownBefore(msgspec.Struct, frozen=True):
    """The result was a page that is shown once, and it was shown. `page` is the page with the form."""

    page: str


async def open_answer(
    request: Request[Any, Any, Any], answer_id: str, owners: Collection[str], *, gone: type[Refusal] = AnswerGone
) -> Response[bytes] | ShownBefore:
    """Return the result page of a form of one of the owners; its forms get a new key. Raises `gone`."""
    identifier, now = parse_id(answer_id), _clock(request).now()
    who = [_owner(owner) for owner in owners if owner]
    row = identifier and await DB.fetchrow(
        "SELECT page, once, body_sealed FROM form_answer"
        " WHERE answer = $1 AND owner = ANY($2::bytea[]) AND expires_at > $3 AND status IS NOT NULL",
        identifier, who, now,
    )  # fmt: skip
    if not row:
        raise gone
    sealed = row["body_sealed"]
    if row["once"] and request.method != "HEAD":
        sealed = await _take(identifier, now)
    if sealed is None:
        return ShownBefore(row["page"])
    packed = zlib.decompress(PlatformServices.of(request).settings.keys.decrypt(FORM_ANSWER, bytes(sealed)))
    length = int.from_bytes(packed[:4])
    answer = msgspec.json.decode(packed[4 : 4 + length], type=_Answer)
    body = packed[4 + length :]
    if answer.form_key:
        body = body.replace(answer.form_key.encode(), new_form_key(now).encode())
    headers = dict(answer.headers)
    media_type = headers.pop("Content-Type", "text/html; charset=utf-8")
    return Response(body, status_code=answer.status, media_type=media_type, headers=headers)


async def _take(identifier: UUID | None, now: datetime) -> bytes | None:
    """Return the page that is shown once and delete it; of concurrent requests, all but one get None."""
    async with unit_of_work() as work:
        row = await work.fetchrow(
            "WITH found AS (SELECT id, body_sealed FROM form_answer WHERE answer = $1 AND body_sealed IS NOT NULL FOR UPDATE)"
            " UPDATE form_answer a SET body_sealed = NULL, shown_at = $2 FROM found f WHERE a.id = f.id"
            " RETURNING f.body_sealed",
            identifier, now,
        )  # fmt: skip
    return None if row is None else row["body_sealed"]


def _owner(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _clock(request: ASGIConnection[Any, Any, Any, Any]) -> Clock:
    return PlatformServices.of(request).clock
