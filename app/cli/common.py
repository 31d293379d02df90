"""What the commands share: the database, errors as one sentence, the answer, a progress bar, files that are whole."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

import click
import orjson
from flask import current_app
from psycopg2.extensions import set_wait_callback
from psycopg2.extras import wait_select

from app.config import Settings
from app.database import database, open_database
from app.database.failures import driver_message, schema_differs, sentence
from app.errors import ServiceError, TimedOut

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MAX_DURATION = timedelta(days=36_500)

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document, for programs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


class Duration(click.ParamType[timedelta]):
    """A length of time as people write it: 45s, 30m, 24h, 90d, 4w; longer than 0 unless it is `zero_too`."""

    name = "duration"

    def __init__(self, zero_too: bool = False) -> None:
        self.zero_too = zero_too

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length of time; fails with a sentence for what is none, or is longer than a hundred years."""
        if isinstance(value, timedelta):
            return value
        parts = re.fullmatch(r"([0-9]{1,5})([smhdw])", value)
        length = timedelta(**{UNITS[parts[2]]: int(parts[1])}) if parts else None
        if length is None or length > MAX_DURATION or not (length or self.zero_too):
            least = "from 0" if self.zero_too else "longer than 0 and"
            self.fail(
                f"{value} is no length of time {least} up to 100 years. Write 45s, 30m, 24h, 90d or 4w.", param, ctx
            )
        return length


@contextmanager
def connected(settings: Settings) -> Iterator[None]:
    """The settings' database; Ctrl-C, SIGTERM and the end of the terminal cancel the statement that is at work."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        # Who starts a command with nohup wants it to go on.
        if signal.getsignal(each) is signal.SIG_DFL:
            signal.signal(each, signal.default_int_handler)
    with open_database(settings):
        database.connection()
        # Now, since a connection that is opened under it has no timeout, and no server's name in its errors.
        set_wait_callback(wait_select)
        try:
            yield
        finally:
            set_wait_callback(None)


def readable_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command, and say in a sentence what goes wrong."""

    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            message = _sentence(error)
            if message is None:
                raise
            _discard_output()
            raise click.ClickException(message) from error

    return running


def _discard_output() -> None:
    """Let it go nowhere: Python would try to write it again when it ends, and print a traceback."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def with_database(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command with the settings' database open, without limits on statements, as `readable_errors` does.

    It gets the option --json too, since every command that works on the database answers programs as well.
    """

    @json_option
    @readable_errors
    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        with connected(current_app.config["SETTINGS"].for_maintenance):
            return command(*args, **kwargs)

    return running


def _sentence(error: Exception) -> str | None:
    """What went wrong, for people; None for an error that nobody foresaw."""
    said = driver_message(error)
    if isinstance(error, TimedOut):
        return f"Nothing was changed by the last statement. PostgreSQL says: {said}."
    if isinstance(error, ServiceError):
        return sentence(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}."
    if schema_differs(error):
        return f"The database's schema is not that of this version: {said}. Run flask db upgrade."
    return f"The database refused: {said}" if said else None


def answer(document: Mapping[str, Any], as_json: bool, sentences: str) -> None:
    """Print what came of the command: the document for programs, or the sentences for people."""
    click.echo(orjson.dumps(document).decode() if as_json else sentences)


def in_columns(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def by_table(counts: dict[str, int]) -> str:
    """Rows by table, a line each, and their sum."""
    lines = [f"  {table:17} {count:>9,}" for table, count in counts.items()]
    return "\n".join([*lines, f"  {'together':17} {sum(counts.values()):>9,}"])


def progress(label: str, length: int, as_json: bool = False) -> Any:
    """click's progress bar, on the error output; none where that is no terminal, or with --json."""
    hidden = as_json or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A new file that only its owner may read; it takes its name, and another one's place, when the block has ended.

    A link stays, and what it leads to is replaced. When the block fails, nothing of it stays.
    """
    target = file.resolve()
    if target.exists() and not target.is_file():
        raise click.ClickException(f"{file} is there and is no file, so it is not replaced. Name another one.")
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        unfinished = Path(folder) / target.name
        unfinished.touch(mode=0o600)
        yield unfinished
        unfinished.replace(target)
