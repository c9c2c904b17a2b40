"""The main job through a Python client that a tool generated from openapi.yaml, against a real server."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from marketplace.kernel.clock import Clock
from marketplace.settings import Settings
from tests.contract.test_openapi_tools import GENERATOR, generate, needs_generator
from tests.support.app import Api
from tests.support.finance import check_now
from tests.support.flow import Partner, bearer, oem
from tests.support.served import served_app
from tests.support.world import offer_json

DRIVE = Path(__file__).parents[1] / "python" / "drive.py"


@needs_generator
async def test_the_main_job_through_a_generated_client(
    dsn: str, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    generate(tmp_path)
    async with served_app(settings, dsn, connections=10, clock=clock) as api:
        partner = await Partner(api).open()
        system = await oem(api)
        month = str(settings.calendar.month_of(clock.now()))
        sold = await drive(
            tmp_path, "sell", await tokens(api, partner) | {"oem": token(system), "member": token(api.member("one-1"))},
            base_url=str(api.base_url),
            offer=offer_json(points=300, stock=10),
            members={"members": [{"subject": "one-1", "name": "林晓", "tier": "gold"}]},
            earning={"reference": "visit-1", "points": 2000, "kind": "service", "occurred_at": clock.now().isoformat()},
        )  # fmt: skip
        assert sold == {
            "live": "live",
            "credited": "credited",
            "found": True,
            "eligible": True,
            "points": 600,
            "used": "used",
            "again": [409, "already_used"],
            "balance": 1400,
        }
        clock.offset += timedelta(days=40)
        paid_on = str(settings.calendar.day_of(clock.now()))
        await check_now(api)  # a payout relies on a recent check of the book
        settled = await drive(
            tmp_path, "settle", await tokens(api, partner),
            base_url=str(api.base_url),
            month=month,
            partner_id=partner.id,
            payout={"rail": "manual", "reference": "BANK-0001", "paid_on": paid_on},
        )  # fmt: skip
        assert settled == {"total": 24_000, "approved": "approved", "paid": 24_000, "status": "paid", "lines": [24_000]}


async def tokens(api: Api, partner: Partner) -> dict[str, str]:
    """The tokens of those who take part, fresh: the clock may have moved."""
    headers = await bearer(api, partner.client["client_id"], partner.client["client_secret"])
    return {
        "partner": token(headers),
        "operations": token(partner.operations),
        "finance": token(api.staff("finance", subject="fin-1")),
        "approver": token(api.staff("finance_approver", subject="cfo-1")),
    }


def token(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


async def drive(folder: Path, step: str, tokens: dict[str, str], **job: Any) -> Any:
    """Run a step of `drive.py` beside the client, and return what it tells."""
    process = await asyncio.create_subprocess_exec(
        str(GENERATOR / "python"), str(DRIVE), step,
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate(json.dumps({"tokens": tokens, **job}).encode())
    assert process.returncode == 0, errors.decode()
    return json.loads(out)
