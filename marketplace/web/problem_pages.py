"""`/problems` and a page for each problem code: the target of a problem document's `type`."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.problem_catalogue import catalogue
from marketplace.web.pages import PageTemplate, page


@get("/problems")
async def problems(request: Request[Any, Any, Any]) -> PageTemplate:
    """List the codes."""
    return page(request, "problems.html", problems=list(catalogue().values()))


@get("/problems/{code:str}")
async def problem(request: Request[Any, Any, Any], code: FromPath[str]) -> PageTemplate:
    """Explain a code in both languages."""
    found = catalogue().get(code)
    if found is None:
        raise NotFound
    return page(request, "problem.html", problem=found)
