"""Every setting once: its name, its default, how it is read, and one line of help."""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values

from app.config.parsers import (
    parse_database_url,
    parse_flag,
    parse_http_url,
    parse_isolation,
    parse_keys,
    parse_log_level,
    parse_origins,
    parse_pool_size,
    parse_port,
    parse_positive,
    parse_rate,
    parse_redis_url,
    parse_seconds,
    path_parser,
    show_keys,
    show_optional,
    show_origins,
    show_plain,
    show_url,
)

PROJECT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingError(Exception):
    """A setting that cannot be used. The message is a sentence that names it and says what to do."""


def setting(default: Any, parse: Callable[[str], Any], help: str, show: Callable[[Any], str] = show_plain) -> Any:
    """A dataclass field that knows how it is read from text, how it is shown, and what it is for."""
    metadata = {"parse": parse, "help": help, "show": show}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings in force. Each is read from the environment variable of its name in capitals, or from `.env`."""

    database_url: str = setting("", parse_database_url, "The PostgreSQL to use; empty: the embedded one.", show_url)
    service_api_keys: Mapping[str, str] = setting(
        dict, parse_keys, "Accepted keys: a JSON list, or a JSON object of name to key.", show_keys
    )
    database_keys: bool = setting(
        False, parse_flag, "Ask for keys although SERVICE_API_KEYS is empty: those that `flask keys` makes."
    )
    auth_disabled: bool = setting(
        False, parse_flag, "Serve without keys although DATABASE_URL or HOST opens the service."
    )
    host: str = setting("127.0.0.1", str, "The address to listen on.")
    port: int = setting(8000, parse_port, "The port to listen on.")
    web_concurrency: int = setting(
        lambda: min(os.cpu_count() or 1, 4), parse_positive, "Worker processes; by default one per core, at most 4."
    )
    web_threads: int = setting(8, parse_positive, "Threads, and so requests at the same time, in each worker.")
    log_level: str = setting("info", parse_log_level, "How much to log: debug, info, warning or error.")
    reload: bool = setting(False, parse_flag, "Restart the workers when the code changes; for development.")
    max_body_bytes: int = setting(
        1024 * 1024, parse_positive, "The largest request body, in bytes; a larger one is 413."
    )
    cors_origins: tuple[str, ...] = setting(
        (), parse_origins, "Web pages that may call, by origin, with commas between; empty: none.", show_origins
    )
    database_pool_size: int = setting(10, parse_pool_size, "The most connections that one worker opens.")
    database_pool_wait: int = setting(5, parse_positive, "Seconds a request waits for a connection until 503.")
    database_connect_timeout: int = setting(
        3, parse_positive, "Seconds to wait for the database to accept a connection."
    )
    idempotency_hours: int = setting(
        24, parse_positive, "Hours for which the answer to a request with an Idempotency-Key is kept."
    )
    database_statement_timeout: int = setting(
        30, parse_seconds, "Seconds that one statement of a request may take before it gets 504; 0: no limit."
    )
    database_lock_timeout: int = setting(
        10, parse_seconds, "Seconds a statement waits for rows that others hold locked before it gets 503; 0: no limit."
    )
    database_idle_transaction_timeout: int = setting(
        60, parse_seconds, "Seconds a transaction may stand still, or a long answer unread, until it ends; 0: no limit."
    )
    database_isolation: str = setting(
        "read committed", parse_isolation, "How transactions are kept apart; also repeatable read, or serializable."
    )
    database_replica_url: str = setting(
        "", parse_database_url, "A standby that answers reads with consistency=eventual; empty: none does.", show_url
    )
    database_replica_lag: int = setting(
        5, parse_positive, "Seconds that the standby's answers may be behind; beyond them the primary answers."
    )
    rate_limit: str = setting(
        "", parse_rate, "Requests that one caller may make, such as 600/minute; empty: any number."
    )
    rate_limit_storage: str = setting(
        "", parse_redis_url, "The Redis in which all workers count together; empty: each counts by itself.", show_url
    )
    embedded_data_dir: Path = setting(
        PROJECT / ".data" / "postgres", path_parser(PROJECT), "Where the embedded database keeps its data."
    )
    admin_port: int | None = setting(
        None,
        parse_port,
        "The port of /health, /ready and /metrics without a key; empty: nothing is counted.",
        show_optional,
    )
    otel_exporter_otlp_endpoint: str = setting(
        "", parse_http_url, "The OpenTelemetry collector that gets the traces; empty: none are made.", show_url
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
        """These settings without limits on statements, locks and idle transactions, for migrations and commands."""
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
    return Settings(**{each.name: _parse(each, given[each.name][0]) for each in fields(Settings) if each.name in given})


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


def _parse(each: Field[Any], text: str) -> Any:
    try:
        return each.metadata["parse"](text.strip())
    except ValueError as error:
        raise SettingError(f"{each.name.upper()} cannot be used: {error}.") from None
