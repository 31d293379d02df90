"""What a path, an expansion or an `exists` may name: how the tables refer to each other, by the models' fields."""

from app.models import REFERENCES as REFERENCES
from app.models import REVERSE as REVERSE
from app.query.model import TABLES_OF_GROUPS, Query, Shape, conditions

# How many references a path may lead over, and how deep expansions may be in one another.
MAX_REFERENCES = 2

# What may be expanded beside references: lists of what points here, one of its rows, or a count.
LISTS = {"goals": ("children",), "conversations": ("messages",), "tasks": ("notification_log", "dispatch_log")}
MESSAGES_OF_A_CONVERSATION = ("first_user_message", "last_message")
TASK_COUNTS = "task_counts"
# By table the names that can be expanded in its rows, each with the table whose rows it shows; None for counts.
EXPANSIONS: dict[str, dict[str, str | None]] = {
    table: {**references, **{name: REVERSE[table][name] for name in LISTS.get(table, ())}}
    for table, references in REFERENCES.items()
}
EXPANSIONS["conversations"] |= dict.fromkeys(MESSAGES_OF_A_CONVERSATION, "messages")
EXPANSIONS["goals"][TASK_COUNTS] = None


def tables_beside(table: str, query: Query) -> set[str]:
    """The tables into which a query for rows of this table looks beside it."""
    found = _tables_shown(table, query.shape)
    for condition in conditions(query.where):
        target = table
        for name in condition.place.references:
            target = REFERENCES[target][name]
            found.add(target)
        if condition.operator == "exists":
            found.add(REVERSE[table][condition.place.column])
    groups = query.grouping.by if query.grouping else ()
    return found | {TABLES_OF_GROUPS[name] for name in groups if name in TABLES_OF_GROUPS}


def _tables_shown(table: str, shape: Shape) -> set[str]:
    found: set[str] = set()
    for each in shape.expansions:
        # Counts, which show no rows, are of tasks.
        target = EXPANSIONS[table][each.name] or "tasks"
        found |= {target} | _tables_shown(target, each.shape)
    return found
