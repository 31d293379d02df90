"""Every setting once: its name, its default, how it is read, and one line of help."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg2
from dotenv import dotenv_values
from psycopg2.extensions import parse_dsn

PROJECT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MASK = "********"
# What libpq and PostgreSQL can hold; the latter counts milliseconds.
LARGEST_NUMBER = 2**31 - 1
LONGEST_SECONDS = LARGEST_NUMBER // 1000
LARGEST_POOL = 1000
# As a browser sends it (RFC 6454, section 7): in small letters, without a path, a slash or a wildcard.
ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


class SettingError(Exception):
    """A setting that cannot be used. The message is a sentence that names it and says what to do."""


def read_text(text: str) -> str:
    """The text as it is."""
    return text


def read_flag(text: str) -> bool:
    """True or false, as people write them."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def read_positive(text: str) -> int:
    """A whole number from 1."""
    if not _is_number(text) or not 1 <= int(text) <= LARGEST_NUMBER:
        raise ValueError(f"it must be a whole number from 1 to {LARGEST_NUMBER}")
    return int(text)


def read_pool_size(text: str) -> int:
    """A whole number from 1 to 1000, which is more than any PostgreSQL is set up for."""
    if not _is_number(text) or not 1 <= int(text) <= LARGEST_POOL:
        raise ValueError(f"it must be a whole number from 1 to {LARGEST_POOL}")
    return int(text)


def read_seconds(text: str) -> int:
    """A whole number of seconds; 0 stands for no end."""
    if not _is_number(text) or int(text) > LONGEST_SECONDS:
        raise ValueError(f"it must be a whole number of seconds up to {LONGEST_SECONDS}, or 0 for no limit")
    return int(text)


def read_pause(text: str) -> int:
    """A whole number of seconds; 0 stands for none."""
    if not _is_number(text) or int(text) > LONGEST_SECONDS:
        raise ValueError(f"it must be a whole number of seconds up to {LONGEST_SECONDS}, or 0 for none")
    return int(text)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,10}", text))


def read_rate(text: str) -> str:
    """How many requests in what time, as in 600/minute."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", text):
        raise ValueError("it must be a number per second, minute, hour or day, such as 600/minute")
    return text


def read_isolation(text: str) -> str:
    """The name of an isolation level as SQL has it."""
    level = " ".join(text.lower().split())
    if level not in ("read committed", "repeatable read", "serializable"):
        raise ValueError("it must be read committed, repeatable read or serializable")
    return level


def read_redis_url(text: str) -> str:
    """The URL of a Redis."""
    if not text.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("it must start with redis://, rediss:// or redis+unix://")
    if not text.startswith("redis+unix://"):
        _refuse_without_server(text)
    return text


def read_port(text: str) -> int:
    """A TCP port."""
    if not _is_number(text) or not 1 <= int(text) <= 65535:
        raise ValueError("it must be a port, a whole number from 1 to 65535")
    return int(text)


def read_log_level(text: str) -> str:
    """The name of a level of Python's logging."""
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("it must be debug, info, warning or error")
    return text.lower()


def read_http_url(text: str) -> str:
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


def read_path(text: str) -> Path:
    """A path; a relative one starts at the project's folder."""
    return (PROJECT / Path(text).expanduser()).resolve()


def read_database_url(text: str) -> str:
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


def read_origins(text: str) -> tuple[str, ...]:
    """Origins of web pages as browsers write them, with commas between."""
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} must be a scheme, a host and maybe a port, such as https://app.example.com")
    return origins


def read_keys(text: str) -> dict[str, str]:
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
    if any(not name.strip() for name in given) or len(set(given.values())) < len(given):
        raise ValueError("each key needs a name, and each name a key of its own")
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


def setting(default: Any, read: Callable[[str], Any], help: str, show: Callable[[Any], str] = show_plain) -> Any:
    """A dataclass field that knows how it is read from text, how it is shown, and what it is for."""
    metadata = {"read": read, "help": help, "show": show}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings in force. Each is read from the environment variable of its name in capitals, or from `.env`."""

    database_url: str = setting("", read_database_url, "The PostgreSQL to use; empty: the embedded one.", show_url)
    service_api_keys: Mapping[str, str] = setting(
        dict, read_keys, "Accepted keys: a JSON list, or a JSON object of name to key.", show_keys
    )
    database_keys: bool = setting(
        False, read_flag, "Ask for keys although SERVICE_API_KEYS is empty: those that `flask keys` makes."
    )
    auth_disabled: bool = setting(
        False, read_flag, "Serve without keys although DATABASE_URL or HOST opens the service."
    )
    host: str = setting("127.0.0.1", read_text, "The address to listen on.")
    port: int = setting(8000, read_port, "The port to listen on.")
    web_concurrency: int = setting(
        lambda: min(os.cpu_count() or 1, 4), read_positive, "Worker processes; by default one per core, at most 4."
    )
    web_threads: int = setting(8, read_positive, "Threads, and so requests at the same time, in each worker.")
    log_level: str = setting("info", read_log_level, "How much to log: debug, info, warning or error.")
    reload: bool = setting(False, read_flag, "Restart the workers when the code changes; for development.")
    max_body_bytes: int = setting(
        1024 * 1024, read_positive, "The largest request body, in bytes; a larger one is 413."
    )
    request_timeout: int = setting(
        20, read_positive, "Seconds a client has to send a whole request, and to take its answer."
    )
    drain_seconds: int = setting(
        1, read_pause, "Seconds after a TERM in which /ready says 503 and requests are still served; 0: none."
    )
    cors_origins: tuple[str, ...] = setting(
        (), read_origins, "Web pages that may call, by origin, with commas between; empty: none.", show_origins
    )
    database_pool_size: int = setting(10, read_pool_size, "The most connections that one worker opens.")
    database_pool_wait: int = setting(
        5, read_positive, "Seconds a request waits for a thread, or for a connection, until 503."
    )
    database_connect_timeout: int = setting(
        3, read_positive, "Seconds to wait for the database to accept a connection."
    )
    idempotency_hours: int = setting(
        24, read_positive, "Hours for which the answer to a request with an Idempotency-Key is kept."
    )
    database_statement_timeout: int = setting(
        30, read_seconds, "Seconds that one statement of a request may take before it gets 504; 0: no limit."
    )
    database_lock_timeout: int = setting(
        10, read_seconds, "Seconds a statement waits for rows that others hold locked before it gets 503; 0: no limit."
    )
    database_idle_transaction_timeout: int = setting(
        60, read_seconds, "Seconds a transaction may stand still, or a long answer unread, until it ends; 0: no limit."
    )
    database_isolation: str = setting(
        "read committed", read_isolation, "How transactions are kept apart; also repeatable read, or serializable."
    )
    database_replica_url: str = setting(
        "", read_database_url, "A standby that answers reads with consistency=eventual; empty: none does.", show_url
    )
    database_replica_lag: int = setting(
        5, read_positive, "Seconds that the standby's answers may be behind; beyond them the primary answers."
    )
    rate_limit: str = setting(
        "", read_rate, "Requests that one caller may make, such as 600/minute; empty: any number."
    )
    rate_limit_storage: str = setting(
        "", read_redis_url, "The Redis in which all workers count together; empty: each counts by itself.", show_url
    )
    embedded_data_dir: Path = setting(
        PROJECT / ".data" / "postgres", read_path, "Where the embedded database keeps its data."
    )
    metrics_port: int | None = setting(
        None, read_port, "The port of /metrics, which needs no key; empty: nothing is counted.", show_optional
    )
    otel_exporter_otlp_endpoint: str = setting(
        "", read_http_url, "The OpenTelemetry collector that gets the traces; empty: none are made.", show_url
    )

    @property
    def embedded(self) -> bool:
        """Whether the database is the one this project starts itself."""
        return not self.database_url

    @property
    def open(self) -> bool:
        """Whether requests need no key."""
        return self.auth_disabled or (self.embedded and not self.has_keys)

    @property
    def has_keys(self) -> bool:
        """Whether keys are listed in the settings, or may be in the database."""
        return bool(self.service_api_keys) or self.database_keys

    @property
    def for_maintenance(self) -> Self:
        """The same for work that may take its time, a migration for one: statements have no end."""
        return replace(self, database_statement_timeout=0, database_lock_timeout=0, database_idle_transaction_timeout=0)

    @property
    def binds_to_loopback(self) -> bool:
        """Whether only programs on this machine can reach the service."""
        return self.host in LOOPBACK

    def refuse_to_be_open_by_accident(self) -> None:
        """Raise SettingError when starting would serve without keys to whom nobody meant to."""
        if self.has_keys or self.auth_disabled:
            return
        if not self.embedded:
            raise SettingError(
                "DATABASE_URL is set but SERVICE_API_KEYS is not, so the service would need a key and have none. "
                'Set SERVICE_API_KEYS to a JSON object such as {"planner": "<a long random text>"}, '
                "or DATABASE_KEYS=true to take the keys of `flask keys`, or AUTH_DISABLED=true to serve without keys."
            )
        if not self.binds_to_loopback:
            raise SettingError(
                f"HOST={self.host} would open the service to other machines without keys. "
                "Set SERVICE_API_KEYS, or DATABASE_KEYS=true, or AUTH_DISABLED=true, or leave HOST at 127.0.0.1."
            )


@dataclass(frozen=True)
class Shown:
    """A setting as `flask settings` prints it: no secret in it."""

    name: str
    value: str
    source: str
    help: str


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path = PROJECT / ".env") -> Settings:
    """The settings in force: the environment first, then `.env`, then the defaults; an empty text counts as not given.

    Raises SettingError, with a sentence that names the setting, for a text that cannot be read.
    """
    given = _given(environment, dotenv)
    return Settings(**{each.name: _read(each, given[each.name][0]) for each in fields(Settings) if each.name in given})


def show_settings(environment: Mapping[str, str] | None = None, dotenv: Path = PROJECT / ".env") -> list[Shown]:
    """Every setting, its value with secrets masked, and where it came from: environment, .env or default."""
    settings = load_settings(environment, dotenv)
    given = _given(environment, dotenv)
    return [
        Shown(
            name=each.name.upper(),
            value=each.metadata["show"](getattr(settings, each.name)),
            source=given[each.name][1] if each.name in given else "default",
            help=each.metadata["help"],
        )
        for each in fields(Settings)
    ]


def settings_table() -> str:
    """Every setting, its default and what it is for, as the table in Markdown that README.md has."""
    rows = [
        f"| `{each.name.upper()}` | {_shown_default(each)} | {each.metadata['help']} |" for each in fields(Settings)
    ]
    return "\n".join(["| name | default | what it does |", "|---|---|---|", *rows])


def _shown_default(each: Field[Any]) -> str:
    """What a table shows as the default; nothing for what is empty, and for what the help tells since it varies."""
    if each.default is MISSING or each.default in ("", (), None):
        return ""
    default = each.default.relative_to(PROJECT) if isinstance(each.default, Path) else each.default
    return f"`{each.metadata['show'](default)}`"


def _given(environment: Mapping[str, str] | None, dotenv: Path) -> dict[str, tuple[str, str]]:
    """The texts that were given and their sources, by the setting's name in Settings."""
    in_file = dotenv_values(dotenv) if dotenv.is_file() else {}
    in_environment = os.environ if environment is None else environment
    given = {}
    for each in fields(Settings):
        name = each.name.upper()
        from_file, from_environment = in_file.get(name), in_environment.get(name)
        # The flask command copies .env into the environment before we look; the same text there is still the file's.
        if from_environment and from_environment != from_file:
            given[each.name] = (from_environment, "environment")
        elif from_file:
            given[each.name] = (from_file, ".env")
    return given


def _read(each: Field[Any], text: str) -> Any:
    try:
        return each.metadata["read"](text.strip())
    except ValueError as error:
        raise SettingError(f"{each.name.upper()} cannot be used: {error}.") from None
