"""The names that an entity's queries know: its columns with their operators, its references, what points to it."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from marshmallow.fields import Field

from app.query.model import FLAGGED, Place
from app.query.relations import MAX_REFERENCES, REFERENCES, REVERSE
from app.query.values import KINDS, BadValue, Parse, kind_of, parse_text, parser_of
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
OPERATORS = tuple(dict.fromkeys(each for kind in KINDS.values() for each in kind.operators))


class UnknownName(BadValue):
    """A name that no query of this entity knows."""


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
        # The names to which operators can be added, each with its kind of values.
        self.kinds = {name: kind_of(field) for name, field in self.fields.items()}
        self.kinds |= dict.fromkeys(REVERSE[table], "rows") | ({"phone": "phone"} if table == "users" else {})
        self._resolved = lru_cache(maxsize=2000)(self._resolve)

    def parameter(self, name: str) -> Parameter:
        """What the name means; raises UnknownName."""
        return self._resolved(name) if len(name) <= MAX_CACHED_LENGTH else self._resolve(name)

    @cached_property
    def own(self) -> dict[str, Parameter]:
        """The names about the entity's own columns and about what points to it."""
        return {
            written: self._resolve(written) for name, kind in self.kinds.items() for written in _written(name, kind)
        }

    def _resolve(self, name: str) -> Parameter:
        path, operator, or_null = _split(name)
        place, field, kind = self.place(path)
        if operator not in KINDS[kind].operators:
            others = [f"__{each}" for each in KINDS[kind].operators if each != "eq"]
            known = f"{path} has the operators {', '.join(others)}." if others else ""
            if operator == "eq":
                raise UnknownName("cannot be compared as a whole.", known)
            raise UnknownName(f"does not exist: {path} cannot be compared by {operator}.", known)
        if or_null and operator in FLAGGED:
            raise UnknownName(f"does not exist: {operator} cannot be combined with or_null.")
        return Parameter(place, operator, or_null, parser_of(field, kind, operator))

    def place(self, path: str, references: tuple[str, ...] = ()) -> tuple[Place, Field[Any] | None, str]:
        """The place of a path behind these references, its field if it is a column, its kind; raises UnknownName."""
        head, *rest = path.split(".")
        if head in self.fields and not rest:
            return Place(head, (), references), self.fields[head], self.kinds[head]
        if head in self.fields:
            self._refuse_keys(head, rest)
            return Place(head, tuple(rest), references), None, "key"
        if head in REFERENCES[self.table] and rest:
            if len(references) == MAX_REFERENCES:
                raise UnknownName(f"does not exist: a path leads over {MAX_REFERENCES} references at most.")
            other = VOCABULARIES[REFERENCES[self.table][head]]
            return other.place(".".join(rest), (*references, head))
        if references:
            known = f"{'.'.join(references)} has the columns {', '.join(self.fields)}."
            raise UnknownName(f"does not exist: {'.'.join(references)} has no column {head}.", known)
        if head in self.kinds and not rest:
            return Place(head), None, self.kinds[head]
        if head in REVERSE[self.table]:
            raise UnknownName(f"does not exist: of {head} one can only ask {head}__exists=true or false.")
        known = f"The columns are {', '.join(self.kinds)}, with operators such as __in, __gte or __isnull."
        raise UnknownName(NO_PARAMETER, known)

    def _refuse_keys(self, column: str, keys: list[str]) -> None:
        """Raise ValidationError unless the column may have values under these keys."""
        if self.kinds[column] != "object":
            raise UnknownName(f"does not exist: {column} is no object, so it has no key {keys[0]}.")
        if len(keys) > MAX_PATH_DEPTH:
            raise UnknownName(f"is too deep: a path leads {MAX_PATH_DEPTH} levels into an object at most.")
        for key in keys:
            parse_text(key)


def _written(name: str, kind: str) -> Iterator[str]:
    """A name with each of the operators of its kind, alone and where a null passes too."""
    for operator in KINDS[kind].operators:
        yield name if operator == "eq" else f"{name}__{operator}"
        if operator not in FLAGGED and kind != "phone":
            yield f"{name}__{operator}{OR_NULL}"


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
