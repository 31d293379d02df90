"""References between the operations of a batch: `{"$ref": "goal.id"}`, `{"$literal": …}`, `{"$each": …, "body": …}`."""

from collections.abc import Mapping
from typing import Any

import orjson
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import UnresolvedReference

MISSING: Any = object()
ITEM = "item"


class Answers:
    """The answers of the operations so far, by their names; of one that was left out there is none.

    References put at most `most_bytes` into a query or a body, so that few of them cannot stand for a flood.
    """

    def __init__(self, most_bytes: int) -> None:
        self._bodies: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._most_bytes = self._left = most_bytes

    def add(self, name: str, body: Any) -> None:
        """Keep the answer of the operation of this name, or MISSING when it was left out."""
        self._bodies[name] = body

    def has(self, reference: str) -> bool:
        """Whether a reference leads somewhere. Raises UnresolvedReference for the name of no earlier operation."""
        return self._find(reference) is not MISSING

    def value(self, reference: Any) -> Any:
        """The value that a reference stands for; raises UnresolvedReference when it leads nowhere."""
        if not isinstance(reference, str):
            raise UnresolvedReference('A reference must be a text, as in {"$ref": "goal.id"}.')
        found = self._find(reference)
        if found is MISSING:
            raise UnresolvedReference(
                f"The reference {reference} leads nowhere. Look at the earlier answer, or use skip_if_missing."
            )
        return found

    def resolve(self, value: Any) -> Any:
        """The value with every reference in it replaced; raises UnresolvedReference, RequestEntityTooLarge."""
        self._left = self._most_bytes
        return self._resolve(value)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"$ref"}:
            return self._measured(value["$ref"])
        if set(value) == {"$literal"}:
            return value["$literal"]
        return {name: self._resolve(each) for name, each in value.items()}

    def resolve_body(self, body: Any) -> Any:
        """The body with every reference replaced; one with `$each` becomes a list, a body for each element.

        Raises UnresolvedReference, and RequestEntityTooLarge when the references stand for too many bytes.
        """
        if not isinstance(body, Mapping) or set(body) != {"$each", "body"}:
            return self.resolve(body)
        elements = self.value(body["$each"])
        if not isinstance(elements, list):
            raise UnresolvedReference(f"$each must lead to a list; {body['$each']} leads to something else.")
        left = self._most_bytes
        resolved = []
        for element in elements:
            resolved.append(self._with_item(element, left).resolve(body["body"]))
            left -= len(orjson.dumps(resolved[-1]))
            if left < 0:
                raise RequestEntityTooLarge
        return resolved

    def _with_item(self, item: Any, most_bytes: int) -> "Answers":
        """These answers, and this element under the name `item`."""
        more = Answers(most_bytes)
        more._bodies = {**self._bodies, ITEM: item}
        return more

    def _measured(self, reference: Any) -> Any:
        """The value of a reference, which is counted."""
        found = self.value(reference)
        if reference not in self._sizes:
            self._sizes[reference] = len(orjson.dumps(found))
        self._left -= self._sizes[reference]
        if self._left < 0:
            raise RequestEntityTooLarge
        return found

    def _find(self, reference: str) -> Any:
        name, *path = reference.split(".")
        if name not in self._bodies:
            known = ", ".join(self._bodies) or "none"
            raise UnresolvedReference(
                f"The reference {reference[:100]} names no earlier operation. Earlier ones with a name: {known}."
            )
        found = self._bodies[name]
        for part in path:
            found = _step(found, part)
        return found


def _step(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part, MISSING)
    if isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return MISSING
