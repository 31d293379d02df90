"""The log: one JSON object a line on stdout."""

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
MOST_CAUSES_TOLD = 10


def write(fields: Mapping[str, Any]) -> None:
    """Write one line. What cannot be written is dropped: a log that nobody reads must not break a request."""
    try:
        # Past Python's buffers, in one piece, so that the lines of several threads and workers do not mix.
        os.write(STDOUT, _line(fields))
    except OSError:
        return


def _line(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, _plain, orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except TypeError:
        # Half of a surrogate pair, for one; the standard library writes it as an escape.
        return json.dumps(fields, default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class JsonLines(logging.Handler):
    """Writes what Python's logging is told as such lines, with the ids of the request in whose thread it was told."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        try:
            write(_fields(record))
        except Exception:
            self.handleError(record)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
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
    return fields


def stack(error: BaseException, given: Sequence[str] = ()) -> str:
    """The error's stack, and its causes' before it. Of each message the first line, since PostgreSQL puts values
    of the row below it; without the values that a request has given.
    """
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < MOST_CAUSES_TOLD:
        message = "".join(traceback.format_exception_only(cause))
        for value in given:
            message = message.replace(value, "…").replace(repr(value)[1:-1], "…")
        first = next((line for line in message.splitlines() if not line.startswith(" ")), type(cause).__name__)
        told.insert(0, f"{''.join(traceback.format_tb(cause.__traceback__))}{first}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(told)
