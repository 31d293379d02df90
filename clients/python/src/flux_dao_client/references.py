"""Operations of a batch that are not sent yet, and values out of their answers."""

from collections.abc import Mapping
from typing import Any

from flux_dao_client.calls import Call


class Reference:
    """A value out of an earlier operation's answer: `goal.id`, `claimed.items[0].id`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> "Reference":
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(f"{self._path}.{name}")

    def __getitem__(self, key: str | int) -> "Reference":
        return Reference(f"{self._path}.{key}")

    def as_json(self) -> dict[str, str]:
        """The reference as the service reads it."""
        return {"$ref": self._path}


class Each:
    """In the place of many rows: one for each that an earlier operation answers, to which `item` refers.

    `batch.dispatch_log.create_many(Each(claimed.items, {"task_id": item.id, "channel": "push"}))`
    """

    def __init__(self, rows: Reference, body: Mapping[str, Any]) -> None:
        self._rows = rows
        self._body = body

    def as_json(self) -> dict[str, Any]:
        """What the service makes the list of."""
        return {"$each": self._rows.as_json()["$ref"], "body": self._body}


item = Reference("item")


class Pending:
    """An operation of a batch. Its attributes refer to its answer; `result` is that answer once the batch is done."""

    def __init__(self, name: str, call: Call) -> None:
        self._name = name
        self._call = call
        self._answer: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(f"{self._name}.{name}")

    @property
    def result(self) -> Any:
        """What the operation would have given by itself; None if it was skipped. Raises RuntimeError before the end."""
        if self._answer is None:
            raise RuntimeError("The batch is sent when its block ends; read results after it.")
        body = self._answer.get("body")
        return None if body is None else self._call.read(body)
