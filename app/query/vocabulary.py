"""The names that an entity's queries know: its columns with their operators, its references, what points to it."""

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from marshmallow import ValidationError
from marshmallow.fields import Field

from app.query.faults import UnknownName
from app.query.model import Place
from app.query.relations import MAX_REFERENCES, REFERENCES, REVERSE
from app.query.values import OPERATORS_OF_KIND, WITHOUT_NULL, Parse, kind_of, parse_text, parser_of
from app.schemas.base import BaseSchema
from app.schemas.conversations import ConversationSchema
from app.schemas.dispatch_log import DispatchLogEntrySchema
from app.schemas.goals import GoalSchema
from app.schemas.messages import MessageSchema
from app.schemas.notification_log import NotificationLogEntrySchema
from app.schemas.patterns import PatternSchema
from app.schemas.tasks import TaskSchema
from app.schemas.users import UserSchema

MAX_PATH_DEPTH = 3
MAX_CACHED_LENGTH = 200
OR_NULL = "_or_null"
NO_PARAMETER = "is not a parameter of this operation."
OPERATORS = (*dict.fromkeys(each for kind in OPERATORS_OF_KIND.values() for each in kind), "exists")


class Parameter(NamedTuple):
    """What a name in a query means: where to look, how to compare, and how its text is read."""

    place: Place
    operator: str
    or_null: bool
    parse: Parse


class Vocabulary:
    """The names of one entity, by the schema of its rows."""

    def __init__(self, table: str, schema: type[BaseSchema]) -> None:
        self.table = table
        self.fields: dict[str, Field[Any]] = dict(schema().fields)
        self._resolved = lru_cache(maxsize=2000)(self._resolve)

    def parameter(self, name: str) -> Parameter:
        """What the name means; raises UnknownName."""
        return self.own.get(name) or (self._resolved if len(name) <= MAX_CACHED_LENGTH else self._resolve)(name)

    @cached_property
    def own(self) -> dict[str, Parameter]:
        """The names about the entity's own columns and about what points to it."""
        names = {
            _written(column, operator, or_null): Parameter(Place(column), operator, or_null, parser_of(field, operator))
            for column, field in self.fields.items()
            for operator, or_null in operators_of(kind_of(field))
        }
        for name in REVERSE[self.table]:
            names[f"{name}__exists"] = Parameter(Place(name), "exists", False, parser_of(None, "exists"))
        if self.table == "users":
            names["phone"] = Parameter(Place("phone"), "eq", False, parse_digits)
        return names

    @cached_property
    def names(self) -> list[str]:
        """The names to which operators can be added."""
        return [*self.fields, *REVERSE[self.table], *(["phone"] if self.table == "users" else [])]

    def _resolve(self, name: str) -> Parameter:
        path, operator, or_null = _split(name)
        place, field = self.place(path)
        kind = kind_of(field) if field else "key"
        if operator == "eq" and operator not in OPERATORS_OF_KIND[kind]:
            raise UnknownName("cannot be compared as a whole.", _known_operators(path, kind))
        if operator not in OPERATORS_OF_KIND[kind]:
            raise UnknownName(f"does not exist: {path} cannot be compared by {operator}.", _known_operators(path, kind))
        if or_null and operator in WITHOUT_NULL:
            raise UnknownName(f"does not exist: {operator} cannot be combined with or_null.")
        return Parameter(place, operator, or_null, parser_of(field, operator))

    def place(self, path: str, references: tuple[str, ...] = ()) -> tuple[Place, Field[Any] | None]:
        """The place of a path behind these references, and its field unless it is a key; raises UnknownName."""
        head, *rest = path.split(".")
        if head in self.fields:
            return _inside(head, self.fields[head], rest, references)
        if head in REFERENCES[self.table] and rest:
            if len(references) == MAX_REFERENCES:
                raise UnknownName(f"does not exist: a path leads over {MAX_REFERENCES} references at most.")
            other = vocabulary(REFERENCES[self.table][head])
            return other.place(".".join(rest), (*references, head))
        if references:
            known = f"{'.'.join(references)} has the columns {', '.join(self.fields)}."
            raise UnknownName(f"does not exist: {'.'.join(references)} has no column {head}.", known)
        if head in REVERSE[self.table]:
            raise UnknownName(f"does not exist: of {head} one can only ask {head}__exists=true or false.")
        known = f"The columns are {', '.join(self.names)}, with operators such as __in, __gte or __isnull."
        raise UnknownName(NO_PARAMETER, known)


def _inside(
    column: str, field: Field[Any], keys: list[str], references: tuple[str, ...]
) -> tuple[Place, Field[Any] | None]:
    if not keys:
        return Place(column, (), references), field
    if kind_of(field) != "object":
        raise UnknownName(f"does not exist: {column} is no object, so it has no key {keys[0]}.")
    if len(keys) > MAX_PATH_DEPTH:
        raise UnknownName(f"is too deep: a path leads {MAX_PATH_DEPTH} levels into an object at most.")
    for key in keys:
        parse_text(key)
    return Place(column, tuple(keys), references), None


def operators_of(kind: str) -> Iterator[tuple[str, bool]]:
    """The operators of a kind of value, each with whether a null passes too."""
    for operator in OPERATORS_OF_KIND[kind]:
        yield operator, False
        if operator not in WITHOUT_NULL:
            yield operator, True


def _written(column: str, operator: str, or_null: bool) -> str:
    if operator == "eq" and not or_null:
        return column
    return f"{column}__{operator}{OR_NULL if or_null else ''}"


def _split(name: str) -> tuple[str, str, bool]:
    """The path, the operator and whether null passes too. Raises UnknownName for an operator that is none."""
    path, separator, operator = name.rpartition("__")
    if not separator:
        return name, "eq", False
    plain = operator.removesuffix(OR_NULL)
    if plain not in OPERATORS:
        known = f"The operators are {', '.join(f'__{each}' for each in OPERATORS if each != 'eq')}."
        raise UnknownName(f"does not exist: there is no operator {operator}.", known)
    if operator == "eq":
        raise UnknownName("does not exist: to be equal is written without an operator.")
    return path, plain, plain != operator


def _known_operators(path: str, kind: str) -> str:
    names = [each for each in OPERATORS_OF_KIND[kind] if each != "eq"]
    return f"{path} has the operators {', '.join(f'__{each}' for each in names)}."


def parse_digits(text: str) -> str:
    """The digits of a phone number."""
    digits = re.sub(r"[^0-9]", "", parse_text(text))
    if not digits:
        raise ValidationError("must have digits, as a phone number such as +971501234567 has.")
    return digits


SCHEMAS = {
    "users": UserSchema,
    "goals": GoalSchema,
    "tasks": TaskSchema,
    "conversations": ConversationSchema,
    "messages": MessageSchema,
    "patterns": PatternSchema,
    "notification_log": NotificationLogEntrySchema,
    "dispatch_log": DispatchLogEntrySchema,
}
VOCABULARIES = {table: Vocabulary(table, schema) for table, schema in SCHEMAS.items()}


def vocabulary(table: str) -> Vocabulary:
    """The names of this table's entity."""
    return VOCABULARIES[table]
