"""Values of the one format in the OpenAPI document that schemathesis does not know; it loads this before it starts."""

from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies

schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(sorted(available_timezones())))
