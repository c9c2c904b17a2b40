"""Contracts in the portal: read in words, compared, and signed by an owner who is there."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import CONTRACT, approved_partner, signed_contract
from tests.support.portal import Portal, joined_owner

RICH: dict[str, Any] = {
    "starts_on": "2091-01-01",
    "settlement_price": None,
    "per_point_micros": 1_500_000,
    "max_settlement_price": None,
    "prices": [
        {"scenarios": ["dining"], "per_point_micros": 1_200_000},
        {"scenarios": ["lodging", "travel"], "price": {"amount": 28_000, "currency": "CNY"}},
    ],
    "funding": {"oem_ppm": 700_000, "partner_ppm": 200_000, "dealer_ppm": 100_000, "dealer": "D-0042"},
    "commission": [{"on": "points", "rate_ppm": 62_500, "cap_minor": 900}],
    "cycle": "ten_day",
    "minimum_payout": {"amount": 100_000, "currency": "CNY"},
    "counter_cancel_minutes": 15,
    "role": "both",
    "grant_per_point_micros": 800_000,
}


@pytest.fixture
async def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        yield browser


async def offered(api: Api, partner_id: str, *, oem: bool = False, **terms: Any) -> dict[str, Any]:
    """Draft and offer a version; `oem` signs it as well. Return the version."""
    path, operations = f"/v1/admin/partners/{partner_id}/contracts", api.staff("operations")
    draft = (await api.post(path, json=CONTRACT | terms, headers=operations | fresh_key())).json()
    made = await api.post(f"{path}/{draft['id']}/offer", headers=operations | fresh_key())
    if oem:
        body = {"content_hash": draft["content_hash"]}
        made = await api.post(f"{path}/{draft['id']}/sign", json=body, headers=operations | fresh_key())
    assert made.status_code == 200, made.text
    found: dict[str, Any] = made.json()
    return found


async def partner() -> str:
    return str(await DB.fetchval("SELECT id FROM partner"))


async def signatures() -> list[str]:
    return [row["party"] for row in await DB.fetch("SELECT party FROM contract_signature ORDER BY signed_at")]


async def test_read_compared_and_signed(api: Api, owner: Portal) -> None:
    assert "还没有合同" in (await owner.get("/partner/contracts")).text
    await signed_contract(api, await partner())
    version = await offered(api, await partner(), oem=True, **RICH)
    page = await owner.get("/partner/contracts")
    assert page.text.index("第 2 版") < page.text.index("第 1 版")
    assert "待贵公司签署" in page.text
    assert "生效中" in page.text
    at = f"/partner/contracts/{version['id']}"
    shown = (await owner.get(at)).text
    for words in ("2091年1月1日 起，长期有效", "食：每积分 0.012", "住、游：280.00 CNY", "每旬", "15 分钟", "最高 9.00",
                  "经销商 D-0042", "70 %", "后付积分单价", "每积分 0.008", "与第 1 版相比",
                  "华住酒店集团有限公司 · 91310000", "权益平台 Benefits",
                  version["content_hash"]):  # fmt: skip
        assert words in shown, words
    changed = shown[shown.index('id="difference"') :]
    assert re.search(r"<del>每月</del>.*?<ins>每旬</ins>", changed, re.DOTALL)
    text = await owner.get(f"{at}/text")
    assert text.text == version["content"]
    assert "attachment" in text.headers["content-disposition"]
    form = await owner.get(f"{at}/sign")
    assert version["content_hash"] in form.text
    done = await owner.fill(form, content_hash=version["content_hash"], agreed="yes", code=owner.code())
    assert "签署成功" in done.text
    assert "双方已签署" in done.text
    row = await DB.fetchrow("SELECT status, (SELECT actor FROM contract_signature WHERE contract_id = c.id AND party ="
                            " 'partner') AS actor FROM contract c WHERE version = 2")  # fmt: skip
    assert row is not None
    me = await DB.fetchval("SELECT id FROM partner_staff")
    assert (row["status"], row["actor"]) == ("signed", f"staff:{me}")
    assert str((await owner.get(f"{at}/sign")).url).endswith(at), "there is nothing to sign any more"


async def test_what_is_refused_is_said_and_signs_nothing(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    at = f"/partner/contracts/{version['id']}"
    good = {"content_hash": version["content_hash"], "agreed": "yes"}
    for fields, message in (
        (good | {"agreed": "", "code": owner.code()}, 'id="error-agreed" role="alert">请确认您已阅读'),
        (good | {"content_hash": "", "code": owner.code()}, "缺少合同文本的哈希"),
        (good | {"content_hash": "0" * 64, "code": owner.code()}, "不一致，请重新阅读后再签"),
        (good | {"code": "000000"}, 'id="error-code">验证码不正确'),
    ):
        page = await owner.fill(f"{at}/sign", **fields)
        assert (page.status_code, message in page.text) == (400, True), page.text
    assert await signatures() == []
    stale = await owner.get(f"{at}/sign")
    reason = {"reason": "写错了"}
    withdrawn = await api.post(
        f"/v1/admin/partners/{await partner()}/contracts/{version['id']}/withdraw",
        json=reason,
        headers=api.staff("operations") | fresh_key(),
    )
    assert withdrawn.status_code == 200, withdrawn.text
    page = await owner.fill(stale, **good, code=owner.code())
    assert (page.status_code, "此版本不能再签署：主机厂已撤回。" in page.text) == (400, True)
    assert await signatures() == []


async def test_a_code_that_a_refused_signature_spent_is_not_lost(api: Api, owner: Portal) -> None:
    """Code and signature are one transaction: what is not signed has not used the code up."""
    version = await offered(api, await partner())
    at, code = f"/partner/contracts/{version['id']}/sign", owner.code()
    await owner.fill(at, content_hash="0" * 64, agreed="yes", code=code)
    assert "签署成功" in (await owner.fill(at, content_hash=version["content_hash"], agreed="yes", code=code)).text
    assert await signatures() == ["partner"]


async def test_who_signs_in_by_the_company_has_no_code_of_ours(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    at = f"/partner/contracts/{version['id']}/sign"
    await DB.fetch(
        "UPDATE partner_staff SET password_hash = NULL, totp_sealed = NULL, recovery_hashes = '{}', provider_subject = 'x'"
    )
    form = await owner.get(at)
    assert 'name="code"' not in form.text
    page = await owner.fill(form, content_hash=version["content_hash"])
    assert (page.status_code, "请确认您已阅读" in page.text) == (400, True)
    assert "签署成功" in (await owner.fill(form, content_hash=version["content_hash"], agreed="yes")).text


async def test_codes_cannot_be_guessed_here(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    at, fields = f"/partner/contracts/{version['id']}/sign", {"content_hash": version["content_hash"], "agreed": "yes"}
    for _ in range(5):
        assert "验证码不正确" in (await owner.fill(at, **fields, code="000000")).text
    late = await owner.fill(at, **fields, code=owner.code())
    assert (late.status_code, "尝试次数过多" in late.text) == (400, True), "not even the right one is looked at"
    assert await signatures() == []


async def test_finance_reads_and_does_not_sign_and_others_see_nothing(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    at = f"/partner/contracts/{version['id']}"
    await DB.fetch("UPDATE partner_staff SET roles = '{finance}'")
    shown = await owner.get(at)
    assert shown.status_code == 200
    assert f"{at}/sign" not in shown.text
    assert (await owner.get(f"{at}/sign")).status_code == 403
    fields = {"content_hash": version["content_hash"], "agreed": "yes", "code": owner.code()}
    assert (await owner.fill("/partner/contracts", f"{at}/sign", **fields)).status_code == 403
    await DB.fetch("UPDATE partner_staff SET roles = '{developer,marketer,counter}'")
    home = await owner.get("/partner")
    assert "/partner/contracts" not in home.text
    for path in ("/partner/contracts", at, f"{at}/text", f"{at}/sign"):
        assert (await owner.get(path)).status_code == 403
    assert await signatures() == []


async def test_drafts_and_others_contracts_are_not_there(api: Api, owner: Portal) -> None:
    other = await offered(api, await approved_partner(api, registration_number="91310000MA1FL0001X"))
    mine = await DB.fetchval("SELECT partner_id FROM partner_staff LIMIT 1")
    path = f"/v1/admin/partners/{mine}/contracts"
    draft = (await api.post(path, json=CONTRACT, headers=api.staff("operations") | fresh_key())).json()
    answers = set()
    for identifier in (other["id"], draft["id"], "0190c3e0-0000-7000-8000-000000000000", "nothing", "%00"):
        at = f"/partner/contracts/{identifier}"
        for answer in (await owner.get(at), await owner.get(f"{at}/text"), await owner.get(f"{at}/sign"),
                       await owner.fill("/partner", f"{at}/sign", content_hash=other["content_hash"], agreed="yes")):  # fmt: skip
            answers.add((answer.status_code, answer.text.replace(identifier, "")))
    assert {status for status, _ in answers} == {404}
    assert await signatures() == []


async def test_a_form_from_elsewhere_signs_nothing(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    fields = {"content_hash": version["content_hash"], "agreed": "yes", "code": owner.code()}
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
        answer = await owner.post(f"/partner/contracts/{version['id']}/sign", data=fields | token)
        assert (answer.status_code, "页面已过期" in answer.text) == (403, True)
    assert await signatures() == []


async def test_a_suspended_company_signs_nothing_here(api: Api, owner: Portal) -> None:
    version = await offered(api, await partner())
    suspend = f"/v1/admin/partners/{await partner()}/suspend"
    await signed_contract(api, await partner())
    answer = await api.post(suspend, json={"reason": "调查"}, headers=api.staff("operations") | fresh_key())
    assert answer.status_code == 200, answer.text
    for path in ("/partner/contracts", f"/partner/contracts/{version['id']}/sign"):
        page = await owner.get(path)
        assert (page.status_code, "已被暂停" in page.text) == (403, True)


async def test_in_english(api: Api, here: Settings, clock: Clock) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await joined_owner(api, browser)
        await signed_contract(api, await partner())
        version = await offered(api, await partner(), **RICH)
        at = f"/partner/contracts/{version['id']}"
        for page in (await browser.get("/partner/contracts"), await browser.get(at), await browser.get(f"{at}/sign"),
                     await browser.fill(f"{at}/sign", content_hash="0" * 64, agreed="yes", code=browser.code())):  # fmt: skip
            text = re.sub(r"中文|李娜|华住酒店集团有限公司|王敏|权益平台", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
