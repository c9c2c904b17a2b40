"""The portal over HTTP: from an application to a signed-in owner, and what must not get through."""

import re
from base64 import b32decode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from partners.staff.second_factor import code_at
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import approved_partner, signed_contract, staff_post
from tests.support.portal import PASSWORD, Portal, link_in, mails, post_office
from tests.support.web import without_keys

OWNER = "li.na@example.com"


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    """The settings with a mail folder of this test."""
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def portal(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        yield browser


async def owner_joins(api: Api, portal: Portal) -> str:
    """Approve an application and let its contact join; return the partner's id."""
    partner_id = await approved_partner(api)
    (message,) = await post_office(portal.settings, portal.clock)
    assert message["To"] == OWNER
    page = await portal.join(link_in(message))
    assert page.status_code == 200, page.text
    return partner_id


async def test_from_an_application_to_a_signed_in_owner(api: Api, portal: Portal) -> None:
    await approved_partner(api)
    (message,) = await post_office(portal.settings, portal.clock)
    assert "华住集团" in message["Subject"]
    link = link_in(message)
    page = await portal.get(link)
    assert "加入华住集团" in page.text
    assert (await portal.get(link)).status_code == 200, "a mail program may look"
    assert "no-store" in page.headers["cache-control"]
    codes = await portal.join(link)
    found = re.findall(r'class="num">([A-Z2-7-]{19})<', codes.text)
    assert len(found) == 8
    home = await portal.get("/partner")
    assert "李娜，您好" in home.text
    assert (await portal.get(link)).status_code == 404
    signed_out = await portal.fill(home, "/partner/sign-out")
    assert str(signed_out.url).endswith("/partner/sign-in")
    asked = await portal.get("/partner/people")
    assert "return_to=%2Fpartner%2Fpeople" in str(asked.url)
    back = await portal.sign_in(OWNER, return_to="/partner/people")
    assert str(back.url).endswith("/partner/people")
    assert OWNER in back.text
    # A recovery code does once.
    await portal.fill(back, "/partner/sign-out")
    step = await portal.fill("/partner/sign-in", email=OWNER, password=PASSWORD)
    assert "您好" in (await portal.fill(step, code=found[0])).text
    await portal.fill("/partner", "/partner/sign-out")
    step = await portal.fill("/partner/sign-in", email=OWNER, password=PASSWORD)
    again = await portal.fill(step, code=found[0])
    assert (again.status_code, "验证码不正确" in again.text) == (401, True)


async def test_english_pages_are_english(api: Api, here: Settings, clock: Clock) -> None:
    await approved_partner(api)
    (message,) = await post_office(here, clock)
    async with Portal.of(api.app, here, clock, "en") as portal:
        pages = [
            await portal.get("/partner/sign-in"),
            await portal.get("/partner/forgotten"),
            await portal.get(link_in(message)),
        ]
        pages.append(await portal.join(link_in(message)))
        pages += [
            await portal.get(path)
            for path in ("/partner", "/partner/account", "/partner/account/second-factor", "/partner/people")
        ]
        people = pages[-1]
        person = re.search(r'href="(/partner/people/[^"]+)"', people.text)
        assert person
        pages.append(await portal.get(person[1]))
        for page in pages:
            assert page.status_code == 200, page.text
            text = re.sub(r"中文|李娜|上海", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{20}[\u4e00-\u9fff]+.{20}", text)


async def test_what_is_refused_tells_nothing(api: Api, portal: Portal) -> None:
    await owner_joins(api, portal)
    await portal.fill("/partner", "/partner/sign-out")
    portal.cookies.clear()  # a browser in which nobody signed in before
    pages = []
    for email, password in (
        (OWNER, "wrong wrong wrong"),
        ("nobody@example.com", PASSWORD),
        ("a\x00b@example.com", "x"),
    ):
        page = await portal.fill("/partner/sign-in", email=email, password=password)
        assert page.status_code == 401
        pages.append(without_keys(page.text.replace(email, "").replace("autofocus", "")))
    assert pages[0] == pages[1]
    for _ in range(12):
        page = await portal.fill("/partner/sign-in", email=OWNER, password="wrong wrong wrong")
    assert page.status_code == 429
    assert "尝试次数过多" in page.text
    assert (await portal.sign_in(OWNER)).status_code == 429, "not even the right one is looked at"
    answers = [await portal.fill("/partner/forgotten", email=email) for email in (OWNER, "nobody@example.com")]
    assert without_keys(answers[0].text) == without_keys(answers[1].text)
    assert len(await post_office(portal.settings, portal.clock)) == 2, (
        "an invitation, and one link for the one who is known"
    )


async def test_a_forgotten_password(api: Api, portal: Portal) -> None:
    await owner_joins(api, portal)
    await portal.fill("/partner/forgotten", email=OWNER.upper())
    link = link_in((await post_office(portal.settings, portal.clock))[-1])
    short = await portal.fill(link, password="too short")
    assert short.status_code == 400
    assert "至少 12 个字符" in short.text
    assert "邮箱名" in (await portal.fill(link, password="my li.na password")).text
    done = await portal.fill(link, password="an entirely new one")
    assert "新密码已生效" in done.text
    assert "/partner/sign-in" in str((await portal.get("/partner")).url), "every session has ended"
    assert (await portal.get(link)).status_code == 404
    assert (await portal.sign_in(OWNER)).status_code == 401
    assert "您好" in (await portal.sign_in(OWNER, "an entirely new one")).text
    portal.clock.offset += timedelta(minutes=20)
    await portal.fill("/partner", "/partner/sign-out")
    await portal.fill("/partner/forgotten", email=OWNER)
    link = link_in((await post_office(portal.settings, portal.clock))[-1])
    portal.clock.offset += timedelta(minutes=61)
    assert (await portal.get(link)).status_code == 404


async def test_forms_of_others_are_refused(api: Api, portal: Portal) -> None:
    await owner_joins(api, portal)
    page = await portal.get("/partner/account")
    for path in (
        "/partner/sign-out",
        "/partner/account/sessions/end-others",
        "/partner/account/password",
        "/partner/people",
    ):
        for data in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
            refused = await portal.post(path, data=data)
            assert (refused.status_code, "页面已过期" in refused.text) == (403, True), path
    assert (await portal.get("/partner/account")).status_code == 200
    strangers = Portal.of(api.app, portal.settings, portal.clock)
    async with strangers:
        for path in (
            "/partner/sign-in",
            "/partner/sign-in/code",
            "/partner/join",
            "/partner/forgotten",
            "/partner/new-password",
        ):
            for data in ({}, {"csrf_token": ""}, {"csrf_token": "0" * 64}):
                assert (await strangers.post(path, data=data)).status_code == 403, path
        # Login CSRF: a token that belongs to another browser's cookie.
        theirs = re.search(r'name="csrf_token" value="([^"]+)"', (await portal.get("/partner/forgotten")).text)
        assert theirs
        await strangers.get("/partner/forgotten")
        assert (await strangers.post("/partner/forgotten", data={"csrf_token": theirs[1]})).status_code == 403
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    async with Portal.of(api.app, portal.settings, portal.clock) as fresh:
        cookies = (await fresh.get("/partner/sign-in")).headers.get_list("set-cookie")
    assert cookies
    assert all("HttpOnly" in line and "SameSite=lax" in line for line in cookies)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/auth/x", "javascript:alert(1)"]
)
async def test_the_way_back_leads_nowhere_else(api: Api, portal: Portal, target: str) -> None:
    await owner_joins(api, portal)
    await portal.fill("/partner", "/partner/sign-out")
    back = await portal.sign_in(OWNER, return_to=target)
    assert str(back.url) == f"{portal.settings.base_url}/partner"


async def test_an_owner_keeps_people(api: Api, portal: Portal, here: Settings, clock: Clock) -> None:
    await owner_joins(api, portal)
    bad = await portal.fill("/partner/people", name="王芳", email="wang.fang@example.com")
    assert (bad.status_code, "至少选择一个角色" in bad.text) == (400, True)
    assert 'value="wang.fang@example.com"' in bad.text
    done = await portal.fill("/partner/people", name="王芳", email="Wang.Fang@example.com", roles=["counter"])
    assert "邀请已发出" in done.text
    twice = await portal.fill("/partner/people", name="王芳", email="wang.fang@example.com", roles=["counter"])
    assert "已在人员名单中" in twice.text
    link = link_in((await post_office(here, clock))[-1])
    staff_id = await DB.fetchval("SELECT id FROM partner_staff WHERE email = 'wang.fang@example.com'")
    async with Portal.of(api.app, here, clock) as colleague:
        await colleague.join(link)
        assert (await colleague.get("/partner/people")).status_code == 403
        assert (
            await colleague.fill("/partner", "/partner/people", name="x", email="x@example.com", roles=["owner"])
        ).status_code == 403
        changed = await portal.fill(
            f"/partner/people/{staff_id}", name="王芳", roles=["finance", "marketer"], locations=""
        )
        assert "已保存" in changed.text
        assert "财务" in (await colleague.get("/partner")).text, "the next page knows it"
        gone = await portal.fill(f"/partner/people/{staff_id}", f"/partner/people/{staff_id}/disable")
        assert "已停用" in gone.text
        assert "/partner/sign-in" in str((await colleague.get("/partner")).url)
        assert (await colleague.sign_in("wang.fang@example.com")).status_code == 401
    me = await DB.fetchval("SELECT id FROM partner_staff WHERE email = $1", OWNER)
    last = await portal.fill(f"/partner/people/{me}", f"/partner/people/{me}/disable")
    assert (last.status_code, "最后一位" in last.text) == (400, True)
    stale = await portal.get(f"/partner/people/{me}")
    await portal.fill(stale, name="李娜二", roles=["owner"])
    assert "已被他人修改" in (await portal.fill(stale, name="李娜三", roles=["owner"])).text
    await portal.fill(f"/partner/people/{staff_id}", f"/partner/people/{staff_id}/invite")
    assert len(await post_office(here, clock)) == 3
    assert len(mails(here.data)) == 3


async def test_password_and_second_factor_are_changed_with_a_fresh_code(
    api: Api, portal: Portal, here: Settings, clock: Clock
) -> None:
    await owner_joins(api, portal)
    async with Portal.of(api.app, here, clock) as elsewhere:
        elsewhere.secret = portal.secret
        await elsewhere.sign_in(OWNER)
        wrong = await portal.fill(
            "/partner/account", "/partner/account/password", password="a brand new one", code="000000"
        )
        assert (wrong.status_code, "验证码不正确" in wrong.text) == (400, True)
        changed = await portal.fill(
            "/partner/account", "/partner/account/password", password="a brand new one", code=portal.code()
        )
        assert "密码已修改" in changed.text
        assert "/partner/sign-in" in str((await elsewhere.get("/partner")).url), "the other browser is signed out"
        assert "您好" in (await portal.get("/partner")).text
        elsewhere.clock = portal.clock
        assert "您好" in (await elsewhere.sign_in(OWNER, "a brand new one")).text
        page = await portal.get("/partner/account/second-factor")
        old, found = portal.code(), re.search(r'class="key">([A-Z2-7 ]+)<', page.text)
        assert found
        fresh = b32decode(found[1].replace(" ", ""))
        no = await portal.fill(page, old_code="000000", code=code_at(fresh, clock.now()))
        assert no.status_code == 400
        done = await portal.fill(page, old_code=old, code=code_at(fresh, clock.now()))
        assert "恢复码" in done.text
        assert "/partner/sign-in" in str((await elsewhere.get("/partner")).url)
        assert "验证码不正确" in (await elsewhere.sign_in(OWNER, "a brand new one")).text, (
            "the old app is worth nothing"
        )
        elsewhere.secret = fresh
        assert "您好" in (await elsewhere.sign_in(OWNER, "a brand new one")).text
        sessions = await portal.get("/partner/account")
        (other,) = re.findall(r"/partner/account/sessions/([^/\"]+)/end\"", sessions.text)
        await portal.fill(sessions, f"/partner/account/sessions/{other}/end")
        assert "/partner/sign-in" in str((await elsewhere.get("/partner")).url)


async def test_over_https_cookies_stay_there(settings: Settings, dsn: str) -> None:
    async with running_app(msgspec.structs.replace(settings, base_url="https://shop.example"), dsn) as api:
        cookies = (await api.get("/partner/sign-in")).headers.get_list("set-cookie")
    assert cookies
    assert all("; Secure" in line for line in cookies), cookies


async def test_an_owner_who_lost_everything_begins_anew(api: Api, portal: Portal) -> None:
    """The only owner, without phone and codes: active on the list, so nobody could be invited in their place."""
    partner_id = await owner_joins(api, portal)
    operations, at = api.staff("operations"), f"/v1/admin/partners/{partner_id}/staff"
    (person,) = (await api.get(at, headers=operations)).json()["data"]
    (before,) = await post_office(portal.settings, portal.clock)

    async def reset(staff_id: str, **body: str) -> tuple[int, str]:
        answer = await api.post(f"{at}/{staff_id}/reset", json=body, headers=operations | fresh_key())
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    assert await reset(person["id"]) == (400, "invalid_request"), "not without a reason"
    assert await reset(person["id"], reason="手机和恢复码均已丢失，已回电核实") == (200, "invited")
    assert await reset(person["id"], reason="again") == (409, "wrong_state")
    assert "/partner/sign-in" in str((await portal.get("/partner")).url), "signed out"
    step = await portal.fill("/partner/sign-in", email=OWNER, password=PASSWORD)
    assert step.status_code == 401
    kept = await DB.fetchval("SELECT details::text FROM audit_entry WHERE action = 'staff.reset'")
    assert "丢失" in kept
    old, message = await post_office(portal.settings, portal.clock)
    assert (old["Message-ID"], message["To"]) == (before["Message-ID"], OWNER)
    assert (await portal.join(link_in(message), "another good passphrase")).status_code == 200
    assert "李娜，您好" in (await portal.get("/partner")).text
    await portal.fill("/partner", "/partner/sign-out")
    assert "李娜，您好" in (await portal.sign_in(OWNER, "another good passphrase")).text


async def test_people_of_a_suspended_partner_read_why(api: Api, portal: Portal) -> None:
    partner_id = await owner_joins(api, portal)
    assert (await signed_contract(api, partner_id)).status_code == 200
    assert "已被暂停" not in (await portal.get("/partner")).text
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "三次投诉 <未答复>"})
    page = (await portal.get("/partner")).text
    assert "原因：三次投诉 &lt;未答复&gt;" in page
    assert "只能查验和核销" in page


async def test_operations_reset_owners_only(api: Api, portal: Portal) -> None:
    partner_id = await owner_joins(api, portal)
    await portal.fill("/partner/people", "/partner/people", email="dev@example.com", name="Dev", roles="developer")
    operations, at = api.staff("operations"), f"/v1/admin/partners/{partner_id}/staff"
    people = (await api.get(at, headers=operations)).json()["data"]
    (developer,) = [one["id"] for one in people if one["email"] == "dev@example.com"]
    order = {"reason": "lost"}
    answer = await api.post(f"{at}/{developer}/reset", json=order, headers=operations | fresh_key())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_an_owner")
