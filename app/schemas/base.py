"""Schemas: what is written for each entity, what is derived from that, and how JSON becomes checked plain values."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any
from urllib.parse import quote

import orjson
from marshmallow import RAISE, Schema, ValidationError, missing
from marshmallow.fields import Field

from app.errors import MOST_FAULTS_TOLD, Fault, Invalid, NotJson
from app.schemas.fields import DEEPEST_NESTING, MESSAGES, Amount, Amounts, Integer, Number, Object, Time, Uuid

MOST_AT_ONCE = 1000
READ_ONLY = ("id", "created_at", "updated_at", "version")
UNKNOWN = "is unknown."
PLUS_IN_QUERY = "In a query a + stands for a space. Write the offset's + as %2B, as in 2026-03-01T09:00:00%2B04:00."
EXAMPLE_ID = "0198f3c2-7a51-7c3e-9d2b-3f6a1e5b8c4d"
EXAMPLE_ROW_ID = "0198f3c5-1c07-7a90-8f1e-6b2d9c4a7e13"
EXAMPLE_TIME = "2026-03-01T09:00:00+00:00"


class BaseSchema(Schema):
    """A JSON object with known fields only. `example` is a valid one, shown in the docs."""

    example: Mapping[str, Any] = {}
    error_messages = {"unknown": UNKNOWN}

    class Meta:
        unknown = RAISE

    @cached_property
    def required_names(self) -> set[str]:
        """The fields that must be given."""
        return {name for name, field in self.load_fields.items() if field.required}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The values of fields that are not given, where loading fills them in."""
        return {
            name: field.load_default for name, field in self.load_fields.items() if field.load_default is not missing
        }


class NewRowSchema(BaseSchema):
    """A row as a caller creates it."""

    id = Uuid(metadata={"description": "An id of the caller's own making; by default the service makes one."})


def patch_schema(new: type[BaseSchema], only: Sequence[str] = (), part: str = "") -> type[BaseSchema]:
    """The schema of a change: the same fields, or `only` some of them, none of them required."""
    changeable = {name: _copy(field, required=False) for name, field in _own(new) if not only or name in only}
    patchable_example = {name: value for name, value in new.example.items() if name in changeable}
    # One field is enough to show how a change reads.
    name, value = next(reversed(patchable_example.items()))
    return _derived(f"{_entity(new)}{part}PatchSchema", changeable, {name: value})


def row_schema(new: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of a row as it is answered: every field is there. It documents rows; they are not run through it."""
    fields: dict[str, Field[Any]] = {"id": Uuid(required=True)}
    fields |= {name: _copy(field, required=True) for name, field in _own(new)}
    fields |= {
        "created_at": Time(required=True),
        "updated_at": Time(required=True),
        "version": Integer(1, required=True),
    }
    absent = {name: field.metadata.get("default") for name, field in _own(new)}
    kept = {"created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME, "version": 1}
    return _derived(f"{_entity(new)}Schema", fields, {"id": EXAMPLE_ROW_ID} | absent | dict(new.example) | kept)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. Raises NotJson, or Invalid for JSON that no part of the service could store."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_leniently(body)


def load(schema: type[BaseSchema], data: Any) -> dict[str, Any]:
    """The values of a decoded JSON object, checked and typed by the schema; raises Invalid, naming each fault."""
    return _load(schema, data, "#/")


def load_many(schema: type[BaseSchema], data: Any) -> list[dict[str, Any]]:
    """The values of a decoded JSON array of objects; raises Invalid, naming each fault by its element's index."""
    if not isinstance(data, list) or not 1 <= len(data) <= MOST_AT_ONCE:
        sentence = f"The body must be a JSON array of 1 to {MOST_AT_ONCE} objects."
        raise Invalid(sentence, faults=[Fault("#", sentence)])
    loaded: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, element in enumerate(data):
        try:
            loaded.append(_load(schema, element, "#/", told=len(faults)))
        except Invalid as error:
            faults += [_of_element(number, fault) for fault in error.faults]
    if faults:
        raise Invalid.from_faults(faults)
    return loaded


def _of_element(number: int, fault: Fault) -> Fault:
    pointer = fault.pointer.removeprefix("#").removeprefix("/")
    detail = fault.detail.replace("The body must", "It must")
    return Fault(f"#/{number}/{pointer}" if pointer else f"#/{number}", f"Element {number}: {detail}")


def has_numbers(new: type[BaseSchema]) -> bool:
    """Whether a row has anything to which an amount can be added."""
    return any(isinstance(field, Integer | Number | Object) for _, field in _own(new))


def increment_schema(new: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of what is to be added to the numbers of a row, and to those in its objects."""
    kinds: dict[type[Field[Any]], Callable[[], Field[Any]]] = {Integer: Integer, Number: Amount, Object: Amounts}
    fields = {name: make() for name, field in _own(new) for kind, make in kinds.items() if isinstance(field, kind)}
    example: dict[str, Any] = {
        name: {"total": 120} if isinstance(field, Amounts) else 1 for name, field in list(fields.items())[-1:]
    }
    return _derived(f"{_entity(new)}IncrementSchema", fields, example)


def load_query(schema: type[BaseSchema], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of a query's parameters, checked and typed by the schema; raises Invalid, naming each fault."""
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Invalid.from_faults([Fault(f"?{name}", f"{name} is given more than once.") for name in twice])
    return _load(schema, given, "?")


@cache
def _instance(schema: type[BaseSchema]) -> BaseSchema:
    return schema()


def _load(schema: type[BaseSchema], data: Any, root: str, told: int = 0) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise Invalid("The body must be a JSON object.", faults=[Fault("#", "The body must be a JSON object.")])
    loader = _instance(schema)
    try:
        return _load_given(loader, data)
    except ValidationError:
        # marshmallow's own way looks at every field, given or not; only it tells all that is wrong.
        return _load_all(loader, data, root, told)


def _load_given(loader: BaseSchema, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that are given, and defaults of others; raises ValidationError for the first fault."""
    fields = loader.load_fields
    values = dict(loader.defaults)
    for name, value in data.items():
        if name not in fields:
            raise ValidationError(UNKNOWN)
        values[name] = _loaded(fields[name], value, name, data)
    if not loader.required_names <= values.keys():
        raise ValidationError(MESSAGES["required"])
    return values


def _loaded(field: Field[Any], value: Any, name: str, data: Mapping[str, Any]) -> Any:
    """As the field's `deserialize`, which also looks for hooks that no field here has, for each value anew."""
    if value is None:
        if not field.allow_none:
            raise ValidationError(MESSAGES["null"])
        return None
    loaded = field._deserialize(value, name, data)
    for validate in field.validators:
        validate(loaded)
    return loaded


def _load_all(loader: BaseSchema, data: Mapping[str, Any], root: str, told: int) -> dict[str, Any]:
    try:
        return loader.load(data)
    except ValidationError as error:
        allowed = list(loader.load_fields)
        faults = list(_faults(error.normalized_messages(), root, allowed, told))
        raise Invalid.from_faults(faults, _hint(error)) from None


def _hint(error: ValidationError) -> str | None:
    """The one mistake that a caller cannot see in what was sent, since the URL's own rules made it."""
    space = Time.default_error_messages["space"]
    return PLUS_IN_QUERY if any(space in found for found in error.normalized_messages().values()) else None


def _faults(messages: Mapping[str, Any], root: str, allowed: Sequence[str], told: int) -> Iterator[Fault]:
    """The faults, after so many told before; those beyond what is told are only counted, since guesses cost."""
    for name, found in messages.items():
        for path, message in _flat(found, (str(name),)):
            if message == UNKNOWN and told < MOST_FAULTS_TOLD:
                message = _unknown(name, root, allowed)
            told += 1
            yield Fault(root + _pointer(path), f"{'.'.join(path)} {message}")


def _flat(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The messages of one field, each with the path to the value that is wrong: a list's has its position."""
    if isinstance(found, Mapping):
        for part, inner in found.items():
            yield from _flat(inner, (*path, str(part)))
    else:
        for message in found:
            yield path, message


def _pointer(path: Sequence[str]) -> str:
    """The path as RFC 6901 writes it in a URI fragment (sections 3 and 6)."""
    return "/".join(quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in path)


def _unknown(name: str, root: str, allowed: Sequence[str]) -> str:
    if root == "#/" and name in READ_ONLY:
        return "is set by the service and cannot be written."
    kind = "a field of this request" if root == "#/" else "a parameter of this operation"
    close = get_close_matches(name, allowed, n=1, cutoff=0.7)
    guess = f" Did you mean {close[0]}?" if close else ""
    known = f" Allowed: {', '.join(allowed)}." if allowed else " It takes none."
    return f"is not {kind}.{guess}{known}"


def _parse_leniently(body: bytes) -> Any:
    """What orjson refuses may still be JSON with a value that a field refuses with a better message."""
    if not body.strip():
        raise NotJson("The request has no body. Send a JSON object.")
    try:
        return json.loads(body.decode())
    except RecursionError:
        raise Invalid(f"The body is nested deeper than {DEEPEST_NESTING} levels.") from None
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8 text, so it is not JSON.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotJson(f"The body is not JSON: {error.msg} at {where}.") from None
    except ValueError:
        raise Invalid("The body holds an integer of more digits than any column could store.") from None


def _own(new: type[BaseSchema]) -> list[tuple[str, Field[Any]]]:
    """The fields of a new row but its id, which never changes."""
    return [(name, field) for name, field in new._declared_fields.items() if name != "id"]


def _copy(field: Field[Any], required: bool) -> Field[Any]:
    made = deepcopy(field)
    made.required = required
    # A default is what a new row gets. Generated clients that saw one in a change would send it and undo earlier ones.
    made.metadata = {name: value for name, value in field.metadata.items() if name != "default"}
    return made


def _entity(new: type[BaseSchema]) -> str:
    return new.__name__.removeprefix("New").removesuffix("Schema")


def _derived(name: str, fields: Mapping[str, Field[Any]], example: Mapping[str, Any]) -> type[BaseSchema]:
    return type(name, (BaseSchema,), {**fields, "example": example, "__doc__": None})
