"""Which database this is, by its tables and columns: an empty one, ours, an older Flux program's, or another's."""

from dataclasses import dataclass
from typing import Literal

from app import models
from app.database import atomic, database, migrations
from app.upgrades import catalog, log

Kind = Literal["empty", "ours", "existing", "foreign"]

COMMON = {
    "users": {
        "id": "uuid",
        "email": "text",
        "created_at": "timestamp with time zone",
        "onboarded": "boolean",
        "profile": "jsonb",
        "notification_preferences": "jsonb",
    },
    "goals": {
        "id": "uuid",
        "user_id": "uuid",
        "title": "text",
        "description": "text",
        "class_tags": "text[]",
        "status": "text",
        "parent_goal_id": "uuid",
        "pipeline_order": "integer",
        "created_at": "timestamp with time zone",
        "activated_at": "timestamp with time zone",
        "completed_at": "timestamp with time zone",
        "target_weeks": "integer",
        "plan_json": "jsonb",
    },
    "tasks": {
        "id": "uuid",
        "user_id": "uuid",
        "goal_id": "uuid",
        "title": "text",
        "description": "text",
        "status": "text",
        "scheduled_at": "timestamp with time zone",
        "duration_minutes": "integer",
        "trigger_type": "text",
        "location_trigger": "text",
        "reminder_sent_at": "timestamp with time zone",
        "whatsapp_sent_at": "timestamp with time zone",
        "call_sent_at": "timestamp with time zone",
        "completed_at": "timestamp with time zone",
        "recurrence_rule": "text",
        "shared_with_goal_ids": "uuid[]",
        "created_at": "timestamp with time zone",
    },
    "conversations": {
        "id": "uuid",
        "user_id": "uuid",
        "langgraph_thread_id": "text",
        "context_type": "text",
        "created_at": "timestamp with time zone",
        "last_message_at": "timestamp with time zone",
    },
    "messages": {
        "id": "uuid",
        "conversation_id": "uuid",
        "role": "text",
        "content": "text",
        "metadata": "jsonb",
        "created_at": "timestamp with time zone",
    },
    "patterns": {
        "id": "uuid",
        "user_id": "uuid",
        "pattern_type": "text",
        "description": "text",
        "data": "jsonb",
        "confidence": "double precision",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
    "notification_log": {
        "id": "uuid",
        "task_id": "uuid",
        "channel": "text",
        "sent_at": "timestamp with time zone",
        "response": "text",
        "responded_at": "timestamp with time zone",
    },
}
# What each generation has besides.
GENERATIONS = {
    "B": {
        "users": {"timezone": "text", "phone_verified": "boolean"},
        "tasks": {"class_tags": "text[]", "escalation_policy": "text", "conversation_id": "uuid"},
        "conversations": {"title": "text"},
        "messages": {"agent_node": "text", "tokens_used": "integer", "provider": "text"},
        "patterns": {"pattern_key": "text"},
        "notification_log": {"external_id": "text"},
        "dispatch_log": {"id": "uuid", "task_id": "uuid", "channel": "text", "status": "text"},
    },
    "A": {
        "conversations": {"voice_session_id": "text", "extracted_intent": "text", "intent_payload": "jsonb"},
        "messages": {"input_modality": "text"},
    },
}
# Whether a history of migrations is there, and whether it has the form of ours.
HISTORY = """
SELECT to_regclass(%(name)s) IS NOT NULL,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%(name)s) AND attname = 'name')
"""
# A table, view or the like of one of these names stands in the way of a new installation.
NAMES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
)


@dataclass(frozen=True)
class Found:
    """What a database is; `generation` is A or B where older programs made it, `sentence` says so and what to do."""

    kind: Kind
    sentence: str
    generation: str | None = None


def recognize() -> Found:
    """Which database this is. Reads the catalogue, and changes nothing."""
    [(has_history, of_our_form)] = database.read(HISTORY, {"name": f"public.{migrations.TABLE}"})
    if of_our_form and migrations.applied() & set(migrations.names()):
        if taken_over := log.taken_over():
            sentence = f"A database of this service, taken over from an older program's of generation {taken_over[0]}."
            return Found("ours", sentence, taken_over[0])
        return Found("ours", "A database of this service.")
    with atomic():
        present = {name for (name,) in database.read(NAMES)}
        tables = catalog.tables("public")
    names = {*models.ENTITIES, *(model._meta.table_name for model in models.INTERNAL)}
    in_the_way = sorted(present & names) + [migrations.TABLE] * (has_history and not of_our_form)
    if not in_the_way:
        return Found("empty", "A database without tables of Flux. Run flask db upgrade.")
    differences = {generation: _difference(generation, tables) for generation in GENERATIONS}
    for generation, difference in differences.items():
        if difference is None:
            return Found(
                "existing",
                f"An existing Flux database of generation {generation}. Run flask db upgrade --dry-run to see what "
                "taking it over changes, then flask db upgrade.",
                generation,
            )
    return Found(
        "foreign",
        f"A database of another program: it has {_listed(in_the_way)}, but {differences['A']}. Nothing was touched. "
        "Name another database in DATABASE_URL, or an empty one.",
    )


def tables_of(generation: str) -> list[str]:
    """The names of the tables that the generation has."""
    return list(COMMON | GENERATIONS[generation])


def _difference(generation: str, tables: dict[str, catalog.Table]) -> str | None:
    """The first thing in which the tables are not those of the generation, as a clause; None when they are."""
    for part in (COMMON, GENERATIONS[generation]):
        for name, columns in part.items():
            if name not in tables:
                return f"no table {name}"
            for column, wanted in columns.items():
                found = tables[name].columns.get(column)
                if found is None:
                    return f"{name} has no column {column}"
                if found.type != wanted:
                    return f"{name}.{column} is {found.type}, and not {wanted}"
    return None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
