"""What a path, an expansion or an `exists` may name: how the tables refer to each other, by the models' fields."""

from collections.abc import Sequence

from app.models import REFERENCES, REVERSE
from app.query.model import Shape

# How many references a path may lead over, and how deep expansions may be in one another.
MAX_REFERENCES = 2

# What may be expanded beside references: lists of what points here, one of its rows, or a count.
LISTS = {"goals": ("children",), "conversations": ("messages",), "tasks": ("notification_log", "dispatch_log")}
MESSAGES_OF_A_CONVERSATION = ("first_user_message", "last_message")
TASK_COUNTS = "task_counts"

__all__ = [
    "LISTS",
    "MAX_REFERENCES",
    "MESSAGES_OF_A_CONVERSATION",
    "REFERENCES",
    "REVERSE",
    "TASK_COUNTS",
    "expansions_of",
    "table_of_expansion",
    "tables_along",
    "tables_shown",
]


def table_of_expansion(table: str, name: str) -> str | None:
    """The table whose rows an expansion shows; None for counts. Raises KeyError for a name that is none."""
    if name in REFERENCES[table]:
        return REFERENCES[table][name]
    if name in LISTS.get(table, ()):
        return REVERSE[table][name].table
    if table == "conversations" and name in MESSAGES_OF_A_CONVERSATION:
        return "messages"
    if table == "goals" and name == TASK_COUNTS:
        return None
    raise KeyError(name)


def expansions_of(table: str) -> list[str]:
    """The names that can be expanded in a row of this table."""
    names = [*REFERENCES[table], *LISTS.get(table, ())]
    if table == "conversations":
        names += MESSAGES_OF_A_CONVERSATION
    if table == "goals":
        names.append(TASK_COUNTS)
    return names


def tables_along(table: str, references: Sequence[str]) -> list[str]:
    """The tables to which these references lead, one after the other."""
    tables = [table]
    for name in references:
        tables.append(REFERENCES[tables[-1]][name])
    return tables[1:]


def tables_shown(table: str, shape: Shape) -> set[str]:
    """The tables into which a shape of this table's rows looks."""
    found: set[str] = set()
    for each in shape.expansions:
        # Counts, which show no rows, are of tasks.
        there = table_of_expansion(table, each.name) or "tasks"
        found |= {there} | tables_shown(there, each.shape)
    return found
