"""`flask users`: a person with everything that is theirs, taken out, put back and erased."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import AppGroup

from app.cli.common import answer, by_table, dry_run_option, progress, whole_file, with_database
from app.database import atomic
from app.repositories import importing, people

PURPOSE = "Export, import or erase a person with everything that is theirs."

users = AppGroup("users", help=PURPOSE, short_help=PURPOSE)


def check_person(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """An e-mail address as it is, or an id in its usual form."""
    return value if "@" in value else str(click.UUID.convert(value, param, ctx))


person_argument = click.argument("person", callback=check_person)


@users.command("export")
@person_argument
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file, when it is whole.")
@with_database
def export_user(person: str, output: Path | None, as_json: bool) -> None:
    """Write everything of PERSON (an id or an e-mail address) as JSON lines, all of one moment, to a file or stdout."""
    if as_json and not output:
        raise click.UsageError("The standard output takes the export itself; --json needs --output FILE.")
    user = people.id_of(person)
    rows = sum(people.count_person(user).values())
    with _opened(output) as target, progress("Exporting", rows, as_json) as bar:
        lines = _write(people.export_person(user), target, bar)
    if output:
        name = click.format_filename(output)
        document = {"id": user, "file": name, "lines": lines, "bytes": output.stat().st_size}
        answer(document, as_json, f"Wrote {lines:,} lines to {name}.")


@users.command("import")
@click.argument("file", type=click.File("rb"))
@dry_run_option
@with_database
def import_user(file: IO[bytes], dry_run: bool, as_json: bool) -> None:
    """Take the export in FILE back (- is the standard input), all of it or nothing.

    The rows are what they were: ids, times and versions too.
    """
    counts: dict[str, int] = {}
    size = os.fstat(file.fileno()).st_size if file.seekable() else 0
    with progress("Importing", size, as_json) as bar, atomic(undo=dry_run):
        counts = importing.import_person(_counted(file, bar))
    _report("Would import" if dry_run else "Imported", counts, dry_run, as_json)


@users.command("erase")
@person_argument
@dry_run_option
@with_database
def erase_user(person: str, dry_run: bool, as_json: bool) -> None:
    """Delete PERSON (an id or an e-mail address) and everything that is theirs, for good, in one transaction."""
    user = people.id_of(person)
    counts = people.count_person(user) if dry_run else people.erase_person(user)
    _report("Would erase" if dry_run else "Erased", counts, dry_run, as_json)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output:
        with whole_file(output) as unfinished, unfinished.open("wb") as file:
            yield file
        return
    # Python has none when the shell has closed it.
    if sys.stdout is None:
        raise click.ClickException("The standard output is closed. Open it, or name a file with --output.")
    yield sys.stdout.buffer


def _write(pieces: Iterator[bytes], target: IO[bytes], bar: Any) -> int:
    """How many lines were written."""
    lines = 0
    for piece in pieces:
        target.write(piece)
        lines += piece.count(b"\n")
        bar.update(piece.count(b"\n"))
    target.flush()
    return lines


def _counted(lines: IO[bytes], bar: Any) -> Iterator[bytes]:
    for line in lines:
        yield line
        bar.update(len(line))


def _report(done: str, counts: dict[str, int], dry_run: bool, as_json: bool) -> None:
    answer({"rows": counts, "dry_run": dry_run}, as_json, f"{done} these rows:\n{by_table(counts)}")
