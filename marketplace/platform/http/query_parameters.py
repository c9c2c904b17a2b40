"""Query parameters of the API: only defined ones, each once, each of its type; all faults are reported at once.

Ignoring a parameter misunderstands the request: `?dryrun=true` would execute what was to be tried. Other addresses ignore unknown
parameters: pages, since links carry parameters of other programs; the endpoints of OAuth, as RFC 6749 §3.1 requires; health and
metrics, which other systems' machines read. See docs/decisions/0021-what-comes-in.md.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from marketplace.kernel.refusals import InvalidFields, Wrong
from marketplace.platform.validation.fitting import Fitting
from marketplace.platform.validation.misfits import nearest, shown

PREFIX = "/v1/"

_MOST = 50
"""Maximum number of parameters in a query: no operation has ten."""

_known: WeakKeyDictionary[BaseRouteHandler, dict[str, Fitting]] = WeakKeyDictionary()

REQUIRED = "Required: "
"""Prefix of the description of a parameter that the server requires though its handler has a default: the refusal is ours."""


def check_query(handler: BaseRouteHandler, query: bytes) -> None:
    """Raise InvalidFields unless the query has parameters of the handler only, each once and of its type."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError as error:
        fault = Wrong("query", "查询参数无法解读。", "cannot be read: percent-encoded UTF-8 is expected.")
        raise InvalidFields([fault]) from error
    parameters = _known.get(handler)
    if parameters is None:
        parameters = _known[handler] = _parameters(handler)
    faults = _faults(parameters, pairs)
    if faults:
        raise InvalidFields(faults)


def _parameters(handler: Any) -> dict[str, Fitting]:
    """Return the fittings of the handler's query parameters, by their public names."""
    found = {}
    for name, field in handler.parsed_fn_signature.parameters.items():
        said = field.kwarg_definition
        if isinstance(said, QueryParameter):
            found[said.name or name] = Fitting(handler.signature_model.__annotations__[name])
    return found


def _faults(parameters: dict[str, Fitting], pairs: Sequence[tuple[str, str]]) -> list[Wrong]:
    faults: dict[str, Wrong] = {}
    seen: set[str] = set()
    for name, value in pairs:
        fitting = parameters.get(name)
        if fitting is None:
            faults[name] = Wrong(shown(name), *nearest(name, list(parameters), "查询参数", "query parameter"))
        elif name in seen:
            faults[name] = Wrong(name, "只能给出一次。", "may be given only once.")
        else:
            try:
                fitting.fit(value.strip(), strict=False)  # people type searches, and leave spaces around them
            except InvalidFields as refused:
                faults[name] = Wrong(name, refused.wrong[0].zh, refused.wrong[0].en)
        seen.add(name)
    return list(faults.values())
