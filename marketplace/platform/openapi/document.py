"""The API description: generated from the code, shown at /docs from our own server, exported to openapi.yaml."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, Contact, License, OpenAPI, SecurityScheme, Tag

from marketplace.platform.openapi.examples import add_examples, examples_of
from marketplace.platform.openapi.operations import Asked, describe_patches, finish, operations
from marketplace.platform.openapi.problems import REFUSALS
from marketplace.platform.openapi.schemas import Types
from marketplace.platform.packages import Package

_DESCRIPTION = """Partners register offers in ten life scenarios, members redeem points for them, settlement pays what is owed.

Amounts are minor units (`{"amount": 12900, "currency": "CNY"}` is 129.00 yuan), points are whole numbers, instants are RFC 3339.
Each POST that moves something takes an `Idempotency-Key`. Errors are RFC 9457 problem documents with a stable `code`.
"""

TAGS = [
    Tag("members", "Members in the app. Token: ONE ID, audience `/v1/members`."),
    Tag("partner", "Partner systems and staff. Token: our OAuth server, audience `/v1/partner`."),
    Tag("points", "The OEM's own systems. Token: our OAuth server, audience `/v1/points`."),
    Tag("operations", "Operations. Token: ONE ID, audience `/v1/admin`, role `operations`."),
    Tag("finance", "Finance. Token: ONE ID, audience `/v1/admin`, roles `finance`, `finance_approver`, `auditor`."),
    Tag("oauth", "Our OAuth server for partners and the OEM's systems."),
    Tag("sandbox", "A partner's sandbox: its clock, test members, magic offers. Sandbox credentials only."),
    Tag("webhooks", "What we send to partners' webhook endpoints."),
    Tag("platform", "Health and metrics."),
]


SCHEMES = {
    "member": SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="JWT",
        description="A member's ONE ID access token, audience `/v1/members`.",
    ),
    "staff": SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="JWT",
        description="A ONE ID access token of the OEM's staff, audience `/v1/admin`. Each operation names the roles that may.",
    ),
    "metrics": SecurityScheme(type="http", scheme="bearer", description="The token in `MARKETPLACE_METRICS_TOKEN`."),
}
"""The security schemes of the platform's own audiences; packages add theirs."""


class _Described(OpenAPI):
    """The framework's schema, completed by `operations.py` whenever it is serialized."""

    # Not dataclass fields: the schema's fields are what is serialized.
    asked: Asked
    operation_patches: dict[str, type]
    operation_types: Types
    packages: Sequence[Package]

    def to_schema(self) -> dict[str, Any]:
        schema = super().to_schema()
        self.operation_types.describe(schema, {one["operationId"]: one for _, one in operations(schema)})
        schema = finish(schema, self.asked)
        describe_patches(schema, self.operation_patches)
        named = {one["operationId"]: one for _, one in operations(schema)}
        add_examples(named, examples_of(self.packages))
        for package in self.packages:
            package.describe(schema)
        return schema


class ApiDescription(OpenAPIConfig):
    """Litestar's configuration, whose schema is complete."""

    asked: Asked
    operation_patches: dict[str, type]
    operation_types: Types
    packages: Sequence[Package]

    def note_handlers(self, app: Litestar) -> None:
        """Remember the scope and roles that each operation's guard requires, and the type that each PATCH changes."""
        handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
        named = {handler.operation_id: handler for handler in handlers if isinstance(handler.operation_id, str)}
        self.operation_types = Types({name: handler for name, handler in named.items() if handler.include_in_schema})
        self.asked = Asked(
            scopes={name: handler.opt["scope"] for name, handler in named.items() if "scope" in handler.opt},
            roles={name: handler.opt["roles"] for name, handler in named.items() if "roles" in handler.opt},
            refusals={name: handler.opt[REFUSALS] for name, handler in named.items() if REFUSALS in handler.opt},
        )
        self.operation_patches = {
            handler.operation_id: handler.opt["patch"]
            for handler in handlers
            if "patch" in handler.opt and isinstance(handler.operation_id, str)
        }

    def to_openapi_schema(self) -> OpenAPI:
        """Return the empty schema, which Litestar fills."""
        plain = super().to_openapi_schema()
        described = _Described(**{name: getattr(plain, name) for name in OpenAPI.__dataclass_fields__})
        described.asked, described.packages = self.asked, self.packages
        described.operation_types = self.operation_types
        described.operation_patches = self.operation_patches
        return described


def config(version: str, packages: Sequence[Package], page: OpenAPIRenderPlugin) -> ApiDescription:
    """Return Litestar's OpenAPI configuration, shown by `page`. No generated examples: exports must not differ."""
    description = ApiDescription(
        title="Partner-benefits marketplace",
        contact=Contact(name="The operator of this marketplace"),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        version=version,
        description=_DESCRIPTION,
        path="/docs",
        use_handler_docstrings=True,
        create_examples=False,
        render_plugins=[
            page,
            JsonRenderPlugin(),
            YamlRenderPlugin(),
        ],
        tags=TAGS,
        components=Components(
            security_schemes={
                **SCHEMES,
                **{name: scheme for package in packages for name, scheme in package.security_schemes.items()},
            }
        ),
    )
    description.packages = packages
    return description


def export(schema: dict[str, Any]) -> str:
    """Return the schema as YAML; the same schema always gives the same text."""
    import yaml  # a development dependency: a running server never writes the file

    plain = msgspec.to_builtins(schema)
    return str(yaml.safe_dump(plain, sort_keys=True, allow_unicode=True, width=120))
