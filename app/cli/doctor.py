"""`flask doctor`: whether the service and its database are in order, and what to do where they are not."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click
from flask import current_app
from peewee import Model

from app import models, upgrades
from app.cli.common import answer, connected, json_option, readable_errors
from app.config import SettingError, Settings
from app.database import inspection, migrations
from app.database.failures import driver_message, sentence
from app.database.statements import compiled
from app.errors import Busy, ServiceError, TimedOut
from app.upgrades import access

OK, WARNING, FAILURE = "ok", "warning", "failure"
LOCKED = "The database did not answer in time: something is locked, by a migration for one. Look again later."
NOT_CHECKED = "Not checked while a migration is pending."


@dataclass(frozen=True)
class Finding:
    """What one check found: `level` is ok, warning or failure, and `detail` one sentence that says what to do."""

    check: str
    level: str
    detail: str


@click.command()
@json_option
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
    yield Finding("settings", *_settings(settings))
    try:
        with connected(settings):
            yield Finding("connection", OK, "The database answers.")
            for name, (check, all_is_well) in CHECKS.items():
                found = _run(check, settings) or [(OK, all_is_well)]
                yield from (Finding(name, level, detail) for level, detail in found)
    except TimedOut:
        # Ctrl-C does so too.
        raise
    except ServiceError as error:
        detail = f"{sentence(error)} Check that it runs, and DATABASE_URL with flask settings."
        yield Finding("connection", FAILURE, detail)


def _run(check: "Check", settings: Settings) -> list[tuple[str, str]]:
    """The levels and details that the check finds, or that it could not look."""
    try:
        return list(check(settings))
    except Busy:
        return [(WARNING, LOCKED)]
    except Exception as error:
        said = driver_message(error)
        if isinstance(error, ServiceError) or said is None:
            raise
        return [(FAILURE, f"The database refused to answer: {said}. See docs/database-role.md.")]


def _settings(settings: Settings) -> tuple[str, str]:
    try:
        settings.refuse_to_be_open_by_accident()
    except SettingError as error:
        return FAILURE, str(error)
    if settings.open and not settings.binds_to_loopback:
        return WARNING, f"Whoever reaches {settings.host} needs no key; set SERVICE_API_KEYS to ask for one."
    return OK, "All can be read, and the service would start with them."


def _database(_: Settings) -> Iterator[tuple[str, str]]:
    found = upgrades.recognize()
    yield OK if found.kind == "ours" else FAILURE, found.sentence


def _migrations(_: Settings) -> Iterator[tuple[str, str]]:
    pending, unknown = migrations.pending(), migrations.unknown()
    if pending:
        yield FAILURE, f"Pending: {', '.join(pending)}. Run flask db upgrade."
    if unknown:
        yield FAILURE, f"The database is newer than this code: {', '.join(unknown)}. Run the newer code."


def _access(_: Settings) -> Iterator[tuple[str, str]]:
    if migrations.pending():
        yield WARNING, NOT_CHECKED
        return
    for each in access.openings():
        yield WARNING, f"{each.roles} can {each.what}. Run: {each.statement}"


def _views(_: Settings) -> Iterator[tuple[str, str]]:
    for name, table, views in inspection.refreshing_triggers():
        yield (
            WARNING,
            f"With every change of {table} the trigger {name} refreshes {', '.join(views)}, which take "
            f"{inspection.seconds_to_compute(views):.1f} s to compute now and longer as the tables grow. "
            "/tasks/statistics with group_by answers the same. Once nothing reads the views, run: "
            f"DROP TRIGGER {name} ON {table}",
        )


def _indexes(_: Settings) -> Iterator[tuple[str, str]]:
    if migrations.pending():
        yield WARNING, NOT_CHECKED
        return
    existing, wanted = inspection.indexes(), _wanted_indexes()
    for name in sorted(wanted.keys() - existing.keys()):
        yield FAILURE, f"{name} is missing. Run: {wanted[name]}"
    for name in (name for name, valid in existing.items() if not valid):
        yield FAILURE, f"{name} is not valid, so nothing uses it. Run: REINDEX INDEX CONCURRENTLY {name}"


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


def _pool(settings: Settings) -> Iterator[tuple[str, str]]:
    workers = f"The workers open up to {(count := settings.web_concurrency * settings.database_pool_size)} connections"
    if inspection.behind_a_pooler():
        yield OK, f"{workers}, to a pooler."
    elif count > (allowed := inspection.connections_allowed()):
        yield WARNING, f"{workers}, the server takes {allowed}; lower DATABASE_POOL_SIZE."
    else:
        yield OK, f"{workers}, the server takes {allowed}."


Check = Callable[[Settings], Iterator[tuple[str, str]]]
# Each with what is said where it finds nothing.
CHECKS: dict[str, tuple[Check, str]] = {
    "database": (_database, ""),
    "migrations": (_migrations, "All are applied."),
    "access": (_access, "Nobody but the owner and the service can read or write what is ours."),
    "views": (_views, "No change of a row refreshes a view."),
    "indexes": (_indexes, "All are there and valid."),
    "pool": (_pool, ""),
}
