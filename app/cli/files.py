"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click


@contextmanager
def whole_file(file: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read; it takes its name, and another one's place, when the block has ended.

    A link stays, and what it leads to is replaced. When the block fails, nothing of it stays.
    """
    target = _target(file)
    try:
        handle, aside = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
    except OSError as error:
        raise click.ClickException(f"{target.parent} takes no new file for {file}: {error.strerror}.") from error
    try:
        os.close(handle)
        with open(aside, "wb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        os.replace(aside, target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _target(file: Path) -> Path:
    """Where the file is to be; raises ClickException where it would take the place of what is none."""
    if str(file) == "-":
        raise click.ClickException("- is no file, and only a file can appear when it is whole. Give it a name.")
    target = Path(os.path.realpath(file))
    if target.exists() and not target.is_file():
        raise click.ClickException(f"{file} is there and is no file, so it is not replaced. Name another one.")
    if not target.parent.is_dir():
        raise click.ClickException(f"There is no folder {target.parent} to write {target.name} to. Make it first.")
    return target
