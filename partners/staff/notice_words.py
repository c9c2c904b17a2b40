"""The texts of notices by e-mail: Chinese first, then English."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from marketplace.kernel.ends import both_days
from marketplace.kernel.text import Text

NoticeKind = Literal[
    "changes_requested",
    "approved",
    "rejected",
    "suspended",
    "resumed",
    "terminated",
    "contract_offered",
    "pack_low",
    "endpoint_disabled",
]

_SUBJECTS: dict[NoticeKind, Text] = {
    "changes_requested": Text("入驻申请需要补正", "Your application needs changes"),
    "approved": Text("入驻申请已通过", "Your application was approved"),
    "rejected": Text("入驻申请未通过", "Your application was declined"),
    "suspended": Text("合作已暂停", "Your partnership is suspended"),
    "resumed": Text("合作已恢复", "Your partnership has resumed"),
    "terminated": Text("合作已终止", "Your partnership has ended"),
    "contract_offered": Text("有合同等待签署", "A contract is waiting for your signature"),
    "pack_low": Text("预付积分余额不足", "Your prepaid points are running low"),
    "endpoint_disabled": Text("Webhook 端点已停用", "A webhook endpoint was disabled"),
}
_TEXTS: dict[NoticeKind, Text] = {
    "changes_requested": Text(
        "运营审核后请您补正入驻申请：\n\n{reason}\n\n请在下面的页面查看申请，修改后用申请令牌重新提交。",
        "We have reviewed your application and ask you for changes:\n\n{reason}\n\n"
        "The page below shows the application. Please correct it and resubmit it with the application token.",
    ),
    "approved": Text(
        "您的入驻申请已通过。门户的邀请链接另行发送给负责人。",
        "Your application was approved. The invitation to the portal follows in a separate message.",
    ),
    "rejected": Text(
        "很遗憾，您的入驻申请未通过：\n\n{reason}", "We are sorry that we cannot approve your application:\n\n{reason}"
    ),
    "suspended": Text(
        "贵公司的合作已暂停：\n\n{reason}\n\n权益已下架，接口只能查验和核销会员手中的兑换券，请继续核销。",
        "Your partnership is suspended:\n\n{reason}\n\nYour offers are not on sale. The API only verifies and uses vouchers"
        " that members\nhold; please continue to accept them.",
    ),
    "resumed": Text(
        "贵公司的合作已恢复：权益重新上架，接口恢复使用。",
        "Your partnership has resumed: your offers are on sale again, and the API is available.",
    ),
    "terminated": Text(
        "贵公司的合作已终止：\n\n{reason}\n\n应结算的款项照常结算。",
        "Your partnership has ended:\n\n{reason}\n\nOutstanding amounts will be settled as usual.",
    ),
    "contract_offered": Text(
        "第 {version} 版合同（自 {zh_starts_on} 起）等待贵公司签署。",
        "Version {version} of the contract, from {en_starts_on}, is waiting for your company's signature.",
    ),
    "pack_low": Text(
        "预付积分余额 {balance}，低于约定的 {low_balance_points}，请及时购买。",
        "{balance} prepaid points are left, fewer than the {low_balance_points} agreed in your contract. Please buy more.",
    ),
    "endpoint_disabled": Text(
        "一个 Webhook 端点已停用（{zh_why}），期间的消息不再发送。请修复后重新启用，遗漏的事件可通过 API 读取。",
        "A webhook endpoint was disabled ({en_why}); nothing more is sent to it. Fix it and enable it again; missed events"
        "\ncan be read through the API.",
    ),
}
_WHY: dict[str, Text] = {
    "gone": Text("接收方答复 410，表示已不存在", "it answered 410 Gone"),
    "failing": Text("连续五天发送失败", "deliveries failed for five days"),
}


def notice_mail(
    kind: NoticeKind, name: str, partner_zh: str, partner_en: str, place: str, said: Mapping[str, Any]
) -> tuple[str, str]:
    """Return subject and text of a notice; `place` is the linked page, `said` the fields of its event."""
    cause = _WHY.get(str(said.get("reason")), Text("", ""))
    values = {**said, "reason": said.get("reason") or "—", "zh_why": cause.zh, "en_why": cause.en}
    if "starts_on" in said:
        first = both_days(msgspec.convert(said["starts_on"], date))
        values |= {"zh_starts_on": first.zh, "en_starts_on": first.en}
    subject, text = _SUBJECTS[kind], _TEXTS[kind]
    return (
        f"{subject.zh}（{partner_zh}）· {subject.en} ({partner_en})",
        f"""{name}，您好：

{text.zh.format_map(values)}

{place}

--

Hello {name},

{text.en.format_map(values)}

{place}
""",
    )
