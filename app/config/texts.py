"""How the text of a setting is read and shown: marshmallow fields whose messages are half a sentence."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from marshmallow import ValidationError, fields, validate
from psycopg2.extensions import parse_dsn

PROJECT = Path(__file__).resolve().parent.parent.parent
MASK = "********"
# As a browser sends it (RFC 6454, section 7): in small letters, without a path, a slash or a wildcard.
ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
# Of the fields here none keeps anything of a setting, so one serves several.
FLAG = fields.Boolean(error_messages={"invalid": "it must be true or false"})
RATE = fields.String(
    validate=validate.Regexp(
        r"[1-9][0-9]{0,8}/(second|minute|hour|day)\Z",
        error="it must be a number per second, minute, hour or day, such as 600/minute",
    )
)


def whole_number(low: int, high: int) -> fields.Integer:
    """A field for whole numbers in these bounds, both included."""
    wanted = f"it must be a whole number from {low} to {high}"
    return fields.Integer(validate=validate.Range(low, high, error=wanted), error_messages={"invalid": wanted})


class Choice(fields.String):
    """One of a few texts, whose case does not matter."""

    def __init__(self, *choices: str) -> None:
        wanted = f"it must be {', '.join(choices[:-1])} or {choices[-1]}"
        super().__init__(validate=validate.OneOf(choices, error=wanted))

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(value.lower(), *args, **kwargs)


class Url(fields.String):
    """The URL of a server. It is shown without its user, its password, and what its query may have of a secret."""

    def __init__(self, *schemes: str) -> None:
        super().__init__(validate=self.check)
        self.starts = tuple(f"{scheme}://" for scheme in schemes)

    def check(self, url: str) -> None:
        """Raise ValidationError for another scheme, or when no server is named."""
        if not url.startswith(self.starts):
            raise ValidationError(f"it must start with {' or '.join(self.starts)}")
        try:
            parts = urlsplit(url)
            named = parts.scheme.endswith("+unix") or (parts.hostname and parts.port != 0)
        except ValueError:
            named = False
        if not named:
            raise ValidationError("it must name a host, and after a colon nothing but a port from 1 to 65535")

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        # An @ behind a question mark may stand in a password or in the query: then all that follows goes too.
        nameless = re.sub(r"//.*[?#].*@.*|//.*@", f"//{MASK}@", value)
        return re.sub(r"=[^&]*|(?<=[?&#])[^=&]+(?![^&])", f"={MASK}", nameless)


class DatabaseUrl(Url):
    """A PostgreSQL URL as libpq reads it, less `pgbouncer=…`, which other clients put there for themselves."""

    def __init__(self) -> None:
        super().__init__("postgresql", "postgres")

    def check(self, url: str) -> None:
        """Raise ValidationError for what libpq cannot read."""
        if not url.startswith(self.starts):
            raise ValidationError(f"it must start with {' or '.join(self.starts)}")
        try:
            ports = parse_dsn(url).get("port", "").split(",")
        except psycopg2.ProgrammingError as error:
            raise ValidationError(str(error).strip().replace(url, "the URL")) from None
        if not all(port.isdigit() or not port for port in ports):
            raise ValidationError("its port must be a number")

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return re.sub(r"(?<=[?&])pgbouncer=[^&]*&?", "", value).rstrip("?&")


class Origins(fields.Field[tuple[str, ...]]):
    """Origins of web pages as browsers write them, with commas between."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValidationError(
                    f"{origin} must be a scheme, a host and maybe a port, such as https://app.example.com"
                )
        return origins

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return ",".join(value)


class Folder(fields.Field[Path]):
    """A path; a relative one starts at the project."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Path:
        return (PROJECT / Path(value).expanduser()).resolve()


class Keys(fields.Field[Mapping[str, str]]):
    """Accepted keys by the name of who holds them; in a plain list they are called key-1, key-2, … Names are shown."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
        try:
            keys = json.loads(value, object_pairs_hook=_each_name_once)
        except json.JSONDecodeError:
            keys = None
        if isinstance(keys, list):
            keys = {f"key-{number}": key for number, key in enumerate(keys, start=1)}
        if not isinstance(keys, dict):
            raise ValidationError(
                'it must be a JSON list of keys or a JSON object of name to key, such as {"planner": "…"}'
            )
        if not all(isinstance(key, str) and re.fullmatch("[!-~]([ -~]*[!-~])?", key) for key in keys.values()):
            raise ValidationError(
                "a key is a text of ASCII characters, which neither begins nor ends with a space, since it travels "
                "in a header, and is not empty"
            )
        if any(not name.strip() or not name.isprintable() for name in keys) or len(set(keys.values())) < len(keys):
            raise ValidationError("each key needs a name that can be printed, and each name a key of its own")
        return keys

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return ", ".join(f"{name}={MASK}" for name in value)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValidationError(
            "a name may stand there once only; to change a key, add the new one under another name first"
        )
    return dict(pairs)
