"""docs/partners.md from its first line to its last: every command as it is printed, against the program as it is run.

Between the commands stand the others: the club's operations and its systems over HTTP, the partner's owner in the portal, a
member in the app. Nobody touches the database.
"""

import asyncio
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from marketplace.settings import Settings
from partners.oauth.domain import PARTNER_SCOPES
from partners.staff.second_factor import code_at
from tests.conftest import SECRET
from tests.support import today
from tests.support.app import fresh_key
from tests.support.flow import good
from tests.support.portal import Portal, link_in, mails
from tests.support.processes import free_port, program, served
from tests.support.receiver import Receiver, receiving
from tests.support.tokens import Issuer

GUIDE = (Path(__file__).parents[2] / "docs" / "partners.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
(SNIPPET,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)

_RUN = """
set -euo pipefail
{ test -e .state && source .state; } || true
source .command
for name in $(compgen -v | grep -E '^[a-z_]+$'); do declare -p "$name"; done > .state
declare -f >> .state
"""


class InBrowser(Portal):
    """The owner's browser, at a real address and by a real clock."""

    def code(self) -> str:
        return code_at(self.secret, today.now())


class Club:
    """Everybody but the partner's engineer."""

    def __init__(self, settings: Settings, issuer: Issuer, receiver: Receiver, folder: Path) -> None:
        self.settings = settings
        self.issuer = issuer
        self.receiver = receiver
        self.folder = folder
        self.http = httpx.AsyncClient(base_url=settings.base_url, timeout=60, trust_env=False)
        headers = {"Accept": "text/html", "Accept-Language": "zh-CN"}
        self.owner = InBrowser(base_url=settings.base_url, headers=headers, follow_redirects=True, trust_env=False)
        self.secrets: dict[str, str] = {}

    def kept(self, name: str) -> Any:
        """Return a file that the engineer has kept."""
        return msgspec.json.decode((self.folder / name).read_bytes())

    def staff(self, person: str, *roles: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token('admin', person, roles)}"}

    async def operate(self, path: str, body: Any, person: str = "ops-1", status: int = 200) -> Any:
        headers = self.staff(person, "operations") | fresh_key()
        return good(await self.http.post(f"/v1/admin{path}", json=body, headers=headers), status)

    async def address(self) -> str:
        return self.settings.base_url

    async def sandbox_id(self) -> str:
        partner_id = self.kept("receipt.json")["id"]
        await self.operate(f"/partners/{partner_id}/approve", {"reason": "欢迎"})
        await self.owner.join(link_in(await self._mail()))
        return await self._credentials("sandbox", "sandbox_secret")

    async def live_id(self) -> str:
        at = f"/partners/{self.kept('receipt.json')['id']}/contracts"
        terms = {
            "starts_on": "2026-01-01", "settlement_basis": "on_use", "commission_ppm": 50_000, "tax_rate_ppm": 60_000,
            "currency": "CNY", "cycle": "monthly", "payment_terms_days": 15,
        }  # fmt: skip
        draft = await self.operate(at, terms, status=201)
        await self.operate(f"{at}/{draft['id']}/offer", {})
        await self.operate(f"{at}/{draft['id']}/sign", {"content_hash": draft["content_hash"]})
        return await self._credentials("live", "live_secret")

    async def code_of_a_voucher(self) -> str:
        """Operations approve the offer; the OEM's system, with Authlib's client, credits points; a member redeems in the app."""
        offer_id = self.kept("live-draft.json")["id"]
        await self.operate(f"/offers/{offer_id}/approve", {})
        issued = await self.operate(
            "/oem-clients", {"name": "DMS", "scopes": ["points:write", "members:write"]}, status=201
        )
        oem = AsyncOAuth2Client(issued["client_id"], issued["client_secret"], base_url=self.settings.base_url)
        async with oem:
            await oem.fetch_token("/oauth/token", grant_type="client_credentials")
            people = {"members": [{"subject": "one-7", "name": "林晓", "tier": "gold"}]}
            made = good(await oem.post("/v1/points/members", json=people, headers=fresh_key()))
            earning = {
                "reference": "visit-1", "member_id": made["results"][0]["member_id"], "points": 5000, "kind": "service",
                "occurred_at": today.now().isoformat(),
            }  # fmt: skip
            good(await oem.post("/v1/points/earnings", json={"earnings": [earning]}))
        member = {"Authorization": f"Bearer {self.issuer.token('members', 'one-7')}"}
        wanted = {"offer_id": offer_id, "quantity": 1}
        redeemed = good(await self.http.post("/v1/redemptions", json=wanted, headers=member | fresh_key()), 201)
        return str(redeemed["voucher"]["code"])

    async def _mail(self) -> Any:
        async with asyncio.timeout(30):
            while not (found := [each for each in mails(self.settings.data) if "/partner/join" in each.get_content()]):
                await asyncio.sleep(0.2)
        return found[-1]

    async def _credentials(self, livemode: str, keep: str) -> str:
        page = await self.owner.fill(
            "/partner/credentials", name=livemode, livemode=livemode, scopes=sorted(PARTNER_SCOPES)
        )
        assert page.status_code == 200, page.text
        shown = {name: re.search(rf'id="client-{name}">([^<]+)<', page.text) for name in ("id", "secret")}
        assert all(shown.values()), page.text
        self.secrets[keep] = unescape(shown["secret"][1])  # type: ignore[index]
        return unescape(shown["id"][1])  # type: ignore[index]

    async def secret(self, name: str) -> str:
        return self.secrets[name]

    async def receivers_address(self) -> str:
        return self.receiver.url


@pytest.fixture
async def club() -> AsyncIterator[Club]:
    port, oneid_port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="marketplace-guide-", dir="/tmp")))
        receiver = await stack.enter_async_context(receiving())
        settings = Settings(
            mode="test", data=folder / "data", secret_key=SECRET, base_url=f"http://127.0.0.1:{port}",
            oneid_issuer=f"http://127.0.0.1:{oneid_port}", outbound_allow="127.0.0.0/8", outbound_ports=str(receiver.port),
        )  # fmt: skip
        issuer = Issuer(settings)
        stack.enter_context(served(issuer, oneid_port))
        stack.enter_context(program(settings, folder / "serve.log", "serve", "--port", str(port), "--workers", "2"))
        work = folder / "desk"
        work.mkdir()
        here = Club(settings, issuer, receiver, work)
        async with asyncio.timeout(90):
            while not await _answers(here.http):
                await asyncio.sleep(0.2)
        stack.enter_context(program(settings, folder / "work.log", "work"))
        yield here
        await here.http.aclose()
        await here.owner.aclose()


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def run(command: str, answers: dict[str, Callable[[], Awaitable[str]]], folder: Path) -> str:
    """Run one block as printed, typing in what it asks for, and return what it prints."""
    typed = [await answers[asked]() for asked in re.findall(r"read -r (?:-s )?-p '([^']+)'", command)]
    (folder / ".command").write_text(command)
    bash = await asyncio.create_subprocess_exec(
        "bash", "-c", _RUN, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await bash.communicate("".join(f"{line}\n" for line in typed).encode())
    assert bash.returncode == 0, f"{command}\n{out.decode()}\n{err.decode()}"
    return out.decode()


MISSING = [tool for tool in ("curl", "jq", "openssl") if shutil.which(tool) is None]


@pytest.mark.skipif(bool(MISSING) and os.environ.get("CI") != "true", reason=f"the guide needs {MISSING}")
async def test_the_guide_as_it_is_printed(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MISSING == [], "where it counts, the guide is not left out"
    answers: dict[str, Callable[[], Awaitable[str]]] = {
        "address of the marketplace: ": club.address,
        "client_id: ": club.sandbox_id,
        "client_secret: ": lambda: club.secret("sandbox_secret"),
        "address of your receiver: ": club.receivers_address,
        "live client_id: ": club.live_id,
        "live client_secret: ": lambda: club.secret("live_secret"),
        "code of the voucher: ": club.code_of_a_voucher,
    }
    said = [await run(command, answers, club.folder) for command in COMMANDS]
    everything = "\n".join(said)
    assert club.kept("used.json")["status"] == "used"
    assert '"code": "sold_out"' in everything
    assert club.kept("redemption.json")["points"] == 3000
    assert max(one["lines"] for one in club.kept("statements.json")["data"]) == 1
    assert (
        "YQ-NIGHT-1" in (club.folder / "lines.csv").read_text() or "STAY-1" in (club.folder / "lines.csv").read_text()
    )
    assert len((club.folder / "lines.csv").read_text().splitlines()) == 2
    monkeypatch.setattr(
        time, "time", lambda: today.now().timestamp()
    )  # the snippet is a partner's, with a clock of its own
    await _the_webhook_is_ours(club)


async def _the_webhook_is_ours(club: Club) -> None:
    async with asyncio.timeout(30):
        while not club.receiver.got:
            await asyncio.sleep(0.2)
    inside: dict[str, Any] = {}
    exec(SNIPPET, inside)  # noqa: S102 - the guide's own few lines
    secret = club.kept("endpoint.json")["secret"]
    for received in club.receiver.got:
        assert inside["is_ours"](secret, received.headers, received.body)
        assert not inside["is_ours"](secret, received.headers, received.body + b" ")
        assert not inside["is_ours"](secret, {**received.headers, "webhook-timestamp": "1700000000"}, received.body)


def test_the_guide_asks_for_nothing_that_nobody_answers() -> None:
    assert len(COMMANDS) > 12
    assert not re.search(r"^```(?!sh|python|$)", GUIDE, re.MULTILINE), "a block of another kind would not be run"
