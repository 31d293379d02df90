"""Natural keys: by what a row is recognised that a caller wants to insert or update."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.errors import Invalid


class Key(NamedTuple):
    """The columns of a unique index, and the condition of a partial one, in which `{row}` stands before a column."""

    columns: tuple[str, ...]
    where: str = ""

    def values(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The key of a row as texts, to compare it with what the database gives."""
        return tuple(str(row[column]) for column in self.columns)


ID = Key(("id",))
PATTERN = Key(("user_id", "pattern_type", "pattern_key"), "{row}pattern_key IS NOT NULL")
PATTERN_WITHOUT_TYPE = Key(("user_id", "pattern_key"), "{row}pattern_key IS NOT NULL AND {row}pattern_type IS NULL")
NATURAL_KEYS: dict[str, tuple[Key, ...]] = {
    "users": (Key(("email",)),),
    "conversations": (Key(("langgraph_thread_id",)),),
    "goals": (Key(("user_id", "pipeline_order"), "{row}status IN ('pipeline', 'active')"),),
    "patterns": (PATTERN, PATTERN_WITHOUT_TYPE),
    "notification_log": (Key(("external_id",)),),
}


def key_of(table: str, row: Mapping[str, Any]) -> Key:
    """The key that these values have: the id when they give one, else a natural one. Raises Invalid."""
    if row.get("id") is not None:
        return ID
    for key in NATURAL_KEYS.get(table, ()):
        if all(row.get(column) is not None for column in key.columns):
            return key
    raise Invalid(_missing(table))


def _missing(table: str) -> str:
    keys = NATURAL_KEYS.get(table)
    if not keys:
        return "An upsert needs an id in the body: it is the only key that rows of this kind have."
    return f"An upsert needs a key in the body: {' and '.join(keys[0].columns)}, or an id."
