"""What two people may edit carries an edition: its ETag when it is read, its If-Match when it is changed (RFC 9110 §13.1.1)."""

import re
from typing import Annotated

from litestar.params import HeaderParameter

from marketplace.kernel.facts import Fact, Kind

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", required=False, description="The ETag that was read.")]

_ETAG = re.compile(r'"([0-9]{1,18})"', re.ASCII)


class IfMatchMissing(Fact):
    """An edit came without the edition that it is based on."""

    kind = Kind.INVALID
    code = "if_match_missing"
    zh = "缺少 If-Match 请求头：请带上读取时的 ETag，以免覆盖他人的修改。"
    en = "The If-Match header is missing: send the ETag that you read, so that nobody's change is overwritten."


class ChangedMeanwhile(Fact):
    """Somebody changed the thing since it was read."""

    kind = Kind.PRECONDITION
    code = "changed_meanwhile"
    zh = "在您读取之后已被他人修改，请重新读取。"
    en = "It was changed since you read it; read it again."


def etag(edition: int) -> dict[str, str]:
    """Return the header that names an edition."""
    return {"ETag": f'"{edition}"'}


def edition_of(if_match: str | None) -> int:
    """Return the edition that an If-Match names; -1, which is nobody's, for a tag that is none of ours. Raises IfMatchMissing."""
    if not if_match:
        raise IfMatchMissing
    match = _ETAG.fullmatch(if_match.strip())
    return int(match[1]) if match else -1
