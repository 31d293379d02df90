"""References between the operations of a batch: `{"$ref": "goal.id"}`, `{"$literal": …}`, `{"$each": …, "body": …}`."""

from collections.abc import Mapping
from typing import Any

from app.errors import UnresolvedReference

MISSING: Any = object()
ITEM = "item"
MOST_EACH = 1000


class Answers:
    """The answers of the operations so far, by their names; of one that was left out there is none."""

    def __init__(self) -> None:
        self._bodies: dict[str, Any] = {}

    def add(self, name: str, body: Any) -> None:
        """Keep the answer of the operation of this name, or MISSING when it was left out."""
        self._bodies[name] = body

    def with_item(self, item: Any) -> "Answers":
        """The same answers, and this element as `item`."""
        more = Answers()
        more._bodies = {**self._bodies, ITEM: item}
        return more

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
        """The value with every reference in it replaced; raises UnresolvedReference."""
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"$ref"}:
            return self.value(value["$ref"])
        if set(value) == {"$literal"}:
            return value["$literal"]
        return {name: self.resolve(each) for name, each in value.items()}

    def resolve_body(self, body: Any) -> Any:
        """The same for a body, which may be one object for each element of a list."""
        if not isinstance(body, Mapping) or set(body) != {"$each", "body"}:
            return self.resolve(body)
        elements = self.value(body["$each"])
        if not isinstance(elements, list):
            raise UnresolvedReference(f"$each must lead to a list; {body['$each']} leads to something else.")
        return [self.with_item(element).resolve(body["body"]) for element in elements]

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
