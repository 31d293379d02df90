"""Every setting once: its name, its default, how its text is read, and one line of help."""

import os
from collections.abc import Mapping
from copy import copy
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from marshmallow import EXCLUDE, Schema, ValidationError
from marshmallow.fields import Field as Text
from marshmallow.fields import String

from app.config.texts import FLAG, RATE, Choice, DatabaseUrl, Folder, Keys, Origins, Url, whole_number
from app.config.texts import PROJECT as PROJECT

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What libpq and PostgreSQL can hold; the latter counts milliseconds.
MAX_INTEGER = 2**31 - 1
POSITIVE = whole_number(1, MAX_INTEGER)
SECONDS = whole_number(0, MAX_INTEGER // 1000)
PORT = whole_number(1, 65535)


class SettingError(Exception):
    """A setting that cannot be used. The message is a sentence that names it and says what to do."""


def setting(default: Any, text: Text[Any], help: str) -> Any:
    """A dataclass field, with the marshmallow field that reads and shows it, and what it is for."""
    metadata = {"text": text, "help": help}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings in force. Each is read from the environment variable of its name in capitals, or from `.env`."""

    database_url: str = setting("", DatabaseUrl(), "The PostgreSQL to use; empty: the embedded one.")
    service_api_keys: Mapping[str, str] = setting(
        dict, Keys(), "Accepted keys: a JSON list, or a JSON object of name to key."
    )
    database_keys: bool = setting(
        False, FLAG, "Ask for keys although SERVICE_API_KEYS is empty: those that `flask keys` makes."
    )
    auth_disabled: bool = setting(False, FLAG, "Serve without keys although DATABASE_URL or HOST opens the service.")
    host: str = setting("127.0.0.1", String(), "The address to listen on.")
    port: int = setting(8000, PORT, "The port to listen on.")
    web_concurrency: int = setting(
        lambda: min(os.cpu_count() or 1, 4), POSITIVE, "Worker processes; by default one per core, at most 4."
    )
    web_threads: int = setting(8, POSITIVE, "Threads, and so requests at the same time, in each worker.")
    log_level: str = setting(
        "info", Choice("debug", "info", "warning", "error"), "How much to log: debug, info, warning or error."
    )
    reload: bool = setting(False, FLAG, "Restart the workers when the code changes; for development.")
    max_body_bytes: int = setting(1024 * 1024, POSITIVE, "The largest request body, in bytes; a larger one is 413.")
    max_answer_bytes: int = setting(
        32 * 1024 * 1024,
        POSITIVE,
        "The largest answer that is no stream, a batch's too, in bytes; a larger one is 422.",
    )
    request_timeout: int = setting(
        60,
        SECONDS,
        "Seconds that a request, or a batch, may take in all before it is undone and gets 504; 0: no limit.",
    )
    cors_origins: tuple[str, ...] = setting(
        (), Origins(), "Web pages that may call, by origin, with commas between; empty: none."
    )
    database_pool_size: int = setting(10, whole_number(1, 1000), "The maximum of connections that one worker opens.")
    database_pool_wait: int = setting(5, POSITIVE, "Seconds a request waits for a connection until 503.")
    database_connect_timeout: int = setting(3, POSITIVE, "Seconds to wait for the database to accept a connection.")
    idempotency_hours: int = setting(
        24, POSITIVE, "Hours for which the answer to a request with an Idempotency-Key is kept."
    )
    idempotency_max_mib: int = setting(
        4096, POSITIVE, "About how many MiB of such answers are kept for one caller; beyond them its keys get 422."
    )
    database_statement_timeout: int = setting(
        30, SECONDS, "Seconds that one statement of a request may take before it gets 504; 0: no limit."
    )
    database_lock_timeout: int = setting(
        10, SECONDS, "Seconds a statement waits for rows that others hold locked before it gets 503; 0: no limit."
    )
    database_idle_transaction_timeout: int = setting(
        60, SECONDS, "Seconds a transaction may stand still, or a long answer unread, until it ends; 0: no limit."
    )
    database_isolation: str = setting(
        "read committed",
        Choice("read committed", "repeatable read", "serializable"),
        "How transactions are kept apart; also repeatable read, or serializable.",
    )
    database_replica_url: str = setting(
        "", DatabaseUrl(), "A standby that answers reads with consistency=eventual; empty: none does."
    )
    database_replica_lag: int = setting(
        5, POSITIVE, "Seconds that the standby's answers may be behind; beyond them the primary answers."
    )
    rate_limit: str = setting("", RATE, "Requests that one caller may make, such as 600/minute; empty: any number.")
    caller_max_in_progress: int = setting(
        0, SECONDS, "Requests that one caller may have in progress in a worker; more get 429; 0: any number."
    )
    rate_limit_storage: str = setting(
        "",
        Url("redis", "rediss", "redis+unix"),
        "The Redis in which all workers count together; empty: each counts by itself.",
    )
    embedded_data_dir: Path = setting(
        PROJECT / ".data" / "postgres", Folder(), "Where the embedded database keeps its data."
    )
    admin_port: int | None = setting(
        None, PORT, "The port of /health, /ready and /metrics without a key; empty: nothing is counted."
    )
    otel_exporter_otlp_endpoint: str = setting(
        "", Url("http", "https"), "The OpenTelemetry collector that gets the traces; empty: none are made."
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


# Reads the texts of all settings, by their names in capitals, and shows their values without secrets.
TEXTS = Schema.from_dict({each.name.upper(): copy(each.metadata["text"]) for each in fields(Settings)})(unknown=EXCLUDE)


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path = PROJECT / ".env") -> Settings:
    """The settings in force: the environment first, then `.env`, then the defaults; an empty text counts as none.

    Raises SettingError, with a sentence that names the setting, for a text that cannot be read.
    """
    texts = {name: text for name, (text, _) in _sources(environment, dotenv).items()}
    try:
        return Settings(**{name.lower(): value for name, value in TEXTS.load(texts).items()})
    except ValidationError as error:
        wrong = [f"{name} cannot be used: {faults[0]}." for name, faults in error.normalized_messages().items()]
        raise SettingError(" ".join(wrong)) from None


def show_settings(
    environment: Mapping[str, str] | None = None, dotenv: Path = PROJECT / ".env"
) -> list[dict[str, str]]:
    """Each setting's name, its value without secrets, its source (environment, .env or default) and its help."""
    sources = _sources(environment, dotenv)
    values = TEXTS.dump({name.upper(): value for name, value in vars(load_settings(environment, dotenv)).items()})
    return [
        {
            "name": name,
            "value": _shown(values[name]),
            "source": sources.get(name, ("", "default"))[1],
            "help": each.metadata["help"],
        }
        for name, each in zip(values, fields(Settings), strict=True)
    ]


def settings_table() -> str:
    """Every setting, its default and what it is for, as the table in Markdown that README.md has."""
    rows = [
        f"| `{each.name.upper()}` | {_shown_default(each)} | {each.metadata['help']} |" for each in fields(Settings)
    ]
    return "\n".join(["| name | default | what it does |", "|---|---|---|", *rows])


def _shown_default(each: Field[Any]) -> str:
    """What the table shows as the default: nothing where there is none, or where the help describes it."""
    if each.default is MISSING or not (shown := _shown(each.default)):
        return ""
    return f"`{shown.removeprefix(f'{PROJECT}/')}`"


def _shown(value: Any) -> str:
    if value in (None, ()):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sources(environment: Mapping[str, str] | None, dotenv: Path) -> dict[str, tuple[str, str]]:
    """The text of each setting that has one, and where it comes from, by the setting's name in capitals."""
    in_file = dotenv_values(dotenv) if dotenv.is_file() else {}
    in_environment = os.environ if environment is None else environment
    sources = {}
    for name in (each.name.upper() for each in fields(Settings)):
        from_file, from_environment = (in_file.get(name) or "").strip(), in_environment.get(name, "").strip()
        # The flask command copies .env into the environment before we look; the same text there is still the file's.
        if from_environment and from_environment != from_file:
            sources[name] = (from_environment, "environment")
        elif from_file:
            sources[name] = (from_file, ".env")
    return sources
