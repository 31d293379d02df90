"""The log: one JSON object a line, on stdout."""

import contextlib
import json
import logging
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.telemetry.measures import usage

STDOUT = 1
MAX_CAUSES = 10
# Classes of SQLSTATE: wrong data, broken constraints and WITH CHECK OPTION, and what a trigger raises.
ABOUT_VALUES = ("22", "23", "44", "P0")


def configuration(level: str) -> dict[str, Any]:
    """The settings of Python's logging by which gunicorn, the app and its libraries write JSON lines."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "root": {"level": "WARNING", "handlers": ["json"]},
        "loggers": {
            "app": {"level": level.upper()},
            "gunicorn.error": {"level": level.upper(), "handlers": ["json"], "propagate": False},
        },
        "handlers": {
            "json": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"},
        },
        "formatters": {"json": {"()": "app.telemetry.log.JsonFormatter"}},
    }


def write(fields: Mapping[str, Any]) -> None:
    """Write one line of these fields. What cannot be written is dropped, so that no request fails for it."""
    with contextlib.suppress(OSError):
        # Past Python's buffers: a line is one write, so that those of several workers do not mix.
        os.write(STDOUT, _as_json(fields) + b"\n")


class JsonFormatter(logging.Formatter):
    """A record of Python's logging as a line of JSON, with the ids of the request that its thread serves."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "request_id": usage.request_id,
            "trace_id": usage.trace_id,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            fields["stack"] = stack(record.exc_info[1])
        return _as_json(fields).decode()


def stack(error: BaseException) -> str:
    """Where the error happened and its type, after those of up to nine causes; no message that may hold a value."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < MAX_CAUSES:
        parts.insert(0, f"{''.join(traceback.format_tb(cause.__traceback__))}{_description(cause)}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(parts)


def _description(error: BaseException) -> str:
    """The type, and PostgreSQL's code; its message too where that tells of the schema and not of values."""
    name, code = type(error).__name__, getattr(error, "pgcode", None)
    if code is None:
        return name
    if code.startswith(ABOUT_VALUES):
        return f"{name}: SQLSTATE {code}. Its message may hold values; PostgreSQL's log has it."
    # Below the first line PostgreSQL puts the statement, with its values.
    return f"{name}: {str(error).partition(chr(10))[0]}"


def _as_json(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, str, orjson.OPT_UTC_Z)
    except TypeError:
        # Half of a surrogate pair, for one; the standard library writes it as an escape.
        return json.dumps(fields, default=str).encode()
