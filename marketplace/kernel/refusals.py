"""Refusals of a request: one class each, with its messages in both languages.

A refusal knows nothing of HTTP; only `platform/http/problems.py` maps its kind to a status.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from marketplace.kernel.text import Text


class Kind(StrEnum):
    """The kind of a refusal, which decides its HTTP status."""

    INVALID = "invalid"  # the request itself is wrong and was not tried
    UNAUTHENTICATED = "unauthenticated"  # no caller, or an unknown one
    FORBIDDEN = "forbidden"  # known, but not allowed
    NOT_FOUND = "not_found"  # does not exist, or is not the caller's: the same answer for both
    CONFLICT = "conflict"  # conflicts with the current state
    UNPROCESSABLE = "unprocessable"  # well formed, but contradicts an earlier request
    PRECONDITION = "precondition"  # somebody else changed it since it was read
    TOO_MANY = "too_many"  # the caller asks more often than it may; retry later
    UNAVAILABLE = "unavailable"  # not now; retry later


class Explanation(msgspec.Struct, frozen=True):
    """The text of a problem code's page: what it means, and what to do."""

    meaning: Text
    remedy: Text


class Refusal(Exception):  # noqa: N818 - a refusal is not a programming error; its name says what is refused
    """Base of all refusals. Subclasses set `kind`, `code` and the message in both languages.

    The messages are format strings over `details`, which become members of the problem document. `explanation` is the text of the
    code's page; a class whose code depends on the case has `explanations`, by code.
    """

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: str = "conflict"
    zh: ClassVar[str] = "请求无法完成。"
    en: ClassVar[str] = "The request cannot be executed."
    explanation: ClassVar[Explanation | None] = None
    explanations: ClassVar[Mapping[str, Explanation]] = {}

    def __init__(self, **details: Any) -> None:
        """Store the details: JSON values that are safe to show to the caller."""
        super().__init__(self.en.format(**details))
        self.details = details

    def message(self, language: str) -> str:
        """Return the message in the language, `en` or `zh-CN`."""
        return (self.en if language == "en" else self.zh).format(**self.details)


class InvalidField(Refusal):
    """One field of the request breaks a rule that its type cannot express."""

    kind = Kind.INVALID
    code = "invalid_request"
    zh = "{field}：{zh_reason}"
    en = "{field}: {en_reason}"
    explanation = Explanation(
        Text(
            "请求中有字段不符合要求，errors 列出了全部字段。",
            "Fields of the request are not valid. `errors` lists all of them.",
        ),
        Text("请按 errors 逐项修正后重新发送。", "Correct each field in `errors` and send the request again."),
    )

    def __init__(self, field: str, zh_reason: str, en_reason: str) -> None:
        """Name the field by its path in the body, such as `price.points`."""
        super().__init__(field=field, zh_reason=zh_reason, en_reason=en_reason)


class Wrong(msgspec.Struct, frozen=True):
    """One wrong field: its path, such as `earnings[0].points`, and what is wrong with it, in both languages."""

    field: str
    zh: str
    en: str
    letters: bool = False
    """Whether the fault is a forbidden character, which the author of the text may not see."""


class InvalidFields(InvalidField):
    """All wrong fields of the request, in the order of the request's type."""

    zh = "请求有误。"
    en = "The request is not valid."

    def __init__(self, wrong: list[Wrong]) -> None:
        """Store the faults. The members of a single-field refusal carry the first one."""
        first = wrong[0]
        super().__init__(first.field, first.zh, first.en)
        self.wrong = wrong


def refuse_all(faults: Iterable[InvalidField]) -> None:
    """Raise the faults, if any: a single one as itself, several together."""
    found = list(faults)
    if len(found) == 1:
        raise found[0]
    if found:
        details = [one.details for one in found]
        raise InvalidFields([Wrong(one["field"], one["zh_reason"], one["en_reason"]) for one in details])


def in_words(refused: InvalidFields) -> str:
    """Return the faults as one English text, for a terminal or a response with room for a plain text only."""
    return "; ".join(f"{one.field}: {one.en}" for one in refused.wrong)


class NotFound(Refusal):
    """It does not exist, or is not the caller's. The answer does not say which."""

    kind = Kind.NOT_FOUND
    code = "not_found"
    zh = "没有找到，或不属于您。"
    en = "It does not exist, or it is not yours."
    explanation = Explanation(
        Text("没有找到该资源，或不属于调用方。", "The resource does not exist, or it is not the caller's."),
        Text("请核对编号和所用凭证。", "Check the id and the credentials."),
    )


class ChangedMeanwhile(Refusal):
    """The object was changed, or created, by somebody else since it was read."""

    kind = Kind.PRECONDITION
    code = "changed_meanwhile"
    zh = "在您读取之后已被他人修改，请重新读取后再改（通过接口时以新的 ETag 作为 If-Match）。"
    en = "It was changed after you read it. Read it again, then change it (over the API with its new ETag as If-Match)."
    explanation = Explanation(
        Text(
            "该资源在读取之后已被他人修改，If-Match 与当前 ETag 不符。",
            "Somebody else changed the resource after it was read: If-Match is not its current ETag.",
        ),
        Text(
            "请重新读取，在新内容上修改，并以新的 ETag 作为 If-Match。",
            "Read the resource again, apply the change to it, and send its new ETag as If-Match.",
        ),
    )


class WrongState(Refusal):
    """The transition table has no such action in the current state."""

    code = "wrong_state"
    zh = "当前状态为 {state}，不能执行 {action}；可执行的状态：{allowed}。"
    en = "It is {state}; {action} is possible only when it is {allowed}."
    explanation = Explanation(
        Text("该资源当前状态不允许此操作。", "The resource is in a state that does not allow the action."),
        Text("请查看 allowed 中可执行的状态。", "See the states in `allowed`."),
    )

    def __init__(self, action: str, state: str, allowed: list[str]) -> None:
        """Store the action, the current state, and the states that allow it."""
        super().__init__(action=action, state=state, allowed=", ".join(allowed) or "-")


class ServiceUnavailable(Refusal):
    """The database or another dependency is unavailable. Nothing was done, or a retry with the same key returns the outcome."""

    kind = Kind.UNAVAILABLE
    code = "service_unavailable"
    zh = "服务暂时不可用，请稍后重试；涉及变动的请求请使用同一 Idempotency-Key。"
    en = "The service is unavailable. Try again shortly, with the same Idempotency-Key if the request has one."
    explanation = Explanation(
        Text("服务所需的数据库暂时无法访问或正忙。", "The database that the service needs is unreachable or busy."),
        Text(
            "请在 Retry-After 之后重试；涉及变动的请求使用同一 Idempotency-Key。",
            "Try again after Retry-After, with the same Idempotency-Key.",
        ),
    )
