"""`flask keys`: the keys of callers, each with a name, scopes and an end."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click
import orjson
from flask import current_app
from flask.cli import AppGroup

from app.auth.keys import digest, new_key
from app.auth.scopes import SCOPES
from app.cli.common import Duration, answer, dry_run_option, in_columns, with_database
from app.database import atomic
from app.errors import Conflict, NotFound
from app.repositories import keys as repository

COLUMNS = ("name", "state", "sha256", "scopes", "created_at", "expires_at", "last_used_at")

keys = AppGroup("keys", help="Make and end the keys of callers.", short_help="Make and end the keys of callers.")


def check_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """The name, when it can stand in a line of the log and of the list."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise click.BadParameter("A name is 1 to 100 letters, digits, dots, dashes and underscores.", ctx, param)
    return value


name_argument = click.argument("name", callback=check_name)


@keys.command()
@name_argument
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="read, write, admin, <entity>:read or <entity>:write; may be repeated.",
)
@click.option("--expires", type=Duration(), help="When it ends: 45s, 30m, 24h, 90d, 4w. Without it, never.")
@dry_run_option
@with_database
def create(name: str, scopes: tuple[str, ...], expires: timedelta | None, dry_run: bool, as_json: bool) -> None:
    """Make a key for NAME and show it, this once."""
    if name in _listed():
        raise Conflict(
            f"SERVICE_API_KEYS has a key named {name}. Choose another name, since the log names callers by it."
        )
    key = new_key()
    with atomic(undo=dry_run):
        made = repository.create(name, digest(key), sorted(set(scopes)), expires)
    _show_new(key, made, dry_run, as_json)
    if current_app.config["SETTINGS"].open:
        click.echo("Nothing asks for keys: the service is open. DATABASE_KEYS=true makes it ask.", err=True)


@keys.command("list")
@with_database
def list_keys(as_json: bool) -> None:
    """List every key with its state and last use, and how its SHA-256 begins; the keys themselves are not kept.

    \b
    That of a key which you hold:  printf %s "$KEY" | sha256sum | cut -c1-8
    """
    listed = repository.list_all()
    if as_json:
        click.echo(listed.json)
        return
    click.echo(in_columns([COLUMNS, *(_cells(each) for each in listed)]))


@keys.command()
@name_argument
@click.option(
    "--overlap",
    type=Duration(zero_too=True),
    default="24h",
    show_default=True,
    help="How long the old key still works.",
)
@dry_run_option
@with_database
def rotate(name: str, overlap: timedelta, dry_run: bool, as_json: bool) -> None:
    """Make a new key for NAME with the same scopes, show it, this once, and end the old one after the overlap."""
    key = new_key()
    with atomic(undo=dry_run):
        made, old_ends_at = repository.rotate(name, digest(key), overlap)
    _show_new(key, made, dry_run, as_json, old_ends_at)


@keys.command()
@name_argument
@dry_run_option
@with_database
def revoke(name: str, dry_run: bool, as_json: bool) -> None:
    """End every key of NAME. Workers that remember one go on taking it for up to 30 seconds."""
    try:
        with atomic(undo=dry_run):
            count = repository.revoke(name)
    except NotFound as error:
        if name not in _listed():
            raise
        raise Conflict(
            f"The key named {name} stands in SERVICE_API_KEYS. Take it out there, and start the service again."
        ) from error
    done = f"Revoked {name} ({count} in all). Workers that remember a key take it for up to 30 more seconds."
    answer(
        {"name": name, "revoked": count, "dry_run": dry_run},
        as_json,
        f"Would revoke {name} ({count} in all)." if dry_run else done,
    )


def _listed() -> Mapping[str, str]:
    """The keys that the settings list."""
    return current_app.config["SETTINGS"].service_api_keys


def _show_new(key: str, made: Mapping[str, Any], dry_run: bool, as_json: bool, old_ends_at: str | None = None) -> None:
    """Print the key alone to stdout, for a script to catch, and what it is to stderr; or all of it as JSON.

    A dry run has made a key that nobody knows of, so it shows none.
    """
    if as_json:
        document: dict[str, Any] = {"key": None if dry_run else key}
        document |= {each: made[each] for each in ("name", "scopes", "expires_at")} | {"dry_run": dry_run}
        click.echo(orjson.dumps(document | ({"old_expires_at": old_ends_at} if old_ends_at else {})))
        return
    what = f"A key of {made['name']} would be made." if dry_run else f"The key of {made['name']}, shown this once."
    end = f"ends {_minute(made['expires_at'])}" if made["expires_at"] else "has no end"
    click.echo(f"{what} It may {', '.join(made['scopes'])} and {end}.", err=True)
    if old_ends_at:
        click.echo(f"The old one ends {_minute(old_ends_at)}.", err=True)
    if not dry_run:
        click.echo(key)


def _cells(key: Mapping[str, Any]) -> tuple[str, ...]:
    times = (_minute(key[column]) for column in ("created_at", "expires_at", "last_used_at"))
    return (key["name"], key["state"], key["sha256"], ",".join(key["scopes"]), *times)


def _minute(time: str | None) -> str:
    """A time in UTC as the list shows it."""
    return f"{time[:16]}Z" if time else "-"
