"""How the text of a setting is parsed, and how its value is shown. A parser raises ValueError with half a sentence."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import parse_dsn

MASK = "********"
# What libpq and PostgreSQL can hold; the latter counts milliseconds.
MAX_INTEGER = 2**31 - 1
MAX_SECONDS = MAX_INTEGER // 1000
MAX_POOL_SIZE = 1000
# As a browser sends it (RFC 6454, section 7): in small letters, without a path, a slash or a wildcard.
ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


def parse_flag(text: str) -> bool:
    """True or false, as people write them."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def whole_number(low: int, high: int, wanted: str = "") -> Callable[[str], int]:
    """A parser of whole numbers in these bounds, both included; `wanted` says so in other words."""
    wanted = wanted or f"a whole number from {low} to {high}"

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"it must be {wanted}")
        return int(text)

    return parse


def choice(*choices: str) -> Callable[[str], str]:
    """A parser of a few texts, whose case and spaces do not matter."""

    def parse(text: str) -> str:
        chosen = " ".join(text.lower().split())
        if chosen not in choices:
            raise ValueError(f"it must be {', '.join(choices[:-1])} or {choices[-1]}")
        return chosen

    return parse


parse_positive = whole_number(1, MAX_INTEGER)
# More than any PostgreSQL is set up for.
parse_pool_size = whole_number(1, MAX_POOL_SIZE)
parse_port = whole_number(1, 65535, "a port, a whole number from 1 to 65535")
parse_seconds = whole_number(0, MAX_SECONDS, f"a whole number of seconds up to {MAX_SECONDS}, or 0 for no limit")
parse_isolation = choice("read committed", "repeatable read", "serializable")
parse_log_level = choice("debug", "info", "warning", "error")


def parse_rate(text: str) -> str:
    """How many requests in what time, as in 600/minute."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", text):
        raise ValueError("it must be a number per second, minute, hour or day, such as 600/minute")
    return text


def parse_redis_url(text: str) -> str:
    """The URL of a Redis."""
    if not text.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("it must start with redis://, rediss:// or redis+unix://")
    if not text.startswith("redis+unix://"):
        _refuse_without_server(text)
    return text


def parse_http_url(text: str) -> str:
    """The address of an HTTP server."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("it must start with http:// or https://")
    _refuse_without_server(text)
    return text


def _refuse_without_server(url: str) -> None:
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.port != 0
    except ValueError:
        named = None
    if not named:
        raise ValueError("it must name a host, and after a colon nothing but a port from 1 to 65535")


def path_parser(folder: Path) -> Callable[[str], Path]:
    """Reads a path; a relative one starts at the folder."""
    return lambda text: (folder / Path(text).expanduser()).resolve()


def parse_database_url(text: str) -> str:
    """A PostgreSQL URL as libpq reads it, less `pgbouncer=…`, which other clients put there for themselves."""
    if not text.startswith(("postgres://", "postgresql://")):
        raise ValueError("it must start with postgresql:// or postgres://")
    server, _, query = text.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("pgbouncer=")]
    url = f"{server}?{'&'.join(options)}" if options else server
    try:
        ports = parse_dsn(url).get("port", "").split(",")
    except psycopg2.ProgrammingError as error:
        raise ValueError(str(error).strip().replace(url, "the URL")) from None
    if not all(port.isdigit() or not port for port in ports):
        raise ValueError("its port must be a number")
    return url


def parse_origins(text: str) -> tuple[str, ...]:
    """Origins of web pages as browsers write them, with commas between."""
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} must be a scheme, a host and maybe a port, such as https://app.example.com")
    return origins


def parse_keys(text: str) -> dict[str, str]:
    """Accepted keys by the name of who holds them; in a plain list they are called key-1, key-2, …"""
    try:
        given = json.loads(text, object_pairs_hook=_each_name_once)
    except json.JSONDecodeError:
        raise ValueError(
            'it must be a JSON list of keys or a JSON object of name to key, such as {"planner": "…"}'
        ) from None
    if isinstance(given, list):
        given = {f"key-{number}": key for number, key in enumerate(given, start=1)}
    if not isinstance(given, dict) or not all(isinstance(key, str) and key.strip() for key in given.values()):
        raise ValueError("it must be a JSON list or object whose keys are texts that are not empty")
    if not all(key.isascii() and key.isprintable() and key == key.strip() for key in given.values()):
        raise ValueError(
            "a key may hold only ASCII characters, and neither begin nor end with a space, since it travels in a header"
        )
    if any(not name.strip() or not name.isprintable() for name in given) or len(set(given.values())) < len(given):
        raise ValueError("each key needs a name that can be printed, and each name a key of its own")
    return given


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name may stand there once only; to change a key, add the new one under another name first")
    return dict(pairs)


def show_plain(value: Any) -> str:
    """A value as `flask settings` shows it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def show_optional(value: Any) -> str:
    """The value, or nothing for none."""
    return "" if value is None else str(value)


def show_url(url: str) -> str:
    """The URL with its password masked, wherever in it that stands."""
    server, _, query = url.partition("?")
    server = re.sub(r"(//[^:/@]*):.*@", rf"\1:{MASK}@", server)
    query = re.sub(r"(\w*password)=[^&]*", rf"\1={MASK}", query)
    return f"{server}?{query}" if query else server


def show_origins(origins: tuple[str, ...]) -> str:
    """The origins as they are given."""
    return ",".join(origins)


def show_keys(keys: Mapping[str, str]) -> str:
    """Who holds a key, never the key."""
    return ", ".join(f"{name}={MASK}" for name in keys)
