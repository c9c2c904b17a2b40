"""What an API description took away since another one: the changes that break a client.

A request may accept more and a response may say more; the reverse breaks somebody. References are followed, so the same schema is
compared as a request here and as a response there.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def incompatible(before: Schema, after: Schema) -> list[str]:
    """Return each incompatible change as one line, such as `get_offer: status 200: property price was removed`."""
    return list(dict.fromkeys(_Comparison(before, after).changes()))


class _Comparison:
    def __init__(self, before: Schema, after: Schema) -> None:
        self.before, self.after = before, after
        self._seen: set[tuple[str, str, bool]] = set()

    def changes(self) -> Iterator[str]:
        old, new = _operations(self.before), _operations(self.after)
        for address, operation in old.items():
            name = operation.get("operationId", " ".join(address))
            if address not in new:
                yield f"{name}: operation {address[0].upper()} {address[1]} was removed"
                continue
            if new[address].get("operationId") != operation.get("operationId"):
                yield f"{name}: operationId is {new[address].get('operationId')} now"
            yield from self._operation(name, operation, new[address])

    def _operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from self._parameters(name, old, new)
        yield from self._body(f"{name}: body", old.get("requestBody"), new.get("requestBody"))
        for status, answer in old.get("responses", {}).items():
            here = f"{name}: status {status}"
            if status not in new.get("responses", {}):
                yield f"{here} was removed"
                continue
            old_answer, new_answer = self._old(answer), self._new(new["responses"][status])
            yield from self._content(here, old_answer, new_answer, request=False)

    def _parameters(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        had = {(one["in"], one["name"]): one for one in map(self._old, old.get("parameters", []))}
        has = {(one["in"], one["name"]): one for one in map(self._new, new.get("parameters", []))}
        for key, parameter in had.items():
            here = f"{name}: parameter {key[1]}"
            if key not in has:
                yield f"{here} was removed"
                continue
            if has[key].get("required") and not parameter.get("required"):
                yield f"{here} is required now"
            yield from self._schema(here, parameter.get("schema", {}), has[key].get("schema", {}), request=True)
        for key in has.keys() - had.keys():
            if has[key].get("required"):
                yield f"{name}: parameter {key[1]} is new and required"

    def _body(self, here: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if (
            new is not None
            and self._new(new).get("required")
            and not (old is not None and self._old(old).get("required"))
        ):
            yield f"{here} is required now"
        if old is not None and new is None:
            yield f"{here} was removed"
        elif old is not None and new is not None:
            yield from self._content(here, self._old(old), self._new(new), request=True)

    def _content(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{here}: media type {media_type} was removed"
            else:
                other = new["content"][media_type]
                yield from self._schema(here, content.get("schema", {}), other.get("schema", {}), request=request)

    def _schema(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""), request)
        if pair[0] and pair[1]:
            if pair in self._seen:
                return
            self._seen.add(pair)
            here = f"{'request' if request else 'answer'} {pair[0].rsplit('/', 1)[1]}"
        old, new = self._old(old), self._new(new)
        yield from self._types(here, old, new, request=request)
        yield from self._enum(here, old, new, request=request)
        yield from self._properties(here, old, new, request=request)
        if "items" in old and "items" in new:
            yield from self._schema(f"{here}[]", old["items"], new["items"], request=request)
        yield from self._members(here, old, new, request=request)

    def _types(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        had, has = self._kinds(old, self.before), self._kinds(new, self.after)
        lost = had - has if request else has - had
        if had and has and lost:
            yield f"{here}: type {_listed(had)} is {_listed(has)} now"
        if old.get("format") != new.get("format"):
            yield f"{here}: format {old.get('format')} is {new.get('format')} now"

    def _enum(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        had, has = _values(old), _values(new)
        if had is not None and has is not None:
            for value in sorted(had - has):
                yield f"{here}: value {value} was removed"
        elif has is not None and request:
            yield f"{here}: takes {_listed(has)} only now"

    def _properties(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        had, has = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", [])), set(new.get("required", []))
        for name, schema in had.items():
            if name not in has:
                yield f"{here}: property {name} was removed"
                continue
            if request and name in needs - needed:
                yield f"{here}: property {name} is required now"
            if not request and name in needed - needs:
                yield f"{here}: property {name} may be missing now"
            yield from self._schema(f"{here}: property {name}", schema, has[name], request=request)
        if request:
            for name in sorted(needs - had.keys()):
                yield f"{here}: property {name} is new and required"

    def _members(self, here: str, old: Schema, new: Schema, *, request: bool) -> Iterator[str]:
        """Compare the members of unions: the references by name, the one plain member with the other."""
        had = [*old.get("oneOf", []), *old.get("anyOf", [])]
        has = [*new.get("oneOf", []), *new.get("anyOf", [])]
        by_name = {member["$ref"]: member for member in has if "$ref" in member}
        for member in had:
            reference = member.get("$ref")
            if reference is None:
                continue
            if reference in by_name:
                yield from self._schema(here, member, by_name[reference], request=request)
            elif has and request:
                yield f"{here}: {reference.rsplit('/', 1)[1]} is not taken any more"

    def _kinds(self, schema: Schema, document: Schema) -> set[str]:
        schema = _resolved(schema, document)
        said = schema.get("type")
        if said is not None:
            found = {said} if isinstance(said, str) else set(said)
            return {"number", "integer"} if found == {"number"} else found
        members = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
        return {kind for member in members for kind in self._kinds(member, document)}

    def _old(self, node: Schema) -> Schema:
        return _resolved(node, self.before)

    def _new(self, node: Schema) -> Schema:
        return _resolved(node, self.after)


def _operations(document: Schema) -> dict[tuple[str, str], Schema]:
    return {
        (method, path): item[method]
        for path, item in document.get("paths", {}).items()
        for method in _METHODS
        if method in item
    }


def _resolved(node: Schema, document: Schema) -> Schema:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def _values(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return {str(value) for value in schema["enum"]} if "enum" in schema else None


def _listed(values: set[str]) -> str:
    return " or ".join(sorted(values))
