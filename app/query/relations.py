"""What a path, an expansion or an `exists` may name: how the tables refer to each other, by the models' fields."""

from app.models import REFERENCES, REVERSE

# What may be expanded beside references: lists of what points here, one of its rows, or a count.
LISTS = {"goals": ("children",), "conversations": ("messages",), "tasks": ("notification_log", "dispatch_log")}
MESSAGES_OF_A_CONVERSATION = ("first_user_message", "last_message")
TASK_COUNTS = "task_counts"

__all__ = [
    "LISTS",
    "MESSAGES_OF_A_CONVERSATION",
    "REFERENCES",
    "REVERSE",
    "TASK_COUNTS",
    "expansions_of",
    "table_of_expansion",
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
