"""The API description at /docs: Swagger UI from our own server, without the inline script that a CSP refuses."""

from typing import Any

from litestar import Request, Response
from litestar.openapi.plugins import OpenAPIRenderPlugin

DOCS_CSP = (
    # Swagger UI draws its icons as data: images and sets some styles on elements, which needs 'unsafe-inline' for style
    # attributes only; scripts come from files alone.
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


class DocsPage(OpenAPIRenderPlugin):
    """Renders the page with Swagger UI; `/static/web/docs.js` starts it."""

    def __init__(self) -> None:
        """Serve at /docs itself."""
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        engine = request.app.template_engine
        if engine is None:
            raise RuntimeError("the frame of pages is not installed")
        title = openapi_schema["info"]["title"]
        text: str = engine.get_template("docs.html").render(title=title, schema=self.get_openapi_json_route(request))
        return text.encode()

    def receive_router(self, router: Any) -> None:
        """Give the description's routes headers that suit the page."""
        router.after_request = _secure


async def _secure(response: Response[Any]) -> Response[Any]:
    response.headers.setdefault("Content-Security-Policy", DOCS_CSP)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
