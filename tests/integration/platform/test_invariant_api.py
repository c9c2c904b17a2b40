"""The running checks over HTTP and as metrics: told from their state, the same whichever process is asked."""

from datetime import datetime, timedelta

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketplace.platform.invariants.checker import declared
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, running_app
from tests.support.busy_month_scenario import let_it_happen

GET, CHECK = "/v1/admin/invariants", "/v1/admin/invariants/check"


def _gauges(text: str) -> dict[str, dict[str, float]]:
    return {
        family.name: {sample.labels["name"]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if family.name.startswith("marketplace_invariant_")
    }


async def test_what_was_found_is_told(settings: Settings, dsn: str) -> None:
    await let_it_happen(settings, dsn)
    async with running_app(settings, dsn) as api:
        auditor = api.staff("auditor")
        checked = (await api.post(CHECK, headers=auditor)).json()
        assert checked["holds"]
        assert (await api.get(GET, headers=auditor)).json() == checked
        names = [check.name for check in declared(PlatformServices.of(api.app).packages)]
        assert [one["name"] for one in checked["invariants"]] == names
        for one in checked["invariants"]:
            age = today.now() - datetime.fromisoformat(one["last_true"])
            assert timedelta(0) < age < timedelta(minutes=1)
            assert one["rows"] > 0
        gauges = _gauges((await api.get("/metrics")).text)
        assert set(gauges["marketplace_invariant_holds"].values()) == {1.0}
        assert gauges["marketplace_invariant_rows"] == {one["name"]: one["rows"] for one in checked["invariants"]}
        reported = gauges["marketplace_invariant_last_true_timestamp_seconds"]
        assert all(
            reported[one["name"]] == datetime.fromisoformat(one["last_true"]).timestamp()
            for one in checked["invariants"]
        )


async def test_a_breach_is_told_until_it_is_mended(settings: Settings, dsn: str) -> None:
    await let_it_happen(settings, dsn)
    owner = await asyncpg.connect(dsn)
    async with running_app(settings, dsn) as api:
        auditor = api.staff("auditor")
        await owner.execute("UPDATE limit_used SET used = used + 1")
        assert (await api.get(GET, headers=auditor)).json()["holds"], "nobody has looked yet"
        broken = (await api.post(CHECK, headers=auditor)).json()
        assert not broken["holds"]
        (limit,) = [one for one in broken["invariants"] if not one["holds"]]
        assert limit["broken"] == await DB.fetchval("SELECT count(*) FROM limit_used") > len(limit["breaches"]) == 5
        assert limit["breaches"][0]["used"] == limit["breaches"][0]["units"] + 1
        assert limit["last_true"] < limit["broken_since"]
        text = (await api.get("/metrics")).text
        assert _gauges(text)["marketplace_invariant_holds"][limit["name"]] == 0
        await owner.execute("UPDATE limit_used SET used = used - 1")
        assert (await api.post(CHECK, headers=auditor)).json()["holds"]
    await owner.close()


async def test_before_anything_was_checked_nothing_is_claimed(settings: Settings, dsn: str) -> None:
    async with running_app(settings, dsn) as api:
        report = (await api.get(GET, headers=api.staff("finance"))).json()
        assert {one["last_true"] for one in report["invariants"]} == {None}
        gauges = _gauges((await api.get("/metrics")).text)
        assert set(gauges["marketplace_invariant_last_true_timestamp_seconds"].values()) == {0.0}


async def test_who_may_ask(settings: Settings, dsn: str) -> None:
    async with running_app(settings, dsn) as api:
        for role in ("operations", "finance", "auditor"):
            assert (await api.get(GET, headers=api.staff(role))).status_code == 200
        assert await _status(api, api.staff("auditor")) == 200
        assert await _status(api, api.staff("finance_approver")) == 403
        assert await _status(api, api.staff()) == 403
        assert await _status(api, api.member("lin")) == 401
        assert await _status(api, {}) == 401


async def _status(api: Api, headers: dict[str, str]) -> int:
    status: int = (await api.post(CHECK, headers=headers)).status_code
    return status


async def test_metrics_answer_without_the_database(
    settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process's own metrics are the ones that are wanted most just then."""
    async with running_app(settings, dsn) as api:
        assert "marketplace_invariant_holds" in (await api.get("/metrics")).text
        monkeypatch.setattr(DB, "fetch", lambda *_: _raise_from_driver())
        answer = await api.get("/metrics")
        assert answer.status_code == 200
        assert "python_info" in answer.text
        assert "marketplace_invariant_holds" not in answer.text


async def _raise_from_driver() -> None:
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
