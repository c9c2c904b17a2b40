"""The catalogue of webhook events of all packages, and the message that carries one."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.eventlog.webhook_events import SAMPLE_AT, SAMPLE_ID, WebhookEventType
from marketplace.platform.packages import package_classes
from marketplace.platform.validation.json_schemas import COMPONENTS, schemas_of


class EventSubject(msgspec.Struct, frozen=True):
    """The subject of a message."""

    kind: str
    id: UUID


class Message(msgspec.Struct, frozen=True):
    """The body of a webhook, and an entry of the list of events.

    `sequence` counts the messages about one subject from 1: messages can arrive out of order, and a number
    smaller than one already seen is outdated. `sample` is present, and true, in test messages.
    """

    id: UUID
    type: str
    timestamp: datetime
    subject: EventSubject
    sequence: int
    data: Any
    sample: bool | msgspec.UnsetType = msgspec.UNSET


class Catalogue:
    """The webhook events by type."""

    def __init__(self, announced: Sequence[WebhookEventType]) -> None:
        """Sort the events by type."""
        self.by_type = {each.type: each for each in sorted(announced, key=lambda each: each.type)}

    @property
    def types(self) -> frozenset[str]:
        """All types."""
        return frozenset(self.by_type)

    def check(self, types: Sequence[str]) -> list[str]:
        """Return the types sorted, without duplicates; `*` must be alone. Raises InvalidField for an unknown one."""
        if list(types) == ["*"]:
            return ["*"]
        for place, wanted in enumerate(types):
            if wanted not in self.by_type:
                allowed = ", ".join(self.by_type)
                raise InvalidField(
                    f"event_types[{place}]", f"只能是 * 或 {allowed} 之一。", f"must be one of {allowed}, or * alone."
                )
        return sorted(set(types))

    def sample(self, kind: str, message_id: UUID, now: datetime) -> bytes:
        """Return a sample message of the type. Raises InvalidField for an unknown type."""
        announced = self.by_type.get(kind)
        if announced is None:
            allowed = ", ".join(self.by_type)
            raise InvalidField("event_type", f"只能是 {allowed} 之一。", f"must be one of {allowed}.")
        return message(announced, message_id, now, SAMPLE_ID, 1, announced.sample, sample=True)


def message(
    announced: WebhookEventType,
    message_id: UUID,
    at: datetime,
    subject_id: UUID,
    sequence: int,
    data: msgspec.Struct,
    *,
    sample: bool = False,
) -> bytes:
    """Return the body of a message, which is signed and sent."""
    subject = EventSubject(announced.kind.aggregate, subject_id)
    mark = True if sample else msgspec.UNSET
    return msgspec.json.encode(Message(message_id, announced.type, at, subject, sequence, data, mark))


EVENT = "Event"
"""The schema of any message: one of all types, discriminated by `type`."""


def described(catalogue: Catalogue) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the messages as `webhooks` of an OpenAPI document, and the schemas that they refer to."""
    hooks: dict[str, Any] = {}
    components: dict[str, Any] = {}
    mapping: dict[str, str] = {}
    for kind, announced in catalogue.by_type.items():
        name = f"{announced.kind.__name__}{EVENT}"
        envelope, parts = _message_schema(announced)
        components |= {**parts, name: {"title": name, "description": announced.title.en, **envelope}}
        mapping[kind] = f"{COMPONENTS}{name}"
        hooks[kind] = {
            "post": {
                "operationId": f"on_{kind.replace('.', '_')}",
                "summary": announced.title.en,
                "description": f"{announced.title.en}. {announced.title.zh}。",
                "tags": ["webhooks"],
                "security": [],
                "requestBody": {
                    "description": "The message.",
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": mapping[kind]}}},
                },
                "responses": {
                    "2XX": {"description": "Taken. Anything else, and no answer within ten seconds, is tried again."}
                },
            }
        }
    components[EVENT] = {
        "description": "A message of one of the event types.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    return hooks, components


def schema_of(announced: WebhookEventType) -> dict[str, Any]:
    """Return the self-contained JSON Schema (2020-12) of a message of the type."""
    envelope, parts = _message_schema(announced)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **envelope, "$defs": parts}
    text = msgspec.json.encode(whole).replace(COMPONENTS.encode(), b"#/$defs/")
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema


def _message_schema(announced: WebhookEventType) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of a message, and those of its parts by name, as components of an OpenAPI document."""
    (data,), parts = schemas_of([type(announced.sample)])
    example = msgspec.json.decode(message(announced, SAMPLE_ID, SAMPLE_AT, SAMPLE_ID, 1, announced.sample))
    identifier = {"type": "string", "format": "uuid"}
    envelope = {
        "type": "object",
        "required": ["id", "type", "timestamp", "subject", "sequence", "data"],
        "properties": {
            "id": identifier,
            "type": {"type": "string", "const": announced.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "subject": {
                "type": "object",
                "required": ["kind", "id"],
                "properties": {"kind": {"type": "string", "const": announced.kind.aggregate}, "id": identifier},
            },
            "sequence": {"type": "integer", "minimum": 1},
            "data": data,
            "sample": {
                "type": "boolean",
                "const": True,
                "description": "There in messages that were made up to try an endpoint, and in no other.",
            },
        },
        "examples": [example],
    }
    return envelope, parts


@lru_cache(maxsize=8)
def catalogue_of(packages: tuple[str, ...]) -> Catalogue:
    """Return the catalogue of an installation with these packages."""
    return Catalogue([each for package in package_classes(packages) for each in package.announced])
