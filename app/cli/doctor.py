"""`flask doctor`: whether the service and its database are in order, and what to do where they are not."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from time import time

import click
from flask import current_app
from flask.cli import with_appcontext

from app import models
from app.cli.common import answer, json_option
from app.config import SettingError, Settings
from app.database import inspection, migrations, open_database
from app.database.statements import compiled
from app.errors import ServiceError

OK, WARNING, FAILURE = "ok", "warning", "failure"
OLDEST_VERSION = 14
SECONDS_APART = 2.0


@dataclass(frozen=True)
class Finding:
    """What one check found: `level` is ok, warning or failure, and `detail` one sentence that says what to do."""

    check: str
    level: str
    detail: str


@click.command()
@json_option
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check settings, connection, version, migrations, clock, indexes, dead rows and slow statements.

    Changes nothing. Exits with 1 when something is wrong; a warning is no failure.
    """
    findings = list(_findings(current_app.config["SETTINGS"]))
    healthy = all(finding.level != FAILURE for finding in findings)
    lines = [f"{finding.level:8} {finding.check:15} {finding.detail}" for finding in findings]
    answer({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, as_json, "\n".join(lines))
    if not healthy:
        raise click.exceptions.Exit(1)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _settings(settings)
    try:
        with open_database(settings):
            version, written = inspection.server_version()
            yield Finding("connection", OK, "The database answers.")
            yield _version(version, written)
            for check in CHECKS:
                yield from check()
            yield _connections(settings)
    except ServiceError as error:
        yield Finding(
            "connection", FAILURE, f"{error.detail} Check that it runs, and DATABASE_URL with flask settings."
        )


def _settings(settings: Settings) -> Finding:
    try:
        settings.refuse_to_be_open_by_accident()
    except SettingError as error:
        return Finding("settings", FAILURE, str(error))
    if settings.open and not settings.binds_to_loopback:
        return Finding(
            "settings", WARNING, f"Whoever reaches {settings.host} needs no key; set SERVICE_API_KEYS to ask for one."
        )
    return Finding("settings", OK, "All can be read, and the service would start with them.")


def _version(major: int, written: str) -> Finding:
    if major < OLDEST_VERSION:
        return Finding(
            "version", FAILURE, f"The server is PostgreSQL {written}; upgrade it to {OLDEST_VERSION} or newer."
        )
    return Finding("version", OK, f"The server is PostgreSQL {written}.")


def _migrations() -> Iterator[Finding]:
    pending, unknown = migrations.pending(), migrations.unknown()
    if pending:
        yield Finding("migrations", FAILURE, f"Pending: {', '.join(pending)}. Run flask db upgrade.")
    if unknown:
        yield Finding(
            "migrations", FAILURE, f"The database is newer than this code: {', '.join(unknown)}. Run the newer code."
        )
    if not pending and not unknown:
        yield Finding("migrations", OK, "All are applied.")


def _clock() -> Iterator[Finding]:
    before = time()
    told = inspection.clock()
    apart = abs(told - (before + time()) / 2)
    if apart > SECONDS_APART:
        yield Finding(
            "clock",
            WARNING,
            f"The clocks of this machine and of the database are {apart:.1f} s apart; let NTP set both.",
        )
    else:
        yield Finding("clock", OK, f"The clocks of this machine and of the database are {apart:.3f} s apart.")


def _indexes() -> Iterator[Finding]:
    if migrations.pending():
        yield Finding("indexes", WARNING, "Not looked at while a migration is pending.")
        return
    there = inspection.indexes()
    wanted = _wanted_indexes()
    for name, statement in wanted.items():
        if name not in there:
            yield Finding("indexes", FAILURE, f"{name} is missing. Run: {statement}")
    invalid = [name for name, valid in there.items() if not valid]
    for name in invalid:
        yield Finding(
            "indexes", FAILURE, f"{name} is not valid, so nothing uses it. Run: REINDEX INDEX CONCURRENTLY {name}"
        )
    if not invalid and there.keys() >= wanted.keys():
        yield Finding("indexes", OK, f"All {len(wanted)} are there and valid.")


def _wanted_indexes() -> dict[str, str]:
    """The models' indexes by name, and how each is made."""
    wanted = {}
    for model in models.Row.__subclasses__():
        table = model._meta.table_name
        wanted[f"{table}_pkey"] = f"ALTER TABLE {table} ADD PRIMARY KEY (id)"
        for index in model._meta.indexes:
            wanted[index._name] = compiled(index).sql
    return wanted


def _dead_rows() -> Iterator[Finding]:
    found = inspection.dead_rows()
    for each in found:
        share = each.dead / (each.dead + each.live)
        yield Finding(
            "dead rows",
            WARNING,
            f"{each.table} holds about {each.dead:,} dead rows ({share:.0%}), which make it slow and large. "
            f"Run VACUUM (ANALYZE) {each.table}, and look whether autovacuum is on.",
        )
    if not found:
        yield Finding("dead rows", OK, "Few in every table.")


def _slow_statements() -> Iterator[Finding]:
    found = inspection.slow_statements()
    if found is None:
        yield Finding("slow statements", OK, "Not known: the extension pg_stat_statements is not there to tell.")
    for each in found or ():
        yield Finding(
            "slow statements",
            WARNING,
            f"{each.milliseconds:,.0f} ms on average, {each.calls:,} times; look at it with EXPLAIN: {each.text}",
        )
    if found == []:
        yield Finding("slow statements", OK, f"None takes {inspection.SLOW_MILLISECONDS} ms on average.")


def _connections(settings: Settings) -> Finding:
    most, allowed = settings.web_concurrency * settings.database_pool_size, inspection.connections_allowed()
    if most > allowed:
        return Finding(
            "pool",
            WARNING,
            f"The workers may open {most} connections, the server takes {allowed}; lower DATABASE_POOL_SIZE.",
        )
    return Finding("pool", OK, f"The workers open at most {most} connections, the server takes {allowed}.")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_migrations, _clock, _indexes, _dead_rows, _slow_statements)
