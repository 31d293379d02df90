"""The log: one JSON object a line, on stdout."""

import contextlib
import json
import logging
import os
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from app.telemetry.usage import usage

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
    """What Python's logging is told, with the ids of the request in whose thread it was told."""

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
            fields["stack"] = stack(record.exc_info[1], getattr(record, "given", ()))
        return _as_json(fields).decode()


def stack(error: BaseException, given: Sequence[str] = ()) -> str:
    """The error's stack, and its causes' before it. Of each message the first line, since PostgreSQL puts values
    of the row below it; without the values that a request has given.
    """
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < MAX_CAUSES:
        message = _message(cause)
        for value in given:
            as_json = json.dumps(value)[1:-1]
            for written in (value, as_json, repr(value)[1:-1], repr(as_json)[1:-1]):
                message = message.replace(written, "…")
        first = next((line for line in message.splitlines() if not line.startswith(" ")), type(cause).__name__)
        parts.insert(0, f"{''.join(traceback.format_tb(cause.__traceback__))}{first}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(parts)


def _message(error: BaseException) -> str:
    code = getattr(error, "pgcode", None) or getattr(getattr(error, "orig", None), "pgcode", None) or ""
    if code.startswith(ABOUT_VALUES):
        return f"{type(error).__name__}: SQLSTATE {code}. Its message may hold values; PostgreSQL's log has it."
    return "".join(traceback.format_exception_only(error))


def _as_json(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, str, orjson.OPT_UTC_Z)
    except TypeError:
        # Half of a surrogate pair, for one; the standard library writes it as an escape.
        return json.dumps(fields, default=str).encode()
