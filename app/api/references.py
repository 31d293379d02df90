"""Expressions in the operations of a batch: `{"$ref": "goal.id"}` and others stand for values of earlier answers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact
from typing import Any, NoReturn

from werkzeug.exceptions import RequestEntityTooLarge

from app import exact_json
from app.errors import Fault, UnresolvedReference
from app.schemas.faults import BODY, pointer

MISSING: Any = object()
ITEM = "item"
INDEX = re.compile("0|[1-9][0-9]{0,8}")
FORM = "Names, and places in lists, are joined by dots, as in claimed.items.0.id."
# Enough for any sum that a column or an object may hold; what would be rounded is refused.
EXACT = Context(prec=1000, traps=[Inexact])

Path = tuple[str | int, ...]


class Answers:
    """The answers of the operations so far, by their names; of one that was left out there is none.

    An operation's query or body has at most `max_bytes`, so that few references cannot stand for a flood.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._texts: dict[str, bytes] = {}
        self._values: dict[str, Any] = {}

    def add(self, name: str, text: bytes | None) -> None:
        """Keep the JSON that the operation of this name has answered; None when it was left out."""
        if text is None:
            self._values[name] = MISSING
        else:
            self._texts[name] = text

    def has(self, reference: str, at: Path) -> bool:
        """Whether a reference leads to anything but null. Raises UnresolvedReference for the name of no operation."""
        found = self.find(reference, MISSING, at)
        return found is not MISSING and found is not None

    def resolve(self, value: Any, at: Path) -> Any:
        """The value with every expression in it replaced; `at` is where it stands in the batch.

        Raises UnresolvedReference, and RequestEntityTooLarge when it would have too many bytes.
        """
        return _Resolving(self).resolve(value, MISSING, at)

    def find(self, reference: Any, item: Any, at: Path) -> Any:
        """What a reference leads to, or MISSING. Raises UnresolvedReference when it names no earlier operation."""
        if not isinstance(reference, str):
            _refuse(at, 'A reference must be a text, as in {"$ref": "goal.id"}.')
        name, *steps = reference.split(".")
        found = item if name == ITEM and item is not MISSING else self._answer(name, reference, at)
        for step in steps:
            found = _step(found, step)
        return found

    def _answer(self, name: str, reference: str, at: Path) -> Any:
        if name in self._texts:
            text = self._texts.pop(name)
            self._values[name] = exact_json.loads(text) if text else None
        if name not in self._values:
            known = ", ".join([*self._values, *self._texts]) or "none"
            _refuse(
                at, f"The reference {reference[:100]} names no earlier operation. Those with a name: {known}. {FORM}"
            )
        return self._values[name]


class _Resolving:
    """One query or body on its way: its expressions are replaced, and its bytes counted."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.left = answers.max_bytes

    def resolve(self, value: Any, item: Any, at: Path) -> Any:
        self._spend(2)
        match value:
            case {"$ref": reference, **others} if not others:
                found = self._found(reference, item, at)
                self._spend(len(exact_json.dumps(found)))
                return found
            case {"$literal": literal, **others} if not others:
                self._spend(len(exact_json.dumps(literal)))
                return literal
            case {"$each": reference, "body": body, **others} if not others:
                elements = self._elements(reference, item, at)
                return [self.resolve(body, element, (*at, "body")) for element in elements]
            case {"$concat": parts, **others} if not others:
                return "".join(map(text_of, self._operands("$concat", parts, item, at)))
            case {"$add": parts, **others} if not others:
                return _sum(self._operands("$add", parts, item, at), at)
            case dict():
                self._spend(sum(len(name) + 3 for name in value))
                return {name: self.resolve(each, item, (*at, name)) for name, each in value.items()}
            case list():
                return [self.resolve(each, item, (*at, number)) for number, each in enumerate(value)]
            case str():
                self._spend(len(value))
        return value

    def _found(self, reference: Any, item: Any, at: Path) -> Any:
        found = self.answers.find(reference, item, at)
        if found is MISSING:
            sentence = f"The reference {reference} leads nowhere. Look at the earlier answer, or use skip_if_missing."
            _refuse(at, f"{sentence} {FORM}")
        return found

    def _elements(self, reference: Any, item: Any, at: Path) -> list[Any]:
        found = self._found(reference, item, at)
        if not isinstance(found, list | None):
            _refuse(at, f"$each must lead to a list; {reference} leads to something else.")
        return found or []

    def _operands(self, name: str, parts: Any, item: Any, at: Path) -> list[Any]:
        """The values that $concat and $add put together: texts, of $concat, or numbers."""
        wanted, types = OPERANDS[name]
        if not isinstance(parts, list):
            _refuse(at, f"{name} takes a list of {wanted}.")
        found = [self.resolve(each, item, (*at, name, number)) for number, each in enumerate(parts)]
        for number, each in enumerate(found):
            if isinstance(each, bool) or not isinstance(each, types):
                shown = exact_json.dumps(each).decode(errors="replace")[:50]
                _refuse((*at, name, number), f"{name} takes {wanted}, not {shown}.")
        return found

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise RequestEntityTooLarge


OPERANDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "$concat": ("texts and numbers", (str, int, float, Decimal)),
    "$add": ("numbers", (int, float, Decimal)),
}


def source(value: Any, steps: Sequence[str]) -> Iterator[str]:
    """The steps to what became this part of a resolved value: to an expression at most, but into `$each`'s body."""
    for step in steps:
        if isinstance(value, dict) and set(value) == {"$literal"}:
            yield "$literal"
            value = value["$literal"]
        elif _is_expression(value):
            if "$each" not in value:
                return
            step = "body"
        yield step
        value = _step(value, step)


def _is_expression(value: Any) -> bool:
    names = set(value) if isinstance(value, dict) else set()
    return names == {"$each", "body"} or any(names == {each} for each in ("$ref", *OPERANDS))


def _sum(numbers: Sequence[Any], at: Path) -> Decimal:
    total = Decimal(0)
    try:
        for each in numbers:
            total = EXACT.add(total, Decimal(str(each)))
    except Inexact:
        _refuse(at, f"$add has a sum of more than {EXACT.prec} digits.")
    return total


def text_of(scalar: Any) -> str:
    """The text of a text, or of a number, true or false as JSON has it."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return f"{Decimal(str(scalar)):f}" if isinstance(scalar, float | Decimal) else str(scalar)


def _step(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(value, list) and INDEX.fullmatch(step) and int(step) < len(value):
        return value[int(step)]
    return MISSING


def _refuse(at: Path, sentence: str) -> NoReturn:
    raise UnresolvedReference(sentence, faults=[Fault(BODY + pointer(at), sentence)])
