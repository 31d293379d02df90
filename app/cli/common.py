"""What the commands share: the database they work on, errors as one sentence, their answer, and a progress bar."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import click
import orjson
from flask import current_app

from app.cli.interrupts import interruptible, raise_if_stopped, signals_deferred, stop_requested
from app.database import open_database
from app.database.failures import driver_message, schema_differs, sentence
from app.errors import ServiceError

BAR_AFTER_SECONDS = 1.0

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MAX_DURATION = timedelta(days=36_500)

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document, for programs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


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


def readable_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command so that it can be stopped in order, and tell what goes wrong in a sentence."""

    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with interruptible():
                return command(*args, **kwargs)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            raise_if_stopped(error)
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
    """Run the command as `readable_errors` does, with the settings' database open and without limits on statements."""

    @readable_errors
    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        with open_database(current_app.config["SETTINGS"].for_maintenance):
            return command(*args, **kwargs)

    return running


def _sentence(error: Exception) -> str | None:
    """What went wrong, for people; None where it is no error, told already, or one that nobody foresaw."""
    if isinstance(error, ServiceError):
        return sentence(error)
    if isinstance(error, click.ClickException | BrokenPipeError):
        return None
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'} cannot be used: {error.strerror}."
    said = driver_message(error)
    if schema_differs(error):
        return f"The database's schema is not that of this version: {said}. Run flask db upgrade."
    return f"The database refused: {said}" if said else None


def run_in_batches(
    label: str, found: int, portions: Iterable[int], as_json: bool, report: Callable[[int, bool], None]
) -> None:
    """Take the portions to their end, or until somebody or a fault stops it, and `report` how many rows they were and
    whether it was stopped.

    What was done until then stays; the exit code of a command that was stopped is 1.
    """
    done, stopped = 0, True
    # A portion that the database has finished is counted, so nothing is raised between the two.
    with signals_deferred():
        try:
            with progress(label, found, as_json) as advance:
                for count in portions:
                    done += count
                    advance(count)
                    if stop_requested():
                        break
                else:
                    stopped = False
        except ServiceError:
            if not stop_requested():
                report(done, stopped)
                raise
    report(done, stopped)
    if stopped:
        raise click.exceptions.Exit(1)


def answer(document: Mapping[str, Any], as_json: bool, sentences: str) -> None:
    """Print what came of the command: the document for programs, or the sentences for people."""
    click.echo(orjson.dumps(document).decode() if as_json else sentences)


def by_table(counts: dict[str, int]) -> str:
    """Rows by table, a line each, and their sum."""
    lines = [f"  {table:17} {count:>9,}" for table, count in counts.items()]
    return "\n".join([*lines, f"  {'together':17} {sum(counts.values()):>9,}"])


@contextmanager
def progress(label: str, length: int, as_json: bool = False) -> Iterator[Callable[[int], None]]:
    """Give a function that takes how many steps were done; a bar appears on a terminal when it takes long."""
    hidden = as_json or not sys.stderr.isatty()
    bar = click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
    started = monotonic()
    waiting = 0

    def advance(steps: int) -> None:
        nonlocal waiting
        waiting += steps
        if monotonic() - started > BAR_AFTER_SECONDS:
            bar.update(waiting)
            waiting = 0

    try:
        yield advance
    finally:
        if bar.pos:
            bar.render_finish()
