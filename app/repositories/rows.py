"""Rows as repositories give them: the JSON that PostgreSQL wrote, decoded only for who looks inside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson


class Row(Mapping[str, Any]):
    """One row, as a mapping of its columns to JSON values; `json` is the document itself, `version` its version."""

    __slots__ = ("_values", "json", "version")

    def __init__(self, json: bytes, version: int) -> None:
        self.json = json
        self.version = version
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
            self._values = orjson.loads(self.json)
        return self._values


class Rows(Sequence[dict[str, Any]]):
    """Rows in their order, as a sequence of plain dicts; `json` is the JSON array itself."""

    __slots__ = ("_values", "json")

    def __init__(self, json: bytes) -> None:
        self.json = json
        self._values: list[dict[str, Any]] | None = None

    def __getitem__(self, position: Any) -> Any:
        return self._decoded()[position]

    def __len__(self) -> int:
        return len(self._decoded())

    def __repr__(self) -> str:
        return f"Rows({self.json.decode()})"

    def _decoded(self) -> list[dict[str, Any]]:
        if self._values is None:
            self._values = orjson.loads(self.json)
        return self._values
