"""What schemathesis cannot read from the OpenAPI document about valid values; it loads this before it starts."""

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies

# gunicorn takes a first line of 8,190 bytes.
MAX_QUERY_LENGTH = 7_500

offsets = strategies.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# RFC 3339 allows times that are outside the years 1 to 9999 once they are in UTC; the service rightly refuses them.
times = strategies.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets)

schemathesis.openapi.format("date-time", times.map(datetime.isoformat))
schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(sorted(available_timezones())))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Say which texts are names of time zones, for which OpenAPI has no format."""
    components = raw_schema["components"]
    bodies = (components["schemas"][name]["properties"]["timezone"] for name in ("NewUser", "UserPatch"))
    for schema in (components["parameters"]["tz"]["schema"], *bodies):
        schema["format"] = "iana-time-zone"


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether to send the request: not when an id in its path or query is another row's reference that is null, nor
    when its filters together are longer than a URL may be.
    """
    given = {**(case.path_parameters or {}), **(case.query or {})}
    length = sum(len(quote(name)) + len(quote(str(value))) + 2 for name, value in given.items())
    return None not in given.values() and length < MAX_QUERY_LENGTH
