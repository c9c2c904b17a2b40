"""Resources that two people may edit have an edition: their ETag when read, their If-Match when changed (RFC 9110 §13.1.1)."""

import re
from collections.abc import Container
from typing import Annotated

from litestar.params import HeaderParameter

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http.query_parameters import REQUIRED

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        description=REQUIRED + "the ETag that was read, or several of which one is current, or `*` for any.",
    ),
]

IfMatchUnlessNew = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        description="The ETag that was read, as for every change. Left out by the request that creates it.",
    ),
]

Editions = Container[int]
"""The editions on which a change may be based."""

_TAG = re.compile(r'\s*(?P<weak>W/)?"(?P<name>[\x21\x23-\x7e\x80-\xff]*)"\s*')
_EDITION = re.compile(r"[0-9]{1,18}", re.ASCII)


class _Any(Container[int]):
    """Every edition that can exist; a missing resource has none."""

    def __contains__(self, edition: object) -> bool:
        return isinstance(edition, int) and edition >= 0


ANY: Editions = _Any()


class IfMatchMissing(Refusal):
    """An edit came without the edition that it is based on."""

    kind = Kind.INVALID
    code = "if_match_missing"
    zh = "缺少 If-Match 请求头：请带上读取时的 ETag，以免覆盖他人的修改。"
    en = "The If-Match header is missing: send the ETag that you read, so that you do not overwrite another change."
    explanation = Explanation(
        Text("该请求必须带 If-Match 请求头。", "The request must carry an If-Match header."),
        Text("请带上读取资源时的 ETag。", "Send the ETag that was read with the resource."),
    )


class IfMatchWeak(Refusal):
    """An edit is based on weak tags, which If-Match does not compare (RFC 9110 §13.1.1)."""

    kind = Kind.INVALID
    code = "if_match_weak"
    zh = 'If-Match 不比较弱标签（W/"…"）：请原样发送读取时的 ETag，不带 W/。中间的代理可能改写了它。'
    en = 'If-Match does not compare weak tags (W/"…"): send the ETag as it was read, without W/ (a proxy may have put it there).'
    explanation = Explanation(
        Text(
            'If-Match 带有弱标签（W/"…"），无法比较。',
            'If-Match carries a weak tag (W/"…"), which it does not compare.',
        ),
        Text("请原样发送读取时的 ETag，不带 W/。", "Send the ETag as it was read, without W/."),
    )


def etag(edition: int) -> dict[str, str]:
    """Return the header that names an edition."""
    return {"ETag": f'"{edition}"'}


def only(edition: int) -> Editions:
    """Return the set of one edition, from the form of a page."""
    return frozenset({edition})


def editions_of(if_match: str | None) -> Editions:
    """Return the editions that an If-Match names: ANY for `*`, none for tags that are not ours.

    Raises IfMatchMissing, and IfMatchWeak if it has no strong tag.
    """
    if not if_match or not if_match.strip():
        raise IfMatchMissing
    if if_match.strip() == "*":
        return ANY
    tags, place = [], 0
    while (found := _TAG.match(if_match, place)) is not None:
        tags.append(found)
        place = found.end()
        if if_match[place : place + 1] != ",":
            break
        place += 1
    if place != len(if_match):
        return frozenset()  # not a list of tags: it matches nothing
    strong = {tag["name"] for tag in tags if tag["weak"] is None}
    if not strong:
        raise IfMatchWeak
    return frozenset(int(name) for name in strong if _EDITION.fullmatch(name))
