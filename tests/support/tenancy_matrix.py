"""What a row of the tenancy matrix says, and how it becomes requests."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import uuid4

import httpx
import msgspec

from marketplace.platform.http.problems import parse_id
from marketplace.platform.postgres.database import DB
from tests.support.app import fresh_key
from tests.support.tenancy_matrix_world import MatrixWorld

Who = Literal["partner", "member", "oem", "staff", "sandbox", "applicant", "client", "registration", "anyone"]
"""Whose credentials an operation takes."""

ADDED = ("id", "partner_id", "status", "balance", "role")
"""Fields that nobody may set by adding them to a body that has no such field."""

_LEFT_BY_ASKING = ("idempotency", "rate_window", "oauth_assertion", "oauth_dpop_proof")
"""What a refused request may leave: its answer under its key, its count, the mark that an assertion was used."""


EVERY = "every right of the client"
"""In the place of a right: a token with fewer than its client may have is not enough."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. In `path`, `body` and `form`, `@name` is the first party's thing of that name in the world, `=name` is
    its value where it names nothing that belongs to anybody.

    What somebody else gets to see is one of: `hidden` (the statuses for what is not theirs, the same as for what is not there),
    `listing` (a list of their own, without the first party's things), `own` (why there is nothing of others to name).
    """

    operation: str
    who: Who
    right: str | tuple[str, ...] = ""
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: Any = None
    form: Mapping[str, str] | None = None
    raw: bytes | None = None
    good: tuple[int, ...] = (200, 201, 204)
    hidden: tuple[int, ...] = (404,)
    listing: bool = False
    own: str = ""
    ignored: str = ""
    """Why added fields are passed over and not refused."""
    distinguishable: str = ""
    """Why what is another's may be distinguished from what does not exist: it is refused with 400."""
    crossed: str = ""
    """Another of the same kind, in the place of the path's first id: a thing that is there, but not under that one."""
    sender: str = ""
    """Who sends the valid request, where it is not the usual one of the kind."""


class Operation(msgspec.Struct, frozen=True):
    """An operation of the description: its method, path, and the names that its JSON body has."""

    name: str
    method: str
    path: str
    fields: frozenset[str]
    has_body: bool


def operations(schema: Mapping[str, Any]) -> dict[str, Operation]:
    """Return the operations of an OpenAPI description, by id."""
    found = {}
    for path, item in schema["paths"].items():
        for method, said in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                body = said.get("requestBody", {}).get("content", {}).get("application/json")
                fields = frozenset() if body is None else frozenset(_properties(schema, body["schema"]))
                name = said["operationId"]
                found[name] = Operation(name, method.upper(), path, fields, body is not None)
    return found


def _properties(schema: Mapping[str, Any], node: Mapping[str, Any]) -> set[str]:
    if "$ref" in node:
        return _properties(schema, schema["components"]["schemas"][node["$ref"].rpartition("/")[2]])
    parts = [*node.get("oneOf", []), *node.get("anyOf", []), *node.get("allOf", [])]
    return set(node.get("properties", {})).union(*(_properties(schema, part) for part in parts))


def names_things(row: Row) -> bool:
    """Return whether the row's request names something that belongs to somebody."""
    return any(
        text.startswith("@") for text in _texts([dict(row.path), row.body, dict(row.form or {}), dict(row.query)])
    )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for part in value for text in _texts(part)] if isinstance(value, list | tuple) else []


def absent(value: str) -> str:
    """Return a name of the same form that nothing has."""
    return str(uuid4()) if parse_id(value) else f"absent-{uuid4().hex[:8]}"


class Asker:
    """Sends a row's request, as any caller, with the world's ids or with ids that do not exist."""

    def __init__(self, world: MatrixWorld, row: Row, operation: Operation) -> None:
        """Take the row and what the description says of it."""
        self.world, self.row, self.operation = world, row, operation

    async def ask(
        self,
        who: Mapping[str, str],
        *,
        there: bool = True,
        more: Mapping[str, Any] | None = None,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send the request. `more` is added to the body, `path` goes in the place of the row's."""
        row, gone = self.row, {}

        def value(text: str) -> str:
            name = text[1:]
            if text.startswith("="):
                return self.world.ids[name]
            if not text.startswith("@"):
                return text
            known = self.world.ids[name]
            return known if there else gone.setdefault(name, absent(known))

        target = self.operation.path
        for name, text in {**row.path, **(path or {})}.items():
            target = target.replace("{" + name + "}", value(text))
        assert "{" not in target, f"{row.operation}: the row names no {target}"
        sent: dict[str, Any] = {
            "headers": {**who, **fresh_key(), **{k: _filled(v, value) for k, v in row.headers.items()}}
        }
        if row.form is not None:
            sent["data"] = {**_filled(row.form, value), **(more or {})}
        elif row.raw is not None:
            sent["content"] = row.raw
        elif row.body is not None or more:
            sent["json"] = {**(_filled(row.body, value) or {}), **(more or {})}
        asked = {**row.query, **(query or {})}
        if asked:
            sent["params"] = _filled(asked, value)
        return await self.world.api.request(self.operation.method, target, **sent)


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {name: _filled(part, fill) for name, part in value.items()}
    return [_filled(part, fill) for part in value] if isinstance(value, list | tuple) else value


def said(answer: httpx.Response) -> tuple[int, str | None, Any]:
    """Return what an answer tells its reader, but for the number of the request."""
    kind = answer.headers.get("content-type")
    if kind is None or "json" not in kind:
        return answer.status_code, kind, answer.content
    body = answer.json()
    if isinstance(body, dict):
        body.pop("request_id", None)
    # As bytes: the order of fields is told as well.
    return answer.status_code, kind, msgspec.json.encode(body)


class Digest:
    """A mark of everything that the database holds, which changes with each row that is written, moved or deleted."""

    def __init__(self) -> None:
        """Begin without the list of tables."""
        self._statement = ""
        self._columns: dict[str, list[str]] = {}

    async def named(self, column: str, value: str) -> dict[str, int]:
        """Return how many rows of each table have the value in the column of that name."""
        if column not in self._columns:
            rows = await DB.fetch(
                "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = $1",
                column,
            )
            self._columns[column] = [row["table_name"] for row in rows]
        counted = f'SELECT count(*) FROM "{{}}" WHERE {column}::text = $1'
        return {table: await DB.fetchval(counted.format(table), value) for table in self._columns[column]}

    async def take(self) -> list[tuple[str, int, int]]:
        """Return the mark of each table: its rows, and where and by whom each was written."""
        if not self._statement:
            rows = await DB.fetch(
                "SELECT relname AS name FROM pg_class WHERE relkind IN ('r') AND relnamespace = 'public'::regnamespace"
                " AND NOT relname = ANY($1) AND relname !~ '^(pgqueuer|rate_)' ORDER BY 1",
                list(_LEFT_BY_ASKING),
            )
            mark = "coalesce(sum(hashtext(ctid::text || ':' || xmin::text)::bigint), 0)::bigint"
            self._statement = " UNION ALL ".join(
                f"SELECT '{row['name']}' AS name, count(*) AS rows, {mark} AS mark FROM \"{row['name']}\""
                for row in rows
            )
            # Without an order a parallel plan gives the tables as their scans end.
            self._statement = f"SELECT * FROM ({self._statement}) AS marks ORDER BY name"
        return [(row["name"], row["rows"], row["mark"]) for row in await DB.fetch(self._statement)]


def changed(before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]) -> list[str]:
    """Return the tables whose marks differ."""
    return [old[0] for old, new in zip(before, after, strict=True) if old != new]
