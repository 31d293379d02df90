"""What the commands share: the database they work on, errors as one sentence, their answer, and a progress bar."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import click
import orjson
from flask import current_app

from app.database import open_database
from app.database.failures import driver_error
from app.errors import ServiceError

BAR_AFTER_SECONDS = 1.0

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document, for programs.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")


def with_database(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command on the settings' database, and tell what goes wrong in a sentence."""

    @wraps(command)
    def running(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with _stopping_in_order(), open_database(current_app.config["SETTINGS"].for_maintenance):
                return command(*args, **kwargs)
        except click.ClickException:
            raise
        except ServiceError as error:
            raise click.ClickException(error.detail) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'A file'} cannot be used: {error.strerror}.") from error
        except Exception as error:
            cause = driver_error(error)
            if cause is None:
                raise
            raise click.ClickException(f"The database refused: {str(cause).splitlines()[0]}") from error

    return running


def answer(document: dict[str, Any], as_json: bool, sentences: str) -> None:
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


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, so that what was begun is undone or told, and nothing stays behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
