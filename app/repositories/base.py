"""What all entities share: how their rows are found, created, changed and deleted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn
from uuid import UUID

import orjson

from app import models
from app.database import database
from app.database.statements import Bound
from app.errors import AnswerTooLarge, ConditionFailed, Invalid, NotFound, Stale, TooManyAffected
from app.query.model import PLAIN, WHOLE_ROW, Condition, Either, FieldRules, Filter, Query, Shape
from app.repositories import filters, many, reads, writes
from app.repositories.many import Outcome
from app.repositories.natural_keys import ID
from app.repositories.reads import Target
from app.repositories.rows import CUT_HERE, EMPTY, LongRows, Row, Rows, new_id, page

Id = str | UUID
ROWS_AT_ONCE = 1000


class Repository:
    """The rows of one table; `noun` and `plural` name them in sentences."""

    def __init__(self, model: type[models.Row], noun: str, plural: str) -> None:
        self.model = model
        self.noun = noun
        self.plural = plural
        self.table: str = model._meta.table_name

    def get(self, id: Id, shape: Shape = WHOLE_ROW, filter: Filter = ()) -> Row:
        """The row with this id, in this shape; raises NotFound, also when it does not match the filter."""
        target = Target(id, filter=filter)
        return self._one(database.read(*reads.one(self.model, target.shape(), shape).bind(target.values())), id)

    def find(self, query: Query) -> Rows:
        """The rows of one page of a query; `last` of them tells where the next page starts."""
        [(array, count, *hidden)] = self._page(query, more=1)
        if array is None and query.limit and count > query.limit:
            # It may be the row behind the page that is too much.
            [(array, _, *hidden)] = self._page(query, more=0)
            array = array and array[:-1] + CUT_HERE
        if array is None and count:
            raise AnswerTooLarge(database.max_answer_bytes)
        keys = [key.column for key in query.sort]
        return page(array, count, query.limit, keys, reads.hidden_keys(self.model, query), *hidden)

    def find_all(self, query: Query) -> Rows:
        """All rows of a query, however many: in one statement up to ROWS_AT_ONCE, and beyond that as a stream."""
        try:
            first = self.find(query._replace(limit=ROWS_AT_ONCE))
        except AnswerTooLarge:
            first = None
        if first is None or first.last:
            return LongRows(database.streamed(*self._every(query)))
        return first

    def stream(self, query: Query) -> Iterator[list[bytes]]:
        """The rows of a query as JSON, in portions and from one snapshot."""
        return database.stream(*self._every(query))

    def count(self, filter: Filter = ()) -> int:
        """How many rows a filter matches; all of them without one."""
        statement = reads.count(self.model, filters.shape_of(filter))
        return database.read(*statement.bind(filters.values(filter)))[0][0]

    def estimate(self, filter: Filter = ()) -> int:
        """How many rows the planner expects a filter to match."""
        statement = reads.estimate(self.model, filters.shape_of(filter))
        [(plan,)] = database.read(*statement.bind(filters.values(filter)))
        return int(orjson.loads(plan)[0]["Plan"]["Plan Rows"])

    def create(self, values: Mapping[str, Any], shape: Shape = WHOLE_ROW) -> Row:
        """A new row of these values and the columns' defaults; raises Conflict, MissingReference."""
        row = {"id": new_id(), **values}
        [(json, version, new)] = database.write(*writes.insert(self.model, [row], ID, shape))
        return Row(json, version, new)

    def create_many(self, rows: Sequence[Mapping[str, Any]], shape: Shape = WHOLE_ROW) -> list[Row]:
        """New rows in the order given, by one statement; a fault in one has its index in the pointer."""
        return many.create(self.model, [{"id": new_id(), **row} for row in rows], shape)

    def upsert(self, values: Mapping[str, Any], query: Query) -> tuple[Row, Outcome]:
        """A new row, or the one that has its key: merged with these values if the query matches it, or left alone."""
        [(row, outcome)] = many.upsert(self.model, [values], query, indexed=False)
        return row, outcome

    def upsert_many(self, rows: Sequence[Mapping[str, Any]], query: Query) -> list[tuple[Row, Outcome]]:
        """For each row, in the order given, what `upsert` gives; those with the same kind of key take one statement."""
        return many.upsert(self.model, rows, query)

    def update(
        self,
        id: Id,
        values: Mapping[str, Any],
        *,
        rules: FieldRules = PLAIN,
        versions: Sequence[int] | None = None,
        filter: Filter = (),
        shape: Shape = WHOLE_ROW,
    ) -> Row:
        """The row after these values were written to it; without any it is left alone.

        Raises NotFound; Stale when the row has none of the versions;
        ConditionFailed when it does not match the filter; Conflict, MissingReference.
        """
        target = Target(id, versions, filter)
        if values:
            statement = writes.update_one(self.model, target.shape(), tuple(values), rules, shape)
            found = database.write(*statement.bind(target.values() | writes.new_values(self.model, values)))
        else:
            found = database.read(*reads.one(self.model, target.shape(), shape).bind(target.values()))
        if not found:
            self._refuse(id, filter, versions)
        json, version, *dropped = found[0]
        return Row(json, version, None, *dropped)

    def update_many(
        self, query: Query, values: Mapping[str, Any], rules: FieldRules = PLAIN
    ) -> tuple[int, bytes, Sequence[str]]:
        """How many rows a query chose and these values were written to, their JSON array if it asks for rows, and the
        keys that objects have lost by being replaced.

        Raises TooManyAffected, and then nothing is changed.
        """
        if not values:
            raise Invalid("The body names nothing to change. Send at least one field.")
        statement = writes.update_many(self.model, reads.shape_of(query), tuple(values), rules)
        bound = statement.bind(writes.values(query) | writes.new_values(self.model, values))
        [(matches, changed, rows, dropped)] = database.write(*bound)
        self._refuse_too_many(matches, query)
        if query.writing.return_rows and rows is None and changed:
            raise AnswerTooLarge(database.max_answer_bytes)
        return changed, rows or EMPTY, dropped or ()

    def increment(self, id: Id, amounts: Mapping[str, Any], shape: Shape = WHOLE_ROW) -> Row:
        """The row after these amounts were added to its numbers; raises NotFound, NotANumber."""
        if not amounts:
            raise Invalid("The body names nothing to add to. Send at least one number.")
        target = Target(id)
        statement = writes.increment_one(self.model, target.shape(), tuple(amounts), shape)
        return self._one(database.write(*statement.bind(target.values() | writes.new_values(self.model, amounts))), id)

    def delete(self, id: Id, *, versions: Sequence[int] | None = None, filter: Filter = ()) -> None:
        """Delete the row, and with it what cannot stand without it; raises NotFound, Stale, ConditionFailed."""
        target = Target(id, versions, filter)
        if not database.change(*writes.delete_one(self.model, target.shape()).bind(target.values())):
            self._refuse(id, filter, versions)

    def delete_many(self, query: Query) -> int:
        """How many rows a query chose and are gone; raises TooManyAffected, and then none is."""
        statement = writes.delete_many(self.model, reads.shape_of(query))
        [(matches, gone)] = database.write(*statement.bind(writes.values(query)))
        self._refuse_too_many(matches, query)
        return gone

    def _page(self, query: Query, more: int) -> list[tuple[Any, ...]]:
        return database.read(*reads.page(self.model, reads.shape_of(query)).bind(reads.values(query, more)))

    def _every(self, query: Query) -> Bound:
        return reads.every(self.model, reads.shape_of(query)).bind(reads.values(query))

    def _refuse(self, id: Id, filter: Filter, versions: Sequence[int] | None) -> NoReturn:
        """Say why a write that has a condition left its row alone."""
        row = self.get(id, filter=tuple(term for term in filter if _names_owner(term)))
        if not filter and (versions is None or row.version in versions):
            # It was made a moment after the write had looked for it.
            self._missing(id)
        if versions is not None and row.version not in versions:
            raise Stale(
                f"The {self.noun} is at version {row.version} now, and If-Match names another. `current` shows it.",
                row.json,
                row.version,
            )
        raise ConditionFailed(
            f"The {self.noun} does not match the condition, so it was left alone. `current` shows it as it is.",
            row.json,
            row.version,
        )

    def _refuse_too_many(self, matches: int, query: Query) -> None:
        if query.limit is None and matches > query.max_affected:
            raise TooManyAffected(
                f"More than {query.max_affected} {self.plural} match, so nothing was changed. Narrow the filter, raise "
                "max_affected, or go on in steps with limit."
            )

    def _one(self, found: list[tuple[Any, ...]], id: Id) -> Row:
        if not found:
            self._missing(id)
        return Row(*found[0])

    def _missing(self, id: Id) -> NoReturn:
        raise NotFound(f"There is no {self.noun} with the id {id}.")


def _names_owner(term: Condition | Either) -> bool:
    """Whether a term asks for one person's row: another's is not there for who asks."""
    return isinstance(term, Condition) and term.place.column == "user_id" and term.operator == "eq"
