"""Times relative to the database's clock, so that callers on ten machines agree: `now`, `now-5m`, `now+2h`."""

import re
from typing import NamedTuple

# In a query a + that was not written as %2B arrives as a space; after `now` it can mean nothing else.
RELATIVE_FORM = re.compile(r"now(?:([-+ ])([0-9]{1,9})([smhdw]))?", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
MAX_SECONDS = 100 * 366 * 86400


class RelativeTime(NamedTuple):
    """A time so many seconds after the database's clock, or before it."""

    seconds: int


def parse_relative_time(text: str) -> RelativeTime | None:
    """The time that the text stands for; None when it is not of this form. Raises OverflowError past a century."""
    found = RELATIVE_FORM.fullmatch(text)
    if not found:
        return None
    sign, count, unit = found.groups()
    seconds = int(count) * SECONDS[unit] if count else 0
    if seconds > MAX_SECONDS:
        raise OverflowError
    return RelativeTime(-seconds if sign == "-" else seconds)
