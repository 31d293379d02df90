"""W3C Trace Context: which trace a request belongs to, by its traceparent header."""

import random
import re
from typing import NamedTuple

# Section 3.2.2 of the recommendation: version ff and ids of zeros alone are invalid.
TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceContext(NamedTuple):
    """The trace that a request is a part of; `parent_id` is the caller's span, or None when the trace begins here."""

    trace_id: str
    parent_id: str | None = None
    flags: int = 0


def trace_context(traceparent: str | None) -> TraceContext:
    """The caller's trace; a new one when the header is absent or malformed (W3C Trace Context, section 3.2)."""
    found = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    # Only later versions may add fields.
    if found is None or (found[1] == "00" and found[5]):
        # Not from the system, which would be asked for each request: an id has to be unique, not secret.
        return TraceContext(f"{random.getrandbits(128):032x}")
    return TraceContext(found[2], found[3], int(found[4], 16))
