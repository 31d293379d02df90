"""How the tables refer to each other, as plain data: what a path, an expansion or an `exists` may name."""

from typing import NamedTuple


class Reverse(NamedTuple):
    """What points here: rows of `table` by their `column`."""

    table: str
    column: str


# The reference `goal` is the column `goal_id`.
REFERENCES: dict[str, dict[str, str]] = {
    "users": {},
    "goals": {"user": "users", "parent_goal": "goals"},
    "tasks": {"user": "users", "goal": "goals", "conversation": "conversations"},
    "conversations": {"user": "users", "linked_goal": "goals", "linked_task": "tasks"},
    "messages": {"conversation": "conversations"},
    "patterns": {"user": "users"},
    "notification_log": {"task": "tasks"},
    "dispatch_log": {"task": "tasks"},
}

REVERSE: dict[str, dict[str, Reverse]] = {
    "users": {
        "goals": Reverse("goals", "user_id"),
        "tasks": Reverse("tasks", "user_id"),
        "conversations": Reverse("conversations", "user_id"),
        "patterns": Reverse("patterns", "user_id"),
    },
    "goals": {
        "tasks": Reverse("tasks", "goal_id"),
        "children": Reverse("goals", "parent_goal_id"),
        "conversations": Reverse("conversations", "linked_goal_id"),
    },
    "tasks": {
        "notification_log": Reverse("notification_log", "task_id"),
        "dispatch_log": Reverse("dispatch_log", "task_id"),
        "conversations": Reverse("conversations", "linked_task_id"),
    },
    "conversations": {"messages": Reverse("messages", "conversation_id"), "tasks": Reverse("tasks", "conversation_id")},
    "messages": {},
    "patterns": {},
    "notification_log": {},
    "dispatch_log": {},
}

# What may be expanded beside references: lists of what points here, one of its rows, or a count.
LISTS = {"goals": ("children",), "conversations": ("messages",), "tasks": ("notification_log", "dispatch_log")}
MESSAGES_OF_A_CONVERSATION = ("first_user_message", "last_message")
TASK_COUNTS = "task_counts"


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
