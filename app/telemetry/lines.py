"""The lines of the log: one JSON object each, on stdout."""

import atexit
import json
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

STDOUT = 1
# What a pipe takes in one piece (POSIX, PIPE_BUF), so that the lines of several workers do not mix.
MOST_BYTES_AT_ONCE = 4096
GATHERS_SECONDS = 0.02
MOST_LINES_WAITING = 10_000
ENDS_WITHIN_SECONDS = 1.0


def write(fields: Mapping[str, Any]) -> None:
    """Write one line. What cannot be written is dropped: a log that nobody reads must not break a request."""
    _lines.put(fields)


def gather() -> None:
    """Let a thread of this process write its lines from now on, until the process ends."""
    _lines.gather()


class Lines:
    """Lines on their way to stdout: written at once, or in a worker by a thread, all of some milliseconds together.

    A request that wrote its own line would spend a fifth of our share of its time on that, and would stand still when
    the log's reader does.
    """

    def __init__(self) -> None:
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._some_wait = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def put(self, fields: Mapping[str, Any]) -> None:
        """Write the line of these fields, now or soon; it is dropped while 10,000 wait already."""
        if self._thread is None:
            _write(_line(fields))
        elif len(self._waiting) < MOST_LINES_WAITING:
            self._waiting.append(fields)
            # To set it takes a lock, to look does not.
            if not self._some_wait.is_set():
                self._some_wait.set()
        else:
            self._dropped += 1

    def gather(self) -> None:
        """From now on a thread of this process writes, until the process ends."""
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()
        # At the interpreter's end, when the last requests have been answered.
        atexit.register(self._end, self._thread)

    def _end(self, thread: threading.Thread) -> None:
        """Write what waits, unless nobody takes it; what still comes is written at once."""
        self._thread = None
        self._ending = True
        self._some_wait.set()
        thread.join(ENDS_WITHIN_SECONDS)

    def _write_on(self) -> None:
        while not self._ending:
            self._some_wait.wait()
            time.sleep(GATHERS_SECONDS)
            self._some_wait.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._waiting.append(_of_our_own(f"{dropped} lines were dropped, since nobody took them."))
        portion = b""
        while self._waiting:
            line = _line(self._waiting.popleft())
            if portion and len(portion) + len(line) > MOST_BYTES_AT_ONCE:
                _write(portion)
                portion = b""
            portion += line
        if portion:
            _write(portion)


_lines = Lines()


def _of_our_own(message: str) -> dict[str, Any]:
    ids = dict.fromkeys(("request_id", "trace_id"))
    return {"time": datetime.now(UTC), "level": "error", **ids, "logger": __name__, "message": message}


def _write(line: bytes) -> None:
    try:
        # Past Python's buffers.
        os.write(STDOUT, line)
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
