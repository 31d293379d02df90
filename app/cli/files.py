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

    When the block fails, nothing of it stays.
    """
    if not file.parent.is_dir():
        raise click.ClickException(f"There is no folder {file.parent} to write {file.name} to. Make it first.")
    handle, aside = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".unfinished", dir=file.parent)
    try:
        os.close(handle)
        with open(aside, "wb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        os.replace(aside, file)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
