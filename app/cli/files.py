"""Files that are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click


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
