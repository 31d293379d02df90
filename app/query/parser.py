"""A query's parameters become a Query: every name and value checked, every fault told at once."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from marshmallow import ValidationError

from app.errors import MAX_FAULTS, Fault, Invalid
from app.query import controls, cursors
from app.query.controls import settled
from app.query.faults import BadValue, UnknownName
from app.query.grammar import Malformed, RawValue, parse_groups, parse_list
from app.query.model import (
    MAX_GROUPS,
    TABLES_OF_GROUPS,
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
)
from app.query.relations import REVERSE, tables_along, tables_shown
from app.query.spelling import suggestion
from app.query.values import Parse, parse_flag, parse_values
from app.query.vocabulary import NO_PARAMETER, Parameter, vocabulary
from app.schemas.faults import PLUS_IN_QUERY
from app.schemas.fields import Time

Pairs = Sequence[tuple[str, str]]

# Given more than once they must hold each time.
ELEMENTS = ("contains", "ncontains")
MAX_CONDITIONS = 50
MAX_LIST_VALUES = 1000
# Callers poll: of the queries read lately this many are remembered, those of all operations together.
CACHE_SIZE = 4000
MAX_CACHED_LENGTH = 500
TWICE = "is given more than once."
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


class QueryParser:
    """Parses the queries of one operation.

    `controls` are the parameters that shape its answer, `fixed` the conditions with names of their own, `required`
    what must be given, `required_alone` what must be when nothing else is. Some condition must be on `required_row`,
    a reference, or on the row that it points to.
    """

    def __init__(
        self,
        table: str,
        operation: str,
        controls: Sequence[str] = (),
        sort: Sequence[SortKey] = (),
        fixed: Mapping[str, Fixed] | None = None,
        required: Sequence[str] = (),
        required_alone: Sequence[str] = (),
        required_row: str | None = None,
        filters: bool = True,
    ) -> None:
        self.table = table
        self.operation = operation
        self.controls = tuple(controls)
        self.sort = settled(sort)
        self.fixed = dict(fixed or {})
        self.required = tuple(required)
        self.required_alone = tuple(required_alone)
        self.required_row = required_row
        self.filters = filters

    def parse(self, text: str) -> Query:
        """The query in a URL, after its question mark. Raises Invalid, naming each fault."""
        return _kept(self, text) if len(text) <= MAX_CACHED_LENGTH else self.parse_pairs(pairs_of(text))

    def parse_pairs(self, pairs: Pairs) -> Query:
        """The query of these names and values. Raises Invalid, naming each fault."""
        return _Parsing(self, pairs).query()


@lru_cache(maxsize=CACHE_SIZE)
def _kept(parser: QueryParser, text: str) -> Query:
    return parser.parse_pairs(pairs_of(text))


class _Parsing:
    """One query on its way from text to terms."""

    def __init__(self, parser: QueryParser, pairs: Pairs) -> None:
        self.parser = parser
        self.vocabulary = vocabulary(parser.table)
        self.faults: list[Fault] = []
        self.hints: dict[str, None] = {}
        self.where: list[Condition | Either] = []
        self.conditions = 0
        self.controls: dict[str, str] = {}
        self.filters: list[str] = []
        self.others: set[str] = set()
        texts: dict[str, list[str]] = {}
        for name, text in pairs:
            texts.setdefault(name, []).append(text)
        for name, given in texts.items():
            self._take(name, given)
        self.given = set(texts)
        alone = not self.given.difference(parser.required_alone, controls.READING)
        for name in (*parser.required, *(parser.required_alone if alone else ())):
            if name not in self.given:
                self._fault(name, "is required.")
        row = parser.required_row
        if row and not self.faults and not any(_is_about(term, row) for term in self.where):
            self._fault(f"{row}_id", REQUIRED_ROW.format(row))

    def query(self) -> Query:
        """The query; raises Invalid when anything is wrong."""
        limit = self._control("limit", controls.LIMIT.deserialize, None)
        grouping = self._grouping(limit)
        sort = self._sort()
        skip = self._control("skip", controls.SKIP.deserialize, 0)
        shape = self._shape()
        list_fingerprint = cursors.fingerprint(
            [self.parser.operation, self.controls.get("sort", ""), *sorted(self.filters)]
        )
        after = self._control(
            "cursor", lambda text: controls.parse_cursor(self.parser.table, text, list_fingerprint, sort), None
        )
        count = self._control("count", partial(controls.parse_choice, controls.COUNTS), "none" if after else "exact")
        writing = Writing(
            self._control("skip_locked", parse_flag, False),
            self._control("max_affected", controls.MAX_AFFECTED.deserialize, controls.DEFAULT_MAX_AFFECTED),
            self._control("return", partial(controls.parse_word, "rows"), False),
            self._control("upsert", partial(controls.parse_choice, controls.UPSERTS), None),
            self._rules(),
        )
        eventual = self._control("consistency", partial(controls.parse_word, "eventual"), False)
        if after and "skip" in self.controls:
            self._fault("skip", "cannot be combined with cursor. Leave one of them out.")
        if self.conditions > MAX_CONDITIONS:
            self.faults = [Fault("?", f"The query has {self.conditions} conditions; {MAX_CONDITIONS} are allowed.")]
        if self.faults:
            raise Invalid.from_faults(self.faults, " ".join(self.hints) or None)
        self.others |= tables_shown(self.parser.table, shape)
        if grouping:
            self.others |= {TABLES_OF_GROUPS[each] for each in grouping.by if each in TABLES_OF_GROUPS}
        return Query(
            tuple(self.where),
            sort,
            skip,
            limit,
            after,
            shape,
            count,
            list_fingerprint,
            grouping,
            writing,
            tuple(sorted(self.others)),
            eventual,
        )

    def _take(self, name: str, texts: list[str]) -> None:
        if name in self.parser.controls:
            self.controls[name] = ",".join(texts)
            if len(texts) > 1 and name not in controls.REPEATABLE:
                self._fault(name, TWICE)
            return
        self.filters += [f"{name}={text}" for text in texts]
        self._try(name, lambda: self._filter(name, texts))

    def _filter(self, name: str, texts: list[str]) -> None:
        if name == "or" and self.parser.filters:
            self.where += [self._either(text) for text in texts]
            return
        operator = self._parameter(name).operator
        if operator in ("in", "nin"):
            self.where.append(self._condition(name, [value for text in texts for value in parse_list(text)]))
        elif len(texts) > 1 and operator not in ELEMENTS:
            raise BadValue(TWICE)
        else:
            self.where += [self._condition(name, text) for text in texts]

    def _condition(self, name: str, given: RawValue) -> Condition:
        self.conditions += 1
        place, operator, or_null, parse = self._parameter(name)
        self.others.update(tables_along(self.parser.table, place.references))
        if operator == "exists":
            self.others.add(REVERSE[self.parser.table][place.column].table)
        if operator in ("in", "nin"):
            return Condition(place, operator, tuple(_listed(parse, given)), or_null)
        if isinstance(given, list):
            raise BadValue(f"takes one value, not a list; a list is for {name}__in.")
        return Condition(place, operator, parse(given), or_null)

    def _parameter(self, name: str) -> Parameter:
        fixed = self.parser.fixed.get(name)
        if fixed:
            return Parameter(fixed.place, fixed.operator, False, fixed.parse)
        if not self.parser.filters:
            raise UnknownName(NO_PARAMETER)
        return self.vocabulary.parameter(name)

    def _either(self, text: str) -> Either:
        groups = parse_groups(text)
        return Either(tuple(tuple(self._alternative(name, given) for name, given in group) for group in groups))

    def _alternative(self, name: str, given: RawValue) -> Condition:
        try:
            return self._condition(name, given)
        except (BadValue, ValidationError) as error:
            raise BadValue(f"holds {name[:100]}, which {self._explained(name, error, ())}") from None

    def _shape(self) -> Shape:
        shape = self._control("fields", partial(controls.parse_fields, self.parser.table), WHOLE_ROW)
        more = self._control("expand", partial(controls.parse_expand, self.parser.table), ())
        expansions = {each.name: each for each in (*shape.expansions, *more)}
        return shape._replace(expansions=tuple(expansions.values()))

    def _sort(self) -> tuple[SortKey, ...]:
        if "group_by" in self.parser.controls:
            return ()
        columns = list(self.vocabulary.fields)
        return self._control("sort", lambda text: settled(controls.parse_sort(columns, text)), self.parser.sort)

    def _rules(self) -> FieldRules:
        if "if_null" not in self.parser.controls:
            return FieldRules()
        if "upsert" in self.parser.controls and self.controls.get("upsert") != "merge":
            for name in FieldRules._fields:
                if name in self.controls:
                    self._fault(name, "says how upsert=merge changes a row. Add that, or leave it out.")
        parse = partial(controls.parse_written, self.parser.table)
        return FieldRules(
            **{name: self._control(name, partial(parse, name), ()) for name in FieldRules._fields},
        )

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
        return Grouping(by, bucket_on, time_zone, sort, limit or MAX_GROUPS) if by else None

    def _control(self, name: str, parse: Callable[[str], Any], otherwise: Any) -> Any:
        if name not in self.controls:
            return otherwise
        found = [otherwise]
        self._try(name, lambda: found.append(parse(self.controls[name])))
        return found[-1]

    def _try(self, name: str, work: Callable[[], Any]) -> None:
        try:
            work()
        except (BadValue, Malformed, ValidationError) as error:
            others = [*self.parser.fixed, *self.parser.controls, *(["or"] if self.parser.filters else [])]
            self._fault(name, self._explained(name, error, others))

    def _explained(self, name: str, error: Exception, others: Sequence[str]) -> str:
        """What is wrong, with the name's right spelling if there is one; the hint says once what there is instead."""
        message = str(error.messages[0]) if isinstance(error, ValidationError) else str(error)
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


def _listed(parse: Parse, given: RawValue) -> list[Any]:
    texts = given if isinstance(given, list) else parse_list(given)
    if len(texts) > MAX_LIST_VALUES:
        raise BadValue(f"has {len(texts)} values; {MAX_LIST_VALUES} are allowed.")
    return parse_values(parse, texts)


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
