"""What Python's logging is told, as lines of the log, with the request it was told in."""

import json
import logging
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.telemetry import lines
from app.telemetry.usage import usage

MOST_CAUSES_TOLD = 10
# Classes of SQLSTATE: wrong data, broken constraints and WITH CHECK OPTION, and what a trigger raises.
ABOUT_VALUES = ("22", "23", "44", "P0")


class JsonLines(logging.Handler):
    """Writes what Python's logging is told as JSON lines, with the ids of the request in whose thread it was told."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        try:
            lines.write(_fields(record))
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
        message = _message(cause)
        for value in given:
            as_json = json.dumps(value)[1:-1]
            for written in (value, as_json, repr(value)[1:-1], repr(as_json)[1:-1]):
                message = message.replace(written, "…")
        first = next((line for line in message.splitlines() if not line.startswith(" ")), type(cause).__name__)
        told.insert(0, f"{''.join(traceback.format_tb(cause.__traceback__))}{first}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(told)


def _message(error: BaseException) -> str:
    code = getattr(error, "pgcode", None) or getattr(getattr(error, "orig", None), "pgcode", None) or ""
    if code.startswith(ABOUT_VALUES):
        return f"{type(error).__name__}: SQLSTATE {code}. Its message may hold values; PostgreSQL's log has it."
    return "".join(traceback.format_exception_only(error))
