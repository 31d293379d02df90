"""A query's parameters become a Query: every name and value checked, every fault told at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from marshmallow import ValidationError

from app.errors import MAX_FAULTS, Fault, Invalid
from app.query import controls, cursors
from app.query.controls import total_order
from app.query.grammar import RawValue, parse_groups, parse_list
from app.query.model import (
    DATES,
    ELEMENTS,
    LISTED,
    MAX_GROUPS,
    WHOLE_ROW,
    Condition,
    Either,
    FieldRules,
    Grouping,
    Place,
    Query,
    Shape,
    SortKey,
    Writing,
    conditions,
)
from app.query.relations import tables_beside
from app.query.spelling import suggestion
from app.query.values import BadValue, Parse, parse_flag, parse_values
from app.query.vocabulary import NO_PARAMETER, VOCABULARIES, Parameter, UnknownName
from app.schemas.faults import PLUS_IN_QUERY
from app.schemas.fields import Time

Pairs = Sequence[tuple[str, str]]

# What names the fields that are written in another way.
WRITTEN = ("replace", "if_null", "update")
MAX_CONDITIONS = 50
MAX_LIST_VALUES = 1000
# Callers poll: of the queries read lately this many are remembered, those of all operations together.
CACHE_SIZE = 4000
MAX_CACHED_LENGTH = 500
TWICE = "is given more than once."
FILLED = "needs groups by day, week or month alone, sorted by that. For example group_by=week&fill=true."
REQUIRED_ROW = (
    "is required, or another condition on the {0}, such as {0}_id__in=…,… or {0}.user_id=…, or one in each group of an "
    "or."
)
NOT_UTF8 = "The query is not UTF-8 text. Send each byte of its UTF-8 percent-encoded: é is %C3%A9, not %E9."


class Fixed(NamedTuple):
    """A parameter with a name of its own, which one operation has beside the columns."""

    place: Place
    operator: str
    parse: Parse
    description: str = ""
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class QueryParser:
    """Parses the queries of one operation.

    `controls` are the parameters that shape its answer, `fixed` the conditions with names of their own, `required`
    what must be given, `required_alone` what must be when nothing else is. Some condition must be on `required_row`,
    a reference, or on the row that it points to.
    """

    table: str
    operation: str
    controls: Sequence[str] = ()
    sort: Sequence[SortKey] = ()
    fixed: Mapping[str, Fixed] = field(default_factory=dict)
    required: Sequence[str] = ()
    required_alone: Sequence[str] = ()
    required_row: str | None = None
    filters: bool = True

    def parse(self, text: str) -> Query:
        """The query in a URL, after its question mark. Raises Invalid, naming each fault."""
        return _parse_cached(self, text) if len(text) <= MAX_CACHED_LENGTH else self.parse_pairs(pairs_of(text))

    def parse_pairs(self, pairs: Pairs) -> Query:
        """The query of these names and values. Raises Invalid, naming each fault."""
        return _Parsing(self, pairs).query()


@lru_cache(maxsize=CACHE_SIZE)
def _parse_cached(parser: QueryParser, text: str) -> Query:
    return parser.parse_pairs(pairs_of(text))


class _Parsing:
    """One query on its way from text to conditions."""

    def __init__(self, parser: QueryParser, pairs: Pairs) -> None:
        self.parser = parser
        self.faults: list[Fault] = []
        self.hints: dict[str, None] = {}
        self.where: list[Condition | Either] = []
        self.controls: dict[str, str] = {}
        self.filters: list[str] = []
        texts: dict[str, list[str]] = {}
        for name, text in pairs:
            texts.setdefault(name, []).append(text)
        for name in texts:
            self._take(name, texts[name])
        alone = not texts.keys() - {*parser.required_alone, *controls.READING}
        for name in (*parser.required, *(parser.required_alone if alone else ())):
            if name not in texts:
                self._fault(name, "is required.")
        row = parser.required_row
        if row and not self.faults and not any(_is_about(term, row) for term in self.where):
            self._fault(f"{row}_id", REQUIRED_ROW.format(row))

    def query(self) -> Query:
        """The query; raises Invalid when anything is wrong."""
        limit = self._control("limit", controls.LIMIT.deserialize, None)
        grouping = self._grouping(limit)
        sort = self._sort()
        fingerprint = cursors.fingerprint([self.parser.operation, self.controls.get("sort", ""), *sorted(self.filters)])
        parse_cursor = partial(controls.parse_cursor, self.parser.table, fingerprint, sort)
        after = self._control("cursor", parse_cursor, None)
        query = Query(
            tuple(self.where),
            sort,
            self._control("skip", controls.SKIP.deserialize, 0),
            limit,
            after,
            self._shape(),
            self._control("count", controls.COUNT.deserialize, "none" if after else "exact"),
            fingerprint,
            grouping,
            self._writing(),
            self._control("max_affected", controls.MAX_AFFECTED.deserialize, controls.DEFAULT_MAX_AFFECTED),
            eventual=self._control("consistency", partial(controls.parse_word, "eventual"), False),
        )
        if after and "skip" in self.controls:
            self._fault("skip", "cannot be combined with cursor. Leave one of them out.")
        count = sum(1 for _ in conditions(query.where))
        if count > MAX_CONDITIONS:
            self.faults = [Fault("?", f"The query has {count} conditions; {MAX_CONDITIONS} are allowed.")]
        if self.faults:
            raise Invalid.from_faults(self.faults, " ".join(self.hints) or None)
        return query._replace(others=tuple(sorted(tables_beside(self.parser.table, query))))

    def _take(self, name: str, texts: list[str]) -> None:
        if name in self.parser.controls:
            self.controls[name] = ",".join(texts)
            if len(texts) > 1 and name not in controls.REPEATABLE:
                self._fault(name, TWICE)
            return
        self.filters += [f"{name}={text}" for text in texts]
        try:
            self._filter(name, texts)
        except ValidationError as error:
            self._refuse(name, error)

    def _filter(self, name: str, texts: list[str]) -> None:
        if name == "or" and self.parser.filters:
            self.where += [self._either(text) for text in texts]
            return
        parameter = self._parameter(name)
        if parameter.operator in LISTED:
            self.where.append(_condition(name, parameter, [value for text in texts for value in parse_list(text)]))
        elif len(texts) > 1 and parameter.operator not in ELEMENTS:
            # Of a list each of several elements can be asked for.
            raise BadValue(TWICE)
        else:
            self.where += [_condition(name, parameter, text) for text in texts]

    def _parameter(self, name: str) -> Parameter:
        fixed = self.parser.fixed.get(name)
        if fixed:
            return Parameter(fixed.place, fixed.operator, False, fixed.parse)
        if not self.parser.filters:
            raise UnknownName(NO_PARAMETER)
        return VOCABULARIES[self.parser.table].parameter(name)

    def _either(self, text: str) -> Either:
        groups = parse_groups(text)
        return Either(tuple(tuple(self._alternative(name, value) for name, value in group) for group in groups))

    def _alternative(self, name: str, value: RawValue) -> Condition:
        try:
            return _condition(name, self._parameter(name), value)
        except ValidationError as error:
            raise BadValue(f"holds {name[:100]}, which {self._explained(name, error, ())}") from None

    def _shape(self) -> Shape:
        shape = self._control("fields", partial(controls.parse_fields, self.parser.table), WHOLE_ROW)
        more = self._control("expand", partial(controls.parse_expand, self.parser.table), ())
        expansions = {each.name: each for each in (*shape.expansions, *more)}
        return shape._replace(expansions=tuple(expansions.values()))

    def _sort(self) -> tuple[SortKey, ...]:
        if "group_by" in self.parser.controls:
            return ()
        columns = list(VOCABULARIES[self.parser.table].fields)
        return total_order(self._control("sort", partial(controls.parse_sort, columns), self.parser.sort))

    def _writing(self) -> Writing:
        return Writing(
            self._control("skip_locked", parse_flag, False),
            self._control("return", partial(controls.parse_word, "rows"), False),
            self._control("upsert", controls.UPSERT.deserialize, None),
            self._rules(),
        )

    def _rules(self) -> FieldRules:
        if "if_null" not in self.parser.controls:
            return FieldRules()
        if "upsert" in self.parser.controls and self.controls.get("upsert") != "merge":
            for name in set(WRITTEN) & self.controls.keys():
                self._fault(name, "says how upsert=merge changes a row. Add that, or leave it out.")
        parse = partial(controls.parse_written, self.parser.table)
        return FieldRules(**{name: self._control(name, partial(parse, name), ()) for name in WRITTEN})

    def _grouping(self, limit: int | None) -> Grouping | None:
        if "group_by" not in self.parser.controls:
            return None
        by = self._control("group_by", controls.parse_groups, ())
        keys = self._control("sort", partial(controls.parse_sort, [*by, "total"]), ()) if by else ()
        sort = (*keys, *(SortKey(name) for name in by if name not in [key.column for key in keys]))
        bucket_on = self._control("bucket_on", partial(controls.parse_time_column, self.parser.table), "scheduled_at")
        time_zone = self._control("tz", controls.TIME_ZONE.deserialize, "UTC")
        for name in controls.GROUPING:
            if name in self.controls and "group_by" not in self.controls:
                self._fault(name, "says how group_by groups. Give group_by too, or leave it out.")
        fill = self._control("fill", parse_flag, False)
        if fill and by and not (len(by) == 1 and by[0] in DATES and sort[0].column == by[0]):
            self._fault("fill", FILLED)
        return Grouping(by, bucket_on, time_zone, sort, limit or MAX_GROUPS, fill) if by else None

    def _control(self, name: str, parse: Callable[[str], Any], otherwise: Any) -> Any:
        if name not in self.controls:
            return otherwise
        try:
            return parse(self.controls[name])
        except ValidationError as error:
            self._refuse(name, error)
            return otherwise

    def _refuse(self, name: str, error: ValidationError) -> None:
        others = [*self.parser.fixed, *self.parser.controls, *(["or"] if self.parser.filters else [])]
        self._fault(name, self._explained(name, error, others))

    def _explained(self, name: str, error: ValidationError, others: Sequence[str]) -> str:
        """What is wrong, with the name's right spelling if there is one; the hint says once what there is instead."""
        message = str(error.messages[0])
        if Time.default_error_messages["space"] in message:
            self.hints[PLUS_IN_QUERY] = None
        if isinstance(error, UnknownName) and len(self.faults) < MAX_FAULTS:
            found = suggestion(name, others, self.parser.table if self.parser.filters else None)
            if found:
                return message + found
            if message == NO_PARAMETER and others:
                self.hints[f"The parameters are {', '.join(others)}."] = None
        if isinstance(error, BadValue) and error.known:
            self.hints[error.known] = None
        return message

    def _fault(self, name: str, message: str) -> None:
        shown = name if len(name) <= 100 else f"{name[:100]}…"
        self.faults.append(Fault(f"?{shown}", f"{shown} {message}"))


def pairs_of(text: str) -> Pairs:
    """The names and values in the text after a URL's question mark; raises Invalid for too many, or for no UTF-8."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except UnicodeDecodeError:
        raise Invalid(NOT_UTF8) from None
    except ValueError:
        raise Invalid("The query has more than 200 parameters.") from None


def _condition(name: str, parameter: Parameter, value: RawValue) -> Condition:
    place, operator, or_null, parse = parameter
    if operator not in LISTED:
        if isinstance(value, list):
            raise BadValue(f"takes one value, not a list; a list is for {name}__in.")
        return Condition(place, operator, parse(value), or_null)
    texts = value if isinstance(value, list) else parse_list(value)
    if len(texts) > MAX_LIST_VALUES:
        raise BadValue(f"has {len(texts)} values; {MAX_LIST_VALUES} are allowed.")
    return Condition(place, operator, tuple(parse_values(parse, texts)), or_null)


def _is_about(term: Condition | Either, reference: str) -> bool:
    """Whether a term looks at a reference or the row that it points to; one of several groups does if each does."""
    if isinstance(term, Either):
        return all(any(_is_about(each, reference) for each in group) for group in term.groups)
    return [*term.place.references, term.place.column][0] in (reference, f"{reference}_id")


def ask(table: str, parameters: Mapping[str, str] | None = None) -> Query:
    """The query of these parameters, which are those of a list over HTTP, for use in the same process.

    Raises Invalid, naming each fault.
    """
    return QueryParser(table, f"ask {table}", controls.LISTING).parse_pairs(list((parameters or {}).items()))
