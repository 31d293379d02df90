"""Rows as repositories give them: the JSON that PostgreSQL wrote, decoded only for who looks inside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import uuid_utils

from app import exact_json

EMPTY = b"[]"
# What json_agg writes between rows. No JSON text of a row has a line break in it, so it stands nowhere else.
BETWEEN_ROWS = b", \n "
# Ends a page in the place of the row behind it.
CUT_HERE = BETWEEN_ROWS + b"null]"


def new_id() -> str:
    """A UUIDv7: later ones sort after earlier ones, within this process even in the same millisecond."""
    return str(uuid_utils.uuid7())


class Row(Mapping[str, Any]):
    """One row, as a mapping of its columns to JSON values; `json` is the document itself, `version` its version.

    `id` is set for a new row, also when it does not show it. `dropped` are the keys that its objects have just lost by
    being replaced, such as profile.language.
    """

    __slots__ = ("_values", "dropped", "id", "json", "version")

    def __init__(self, json: bytes, version: int, id: str | None = None, dropped: Sequence[str] = ()) -> None:
        self.json = json
        self.version = version
        self.id = id
        self.dropped = dropped
        self._values: dict[str, Any] | None = None

    def __getitem__(self, column: str) -> Any:
        return self._decoded()[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def __repr__(self) -> str:
        return f"Row({self.json.decode()})"

    def _decoded(self) -> dict[str, Any]:
        if self._values is None:
            self._values = exact_json.loads(self.json)
        return self._values


class Rows(Sequence[dict[str, Any]]):
    """Rows in their order, as a sequence of plain dicts; `json` is the JSON array itself.

    `last` holds the sort keys of the last row when there are more rows behind it.
    """

    def __init__(self, json: bytes, last: tuple[Any, ...] | None = None) -> None:
        self.json = json
        self.last = last

    def __getitem__(self, position: Any) -> Any:
        return self._decoded[position]

    def __len__(self) -> int:
        return len(self._decoded)

    def __repr__(self) -> str:
        return f"Rows({self.json.decode()})"

    @cached_property
    def _decoded(self) -> list[dict[str, Any]]:
        return exact_json.loads(self.json)


class LongRows(Rows):
    """Rows that are too many to hold at once: `pieces` gives their JSON array piece by piece, from one snapshot."""

    last = None

    def __init__(self, read: Callable[[], Iterator[list[bytes]]]) -> None:
        self._read = read

    def pieces(self) -> Iterator[bytes]:
        """The JSON array in pieces; each call reads it anew."""
        before = b"["
        for portion in self._read():
            yield before + b",".join(portion)
            before = b","
        yield b"]"

    @cached_property
    def json(self) -> bytes:  # type: ignore[override]
        """The JSON array whole, for a caller who has the memory."""
        return b"".join(self.pieces())


def page(
    array: bytes | None,
    count: int,
    limit: int | None,
    keys: Sequence[str],
    hidden: Sequence[str] = (),
    values: bytes = EMPTY,
) -> Rows:
    """The rows of a page from an array that has one row more when there are more behind it.

    `keys` are the columns of the sort keys, `hidden` those of them that the rows do not show; of these `values` has an
    array for each row.
    """
    if array is None:
        return Rows(EMPTY)
    if limit is None or count <= limit:
        return Rows(array)
    rows = array[: array.rindex(BETWEEN_ROWS)]
    last = exact_json.loads(rows[rows.rfind(BETWEEN_ROWS) + len(BETWEEN_ROWS) :] if limit > 1 else rows[1:])
    if hidden:
        last |= zip(hidden, exact_json.loads(values)[limit - 1], strict=True)
    return Rows(rows + b"]", tuple(last[key] for key in keys))
