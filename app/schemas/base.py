"""Schemas: what is written for each entity, and what is derived from that."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from itertools import chain
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, missing
from marshmallow.fields import Field

from app.schemas.faults import UNKNOWN, invalid
from app.schemas.fields import Amounts, Integer, Number, Object, Time, Uuid

# Callers send the same few fields again and again.
MAX_SHAPES = 1000
EXAMPLE_ID = "0198f3c2-7a51-7c3e-9d2b-3f6a1e5b8c4d"
EXAMPLE_ROW_ID = "0198f3c5-1c07-7a90-8f1e-6b2d9c4a7e13"
EXAMPLE_TIME = "2026-03-01T09:00:00+00:00"


class BaseSchema(Schema):
    """A JSON object with known fields only. `example` is a valid one, shown in the docs."""

    example: Mapping[str, Any] = {}
    error_messages = {"unknown": UNKNOWN, "type": "must be a JSON object."}

    @cached_property
    def names(self) -> frozenset[str]:
        """What a JSON object may hold."""
        return frozenset(field.data_key or name for name, field in self.load_fields.items())

    def load(self, data: Any, **options: Any) -> Any:
        """The values of a decoded JSON object, or of a list with `many`. Raises ValidationError with all that is wrong.

        Most of marshmallow's time goes to fields that are absent, so a schema with `only` those that matter is tried
        first, hooks and all; when it raises, the whole schema is loaded for its messages.
        """
        names = _names_in(data, self.many)
        if self.only is None and not options and names is not None and names < self.names:
            try:
                return _narrowed(type(self), self.many, names).load(data, unknown=RAISE)
            except ValidationError:
                pass
        return super().load(data, **options)


class NewRowSchema(BaseSchema):
    """A row as a caller creates it."""

    id = Uuid()


class PatchSchema(BaseSchema):
    """A change: what is absent is neither required nor filled in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"partial": True, **options})

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        """Document no default: generated clients that saw one in a change would send it and undo earlier ones."""
        field_obj.metadata = _without_default(field_obj)


class RowSchema(BaseSchema):
    """A row as it is answered: every field is there. It documents rows; they are not run through it."""

    id = Uuid(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    version = Integer(1, required=True)

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        """Document every field as required, and no default."""
        field_obj.required = True
        field_obj.metadata = _without_default(field_obj)


def patch_schema(new: type[NewRowSchema], only: Sequence[str] = (), part: str = "") -> type[BaseSchema]:
    """The schema of a change: the fields of a new row, or `only` some of them, with its validators and hooks."""
    changeable = [name for name in new().fields if name != "id" and (not only or name in only)]
    # One field is enough to show how a change reads.
    name = [name for name in new.example if name in changeable][-1]
    meta = type("Meta", (new.Meta,), {"fields": changeable})
    return derived(new, f"{part}Patch", PatchSchema, new, Meta=meta, example={name: new.example[name]})


def row_schema(new: type[NewRowSchema]) -> type[BaseSchema]:
    """The schema of a row as it is answered."""
    absent = {name: field.metadata.get("default") for name, field in new().fields.items()}
    kept = {"id": EXAMPLE_ROW_ID, "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME, "version": 1}
    return derived(new, "", RowSchema, new, example=absent | dict(new.example) | kept)


def increment_schema(new: type[BaseSchema]) -> type[BaseSchema] | None:
    """The schema of what is to be added to the numbers of a row, and to those in its objects; None if it has none."""
    kinds: dict[type[Field[Any]], Callable[[], Field[Any]]] = {Integer: Integer, Number: Number, Object: Amounts}
    own = new().fields.items()
    fields = {name: make() for name, field in own for kind, make in kinds.items() if isinstance(field, kind)}
    if not fields:
        return None
    name, last = list(fields.items())[-1]
    example = {name: {"total": 120} if isinstance(last, Amounts) else 1}
    return derived(new, "Increment", BaseSchema, **fields, example=example)


def load(schema: type[BaseSchema], data: Any) -> dict[str, Any]:
    """The values of a decoded JSON object, checked and typed by the schema; raises Invalid, naming each fault."""
    loader = loader_of(schema)
    try:
        values: dict[str, Any] = loader.load(data)
    except ValidationError as error:
        raise invalid(error.normalized_messages(), loader) from None
    return values


def _names_in(data: Any, many: bool) -> frozenset[str] | None:
    """The names that an object has, or any of a list of objects; None when it is something else."""
    if not many:
        return frozenset(data) if isinstance(data, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return None
    return frozenset(chain.from_iterable(data))


@lru_cache(maxsize=MAX_SHAPES)
def _narrowed(schema: type[BaseSchema], many: bool, names: frozenset[str]) -> BaseSchema:
    """The schema with those fields only that are given, must be, or are filled in."""
    full = schema()
    wanted = [
        name
        for name, field in full.load_fields.items()
        if field.required or field.load_default is not missing or (field.data_key or name) in names
    ]
    return schema(many=many, only=wanted)


@cache
def loader_of(schema: type[BaseSchema]) -> BaseSchema:
    """The one instance of a schema that loads: to make one costs more than to load with it."""
    return schema()


def _without_default(field: Field[Any]) -> dict[str, Any]:
    return {name: value for name, value in field.metadata.items() if name != "default"}


def derived(schema: type[BaseSchema], purpose: str, *bases: type[BaseSchema], **members: Any) -> type[BaseSchema]:
    """A schema of the same entity for this purpose, by which it is called, with these fields and `example`."""
    entity = schema.__name__.removeprefix("New").removesuffix("Schema")
    return type(f"{entity}{purpose}Schema", bases, {**members, "__doc__": None})
