"""Natural keys: by what a row is recognised that a caller wants to insert or update."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from peewee import Select, fn

from app import models
from app.database import database
from app.database.statements import compiled, parameter
from app.errors import Invalid
from app.repositories.columns import Model

OPEN = ("pipeline", "active")
LOWER = compiled(Select(columns=[fn.lower(parameter("text"))]))


class Key(NamedTuple):
    """The columns of a unique index, and of a partial one the condition as SQL.

    `covers` is that condition for a new row's values; `when` tells it to people. In `without_case` are the columns
    whose texts are the same in any case.
    """

    columns: tuple[str, ...]
    where: str | None = None
    covers: Callable[[Mapping[str, Any]], bool] = lambda row: True
    when: str = ""
    without_case: tuple[str, ...] = ()

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a new row of these values has this key."""
        return all(row.get(column) is not None for column in self.columns) and self.covers(row)

    def values(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The key of a row as texts, to compare it with what the database gives."""
        return self.compared([str(row[column]) for column in self.columns])

    def compared(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The texts of a key, such that those of one row are the same."""
        if not self.without_case:
            return tuple(texts)
        named = zip(self.columns, texts, strict=True)
        return tuple(_lower(text) if column in self.without_case else text for column, text in named)


@lru_cache(maxsize=1000)
def _lower(text: str) -> str:
    """The text in lower case as the database has it, which beyond ASCII differs from Python's for some signs."""
    return text.lower() if text.isascii() else database.read(*LOWER.bind({"text": text}))[0][0]


ID = Key(("id",))
# A unique index that holds for some rows only is no key before it is said here of which. All of a key's columns have
# values, so no more need be said of one that asks for that.
OF_SOME_ROWS: dict[tuple[str, ...], dict[str, Any]] = {
    ("user_id", "pipeline_order"): {
        "covers": lambda row: row.get("status", "active") in OPEN,
        "when": " (of a goal whose status is pipeline or active)",
    },
    ("user_id", "pattern_type", "pattern_key"): {},
    ("user_id", "pattern_key"): {
        "covers": lambda row: row.get("pattern_type") is None,
        "when": " (without a pattern_type)",
    },
}


def _keys(model: Model) -> tuple[Key, ...]:
    columns = model._meta.columns.items()
    without_case = tuple(name for name, field in columns if isinstance(field, models.TextWithoutCase))
    return tuple(
        Key(index.key, index.rows, without_case=without_case, **OF_SOME_ROWS.get(index.key, {}))
        for index in model._meta.indexes
        if index.key and (index.rows is None or index.key in OF_SOME_ROWS)
    )


NATURAL_KEYS = {model: _keys(model) for model in models.ENTITIES.values()}


def key_of(model: Model, row: Mapping[str, Any]) -> Key:
    """The key that these values have: the id when they give one, else a natural one. Raises Invalid."""
    if row.get("id") is not None:
        return ID
    for key in NATURAL_KEYS[model]:
        if key.is_of(row):
            return key
    raise Invalid(_missing(model))


def key_with(model: Model, columns: Sequence[str]) -> Key:
    """The key that has these columns, as a violated constraint names them."""
    known = (key for key in NATURAL_KEYS[model] if key.columns == tuple(columns))
    return next(known, Key(tuple(columns)))


def in_words(table: str) -> list[str]:
    """The natural keys of a table's rows, such as `user_id + pipeline_order`, with when they hold."""
    return [" + ".join(key.columns) + key.when for key in NATURAL_KEYS[models.ENTITIES[table]]]


def _missing(model: Model) -> str:
    keys = NATURAL_KEYS[model]
    if not keys:
        return "An upsert needs an id in the body: it is the only key that rows of this kind have."
    return f"An upsert needs a key in the body: {' and '.join(keys[0].columns)}{keys[0].when}, or an id."
