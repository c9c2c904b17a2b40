"""The delivery status of a message, for its requester: in plain words, without the server's own."""

import re
from datetime import datetime
from typing import Literal

import msgspec

from marketplace.kernel.text import Text


class MailView(msgspec.Struct, frozen=True):
    """A message's state. `at` is when it was sent or given up; while it waits, when it was requested.

    `reason` says why it is not delivered: for a `failed` message, and for a waiting one after an unsuccessful attempt.
    """

    status: Literal["waiting", "sent", "failed"]
    at: datetime
    reason: Text | None


class Advice(msgspec.Struct, frozen=True):
    """What to do about a message that is not delivered. `refused` follows a sentence with the server's code."""

    unusable: Text
    refused: Text
    given_up: Text


INVITATION = Advice(
    unusable=Text(
        "此地址收不到邮件。请停用此人，再用正确的地址邀请。",
        "This address cannot receive mail. Disable this person and invite them again with the right address.",
    ),
    refused=Text(
        "请核对地址：地址无误时重新发送，否则停用此人后用正确的地址邀请。",
        "If the address is right, send it again; if not, disable this person and invite them with the right one.",
    ),
    given_up=Text(
        "两天内多次尝试均未送出。请重新发送；若仍失败，请联系平台运营。",
        "It could not be sent within two days. Send it again; if that fails too, contact the marketplace's operations.",
    ),
)

NOTICE = Advice(
    unusable=Text(
        "此地址收不到邮件。请更正邮箱地址，并通过其他方式通知。",
        "This address cannot receive mail. Correct it, and pass the message on in another way.",
    ),
    refused=Text(
        "请核对邮箱地址，并通过其他方式通知。",
        "Check the e-mail address, and pass the message on in another way.",
    ),
    given_up=Text(
        "两天内多次尝试均未送出。请核对邮箱地址，并通过其他方式通知。",
        "It could not be sent within two days. Check the e-mail address, and pass the message on in another way.",
    ),
)
"""For a notification that is not sent again: its content is true whether it arrives or not."""

APPLICATION = Advice(
    unusable=Text(
        "联系邮箱收不到邮件。进展请查看此处；修改申请时请更正联系邮箱。",
        "The contact's address cannot receive mail. See the status here, and correct the address when you amend the application.",
    ),
    refused=Text(
        "进展请查看此处；修改申请时请更正联系邮箱。",
        "See the status here, and correct the address when you amend the application.",
    ),
    given_up=Text(
        "发给联系邮箱的邮件两天内均未送出。进展请查看此处，并请核对联系邮箱。",
        "A message to the contact's address could not be sent within two days. See the status here, and check the"
        " address.",
    ),
)
"""The same, for the applicant."""

MAILBOX_LIMIT = "MailboxLimit"
"""For a message that was not sent because its mailbox had reached its daily limit."""

_ENOUGH = Text(
    "该邮箱今天收到的邀请已达上限，本次未发送。请让对方查看收件箱和垃圾邮件，或明天再次邀请。",
    "This mailbox has reached its daily limit of invitations, so this one was not sent. Ask its owner to look for the"
    " earlier ones, or invite again tomorrow.",
)
_LATER = Text("邮件暂时未能送出，系统会继续尝试。", "The message could not be sent yet; it will be retried.")
_REFUSED = re.compile(r"^SMTP(?:RecipientsRefused|DataError): .*?\(([45][0-9]{2}), ")


def mail_view(status: Literal["waiting", "sent", "failed"], at: datetime, error: str, advice: Advice) -> MailView:
    """Return a message's state; `error` is the stored error of the last attempt, or empty."""
    if status == "sent" or not error:
        return MailView(status, at, None)
    refused = _REFUSED.match(error)
    if refused is not None and refused[1].startswith("5"):
        return MailView(status, at, _refused(refused[1], advice))
    if status == "waiting":
        return MailView(status, at, _LATER)
    if error == MAILBOX_LIMIT:
        return MailView(status, at, _ENOUGH)
    return MailView(status, at, advice.unusable if error.startswith("UnusableAddressError") else advice.given_up)


def _refused(code: str, advice: Advice) -> Text:
    return Text(
        f"邮件服务器拒收此地址的邮件（{code}）。{advice.refused.zh}",
        f"The mail server refused the message for this address ({code}). {advice.refused.en}",
    )
