"""Logs as one JSON object a line, or for a person's eyes."""

import logging
import sys
from typing import Any

import msgspec
import structlog

from marketplace.settings import Settings


def configure(settings: Settings) -> None:
    """Send structured logs, and what libraries say from warnings on, to standard error."""
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(
        stream=sys.stderr, level=max(level, logging.WARNING), format="%(levelname)s %(name)s: %(message)s"
    )
    json = settings.log_format == "json"
    renderer = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if json
        # Plain: the fine one prints the values of variables, and secrets with them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if json
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _to_json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)
