"""Filters as Peewee expressions, with a named parameter for each value; and the values by those names.

A statement is compiled once for each `shape_of` a filter, and bound to `values` of the filter itself.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import reduce
from itertools import count
from operator import and_, or_
from typing import Any

from peewee import JOIN, OP, SQL, Case, ColumnBase, Expression, Value, fn

from app.database.statements import array_literal, json_literal, parameter
from app.exact_json import MAX_DECIMALS, decimals
from app.query.model import ELEMENTS, FLAGGED, LISTED, PATTERNS, Condition, Either, Filter, Place, conditions
from app.repositories.columns import Model, as_compared, bound, column, compared, reference, sql_type

SIGNS = {"gt": OP.GT, "gte": OP.GTE, "lt": OP.LT, "lte": OP.LTE}
COMPARISONS = {
    **SIGNS, "eq": OP.EQ, "ne": "IS DISTINCT FROM", "like": OP.LIKE, "ilike": OP.ILIKE, "contains": "@>",
}  # fmt: skip
PHONE = Place("phone")
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,5})?", re.ASCII)


def shape_of(filter: Filter) -> Filter:
    """The filter without its values: what its SQL depends on."""
    return tuple([_shape(each) for each in filter])


def where(row: Any, filter: Filter) -> list[ColumnBase]:
    """The conditions of a filter over the rows of a model, where `join` brings in what it looks at over references."""
    return _Conditions(row, _joined_column).of(filter)


def where_without_joins(row: Any, filter: Filter) -> list[ColumnBase]:
    """The conditions of a filter where no join can stand, as in an UPDATE: subqueries look over references."""
    return _Conditions(row, _looked_up_column).of(filter)


def join(query: Any, row: Model, filter: Filter) -> Any:
    """The query with the rows to which the references of a filter point, each under the reference's name."""
    looked_at = [each.place.references for each in conditions(filter)]
    for path in dict.fromkeys(each[: end + 1] for each in looked_at for end in range(len(each))):
        before, other = _referenced(row, path[:-1]), _referenced(row, path)
        query = query.join_from(before, other, JOIN.LEFT_OUTER, on=(reference(before, path[-1]) == other.id))
    return query


def values(filter: Filter) -> dict[str, Any]:
    """The values of a filter, by the names of their parameters."""
    found: dict[str, Any] = {}
    with_value = with_keys = 0
    for condition in conditions(filter):
        if condition.operator not in FLAGGED:
            found[f"p{with_value}"] = _bound(condition)
            with_value += 1
        if condition.place.keys:
            found[f"k{with_keys}"] = array_literal(condition.place.keys)
            with_keys += 1
    return found


class _Conditions:
    """The terms of one filter as expressions, in the order in which `values` names their values."""

    def __init__(self, row: Any, column_over_reference: Callable[[Any, Place], Any]) -> None:
        self.row = row
        self.column_over_reference = column_over_reference
        self.values = (parameter(f"p{number}") for number in count())
        self.keys = (parameter(f"k{number}") for number in count())

    def of(self, filter: Filter) -> list[ColumnBase]:
        return [self._expression(each) for each in filter]

    def _expression(self, condition: Condition | Either) -> ColumnBase:
        if isinstance(condition, Either):
            return reduce(or_, [reduce(and_, [self._expression(each) for each in group]) for group in condition.groups])
        if condition.operator == "exists":
            return self._exists(condition)
        place = self._place(condition.place)
        if condition.place.keys:
            path = next(self.keys)
            document, place = Expression(place, "#>", path), Expression(place, "#>>", path)
        if condition.operator == "isnull":
            return _is_null(place, condition.value)
        if condition.place.keys:
            found = _key_compared(condition, document, place, next(self.values))
        else:
            found = self._compared(condition, place)
        return found | _is_null(place) if condition.or_null else found

    def _place(self, place: Place) -> Any:
        if place.references:
            return self.column_over_reference(self.row, place)
        if place == PHONE:
            # As the index users_by_phone has it.
            name = Value("phone_number", converter=False)
            number = Expression(column(self.row, "notification_preferences"), "->>", name)
            return fn.regexp_replace(number, r"\D", "", "g")
        return compared(self.row, place.column)

    def _compared(self, condition: Condition, place: Any) -> ColumnBase:
        if condition.operator == "empty":
            return fn.coalesce(fn.cardinality(place), 0) == 0 if condition.value else fn.cardinality(place) > 0
        value = as_compared(self._field(condition.place), next(self.values))
        if condition.operator in LISTED:
            return _any_of(condition.operator, place, value, sql_type(self._field(condition.place)))
        if condition.operator == "ncontains":
            return _not_true(Expression(place, "@>", value))
        return Expression(place, COMPARISONS[condition.operator], value)

    def _field(self, place: Place) -> Any:
        return _referenced(self.row, place.references)._meta.columns.get(place.column)

    def _exists(self, condition: Condition) -> ColumnBase:
        [field] = [each for each in self.row._meta.backrefs if each.backref == condition.place.column]
        other = field.model.alias()
        found = fn.EXISTS(other.select(SQL("1")).where(column(other, field.column_name) == self.row.id))
        return found if condition.value else ~found


def _joined_column(row: Any, place: Place) -> Any:
    return compared(_referenced(row, place.references), place.column)


def _looked_up_column(row: Any, place: Place) -> Any:
    if not place.references:
        return compared(row, place.column)
    name, *further = place.references
    other = row._meta.fields[name].rel_model.alias()
    found = _looked_up_column(other, place._replace(references=tuple(further)))
    return other.select(found).where(other.id == reference(row, name))


def _referenced(row: Any, path: tuple[str, ...]) -> Any:
    """The row to which these references lead, under their name, or the row itself."""
    if not path:
        return row
    model = row
    for name in path:
        model = model._meta.fields[name].rel_model
    return model.alias("__".join(path))


def _is_null(place: Any, null: bool = True) -> ColumnBase:
    return Expression(place, OP.IS if null else OP.IS_NOT, None)


def _any_of(operator: str, place: Any, value: Any, kind: str) -> ColumnBase:
    found = Expression(place, OP.EQ, fn.ANY(value.cast(f"{kind}[]")))
    return found if operator == "in" else _not_true(found)


def _not_true(condition: ColumnBase) -> ColumnBase:
    return Expression(condition, OP.IS_NOT, SQL("TRUE"))


def _key_compared(condition: Condition, json: Expression, text: Expression, value: Any) -> ColumnBase:
    """A key inside an object has no type: it is compared with each JSON value that the text can mean."""
    if condition.operator in PATTERNS:
        return Expression(text, COMPARISONS[condition.operator], value)
    if condition.operator in ELEMENTS:
        found = (fn.jsonb_typeof(json) == "array") & Expression(json, "@>", fn.ANY(value.cast("jsonb[]")))
        return found if condition.operator == "contains" else _not_true(found)
    if condition.operator not in SIGNS:
        return _any_of("in" if condition.operator in ("eq", "in") else "nin", json, value, "jsonb")
    if condition.value == "0":
        number = Expression(json.cast("numeric"), SIGNS[condition.operator], value.cast("numeric"))
        return Case(fn.jsonb_typeof(json), [("number", number)])
    return Case(fn.jsonb_typeof(json), [("string", Expression(text.collate('"C"'), SIGNS[condition.operator], value))])


def _shape(condition: Condition | Either) -> Condition | Either:
    if isinstance(condition, Either):
        return Either(tuple(tuple(_shape(each) for each in group) for group in condition.groups))  # type: ignore[misc]
    place = condition.place._replace(keys=("",)) if condition.place.keys else condition.place
    return Condition(place, condition.operator, _mark(condition), condition.or_null)


def _mark(condition: Condition) -> Any:
    """What of a condition's value its SQL depends on."""
    if condition.operator in FLAGGED:
        return condition.value
    if condition.place.keys and condition.operator in SIGNS:
        return "0" if _is_number(condition.value) else ""
    return None


def _bound(condition: Condition) -> Any:
    """The value as the driver takes it."""
    if condition.operator in PATTERNS:
        return _pattern(condition.value)
    if not condition.place.keys:
        return bound(condition.value)
    if condition.operator in SIGNS:
        return condition.value
    texts = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return array_literal([document for text in texts for document in _documents(text)])


def _documents(text: str) -> Iterator[str]:
    """The JSON values that a text can mean: itself, and the number, true or false that it spells."""
    yield json_literal(text)
    if text in ("true", "false") or _is_number(text):
        yield text


def _is_number(text: str) -> bool:
    """Whether a text spells a number as JSON has it, of a length that one inside an object can have."""
    if not JSON_NUMBER.fullmatch(text):
        return False
    number = Decimal(text)
    return number.adjusted() <= MAX_DECIMALS and decimals(number) <= MAX_DECIMALS


def _pattern(text: str) -> str:
    """A pattern for LIKE in which only * is a wildcard."""
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("*", "%")
