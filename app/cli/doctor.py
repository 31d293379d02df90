"""`flask doctor`: whether the service and its database are in order, and what to do where they are not."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click
from flask import current_app
from flask.cli import with_appcontext
from peewee import Model

from app import models, upgrades
from app.cli.common import answer, json_option, readable_errors
from app.cli.interrupts import raise_if_stopped
from app.config import SettingError, Settings
from app.database import inspection, migrations, open_database
from app.database.failures import driver_message, sentence
from app.database.statements import compiled
from app.errors import Busy, ServiceError, TimedOut
from app.upgrades import access

OK, WARNING, FAILURE = "ok", "warning", "failure"
MIN_VERSION = 14


@dataclass(frozen=True)
class Finding:
    """What one check found: `level` is ok, warning or failure, and `detail` one sentence that says what to do."""

    check: str
    level: str
    detail: str


Check = Callable[[Settings], Iterator[Finding]]


@click.command()
@json_option
@with_appcontext
@readable_errors
def doctor(as_json: bool) -> None:
    """Check the settings and the database, and say what to do where something is wrong.

    Changes nothing. Exits with 1 when something is wrong: it fails already, or is a warning of what will.
    """
    findings = list(_findings(current_app.config["SETTINGS"]))
    healthy = all(finding.level == OK for finding in findings)
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
            for name, check in CHECKS.items():
                yield from _run_check(name, check, settings)
    except ServiceError as error:
        raise_if_stopped(error)
        detail = f"{sentence(error)} Check that it runs, and DATABASE_URL with flask settings."
        yield Finding("connection", FAILURE, detail)


def _run_check(name: str, check: Check, settings: Settings) -> Iterator[Finding]:
    """What the check finds, or that it was not allowed to look."""
    try:
        yield from check(settings)
    except (Busy, TimedOut) as error:
        raise_if_stopped(error)
        detail = "The database did not tell in time: something is locked, by a migration for one. Look again later."
        yield Finding(name, WARNING, detail)
    except Exception as error:
        said = driver_message(error)
        if isinstance(error, ServiceError) or said is None:
            raise
        yield Finding(name, FAILURE, f"The database refused to tell: {said}. See docs/database-role.md.")


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
    if major < MIN_VERSION:
        return Finding("version", FAILURE, f"The server is PostgreSQL {written}; upgrade it to {MIN_VERSION} or newer.")
    return Finding("version", OK, f"The server is PostgreSQL {written}.")


def _database(_: Settings) -> Iterator[Finding]:
    found = upgrades.recognize()
    yield Finding("database", OK if found.kind == "ours" else FAILURE, found.sentence)


def _access(_: Settings) -> Iterator[Finding]:
    if migrations.pending():
        yield Finding("access", WARNING, "Not looked at while a migration is pending.")
        return
    openings = access.openings()
    for each in openings:
        yield Finding("access", WARNING, f"{each.roles} can {each.what}. Run: {each.statement}")
    if not openings:
        yield Finding("access", OK, "Nobody but the owner and the service can read or write what is ours.")


def _views(_: Settings) -> Iterator[Finding]:
    found = inspection.refreshing_triggers()
    for each in found:
        yield Finding(
            "views",
            WARNING,
            f"With every change of {each.table} the trigger {each.name} refreshes {', '.join(each.views)}, which take "
            f"{each.seconds:.1f} s to compute now and longer as the tables grow. /tasks/statistics with group_by "
            f"answers the same. Once nothing reads the views, run: DROP TRIGGER {each.name} ON {each.table}",
        )
    if not found:
        yield Finding("views", OK, "No change of a row refreshes a view.")


def _migrations(_: Settings) -> Iterator[Finding]:
    pending, unknown = migrations.pending(), migrations.unknown()
    if pending:
        yield Finding("migrations", FAILURE, f"Pending: {', '.join(pending)}. Run flask db upgrade.")
    if unknown:
        yield Finding(
            "migrations", FAILURE, f"The database is newer than this code: {', '.join(unknown)}. Run the newer code."
        )
    if not pending and not unknown:
        yield Finding("migrations", OK, "All are applied.")


def _indexes(_: Settings) -> Iterator[Finding]:
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
    tables: list[type[Model]] = [*models.ENTITIES.values(), *models.INTERNAL]
    for model in tables:
        table = model._meta.table_name
        key = ", ".join(field.column_name for field in model._meta.get_primary_keys())
        wanted[f"{table}_pkey"] = f"ALTER TABLE {table} ADD PRIMARY KEY ({key})"
        for index in model._meta.indexes:
            wanted[index._name] = compiled(index).sql
    return wanted


def _connections(settings: Settings) -> Iterator[Finding]:
    most = settings.web_concurrency * settings.database_pool_size
    if inspection.behind_a_pooler():
        yield Finding("pool", OK, f"The workers open at most {most} connections, to a pooler.")
        return
    allowed = inspection.connections_allowed()
    if most > allowed:
        yield Finding(
            "pool",
            WARNING,
            f"The workers may open {most} connections, the server takes {allowed}; lower DATABASE_POOL_SIZE.",
        )
    else:
        yield Finding("pool", OK, f"The workers open at most {most} connections, the server takes {allowed}.")


CHECKS: dict[str, Check] = {
    "database": _database,
    "migrations": _migrations,
    "access": _access,
    "views": _views,
    "indexes": _indexes,
    "pool": _connections,
}
