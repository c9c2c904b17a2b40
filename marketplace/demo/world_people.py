"""The people of the demo's world: a few featured ones to sign in as, and many others."""

from datetime import datetime, timedelta
from random import Random

import msgspec

from marketplace.demo.content import dealers
from marketplace.demo.oneid import DemoPerson
from marketplace.demo.world_things import DemoMember, DemoTier


class Featured(msgspec.Struct, frozen=True):
    """A member to sign in as. `points` is roughly the wallet's balance, `redemptions` how many redemptions they have made."""

    login: str
    name: str
    tier: DemoTier
    vehicle: str
    note: str
    points: int
    redemptions: int
    member_days: int = 790


FEATURED = (
    Featured("lin", "林悦", "platinum", "澜驰 X9 六座版 · 2025", "白金会员，积分充裕，券包很满", 186_000, 34),
    Featured("wang", "王建国", "gold", "澜驰 L7 · 2024", "金卡会员，常用酒店与餐饮", 68_000, 22),
    Featured("chen", "陈思雨", "silver", "澜驰 S6 · 2025", "银卡会员，喜欢咖啡与电影", 26_000, 26),
    Featured("zhao", "赵一鸣", "standard", "澜驰 E3 · 2026", "新车主，积分不多", 460, 0, 12),
    Featured("liu", "刘洋", "platinum", "澜驰 M9 · 2025", "白金会员，爱滑雪与航拍", 124_000, 18),
    Featured("sun", "孙晓彤", "gold", "澜驰 E5 旅行版 · 2024", "金卡会员，全家出游", 52_000, 20),
    Featured("zhou", "周明轩", "silver", "澜驰 X8 · 2023", "银卡会员，有积分即将过期", 14_000, 10),
    Featured("xu", "徐静", "standard", "澜驰 E3 · 2025", "普通会员，偶尔洗车", 6_800, 6),
)

STAFF = (
    DemoPerson("ops", "何运营", "staff", "staff-ops", ("operations",), note="审核合作伙伴与优惠 · operations"),
    DemoPerson("finance", "金会计", "staff", "staff-finance", ("finance",), note="关账、付款、导出 · finance"),
    DemoPerson(
        "approver", "严审批", "staff", "staff-approver", ("finance_approver",), note="第二双眼睛 · finance_approver"
    ),
    DemoPerson("auditor", "明审计", "staff", "staff-auditor", ("auditor",), note="只读 · auditor"),
)

_SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
_FIRST = "子雨思文嘉明晓佳梓浩俊欣若宇一诗志建海春国雪秋天书语静永立云安承景清亦知予"
_LAST = "涵轩怡杰琪然彤博萱宁瑶辰豪妍峰颖凯雯航婷磊玲超慧鹏燕洋莉军芳勇娜伟丽强敏"
_TIERS: tuple[tuple[DemoTier, int], ...] = (("standard", 60), ("silver", 25), ("gold", 11), ("platinum", 4))

MEMBERSHIP_DAYS = 820
"""How long ago the first member joined: long enough for points to have expired by now."""


def subject_of(login: str) -> str:
    """Return the ONE ID subject of a featured member."""
    return f"member-{login}"


def featured_people() -> list[DemoPerson]:
    """Return everybody as whom one can sign in."""
    members = [
        DemoPerson(one.login, one.name, "member", subject_of(one.login), tier=one.tier, note=one.note)
        for one in FEATURED
    ]
    return [*members, *STAFF]


def make_members(chance: Random, count: int, now: datetime) -> list[DemoMember]:
    """Return the featured members, followed by others up to the count."""
    members = [
        DemoMember(
            subject_of(one.login), one.name, one.tier, _phone(n), one.vehicle, now - timedelta(days=one.member_days)
        )
        for n, one in enumerate(FEATURED)
    ]
    models = dealers().models
    tiers, weights = zip(*_TIERS, strict=True)
    for number in range(len(members), count):
        name = (
            chance.choice(_SURNAMES) + chance.choice(_FIRST) + (chance.choice(_LAST) if chance.random() < 0.82 else "")
        )
        vehicle = f"{chance.choice(models)} · {chance.randint(2021, 2026)}"
        joined_at = now - timedelta(days=chance.uniform(100, MEMBERSHIP_DAYS))
        tier = chance.choices(tiers, weights)[0]
        members.append(DemoMember(f"member-{number:05d}", name, tier, _phone(number), vehicle, joined_at))
    return members[:count]


def _phone(number: int) -> str:
    # 199 0000 is unassigned: a demo must not ring a stranger's phone.
    return f"+86 199 0000 {number:04d}"
