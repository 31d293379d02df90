"""Which database this is, by its tables' and columns' names: an empty one, ours, an older Flux program's, another's."""

from dataclasses import dataclass
from typing import Literal

from app import models
from app.database import database, migrations
from app.upgrades import log

Kind = Literal["empty", "ours", "existing", "foreign"]

# The columns that the older programs' tables have, both generations', and then what each has besides. Their types are
# compared when the database is taken over.
COMMON = {
    "users": "id email created_at onboarded profile notification_preferences",
    "goals": "id user_id title description class_tags status parent_goal_id pipeline_order created_at activated_at"
    " completed_at target_weeks plan_json",
    "tasks": "id user_id goal_id title description status scheduled_at duration_minutes trigger_type location_trigger"
    " reminder_sent_at whatsapp_sent_at call_sent_at completed_at recurrence_rule shared_with_goal_ids created_at",
    "conversations": "id user_id langgraph_thread_id context_type created_at last_message_at",
    "messages": "id conversation_id role content metadata created_at",
    "patterns": "id user_id pattern_type description data confidence created_at updated_at",
    "notification_log": "id task_id channel sent_at response responded_at",
}
GENERATIONS = {
    "B": {
        "users": "timezone phone_verified",
        "tasks": "class_tags escalation_policy conversation_id",
        "conversations": "title",
        "messages": "agent_node tokens_used provider",
        "patterns": "pattern_key",
        "notification_log": "external_id",
        "dispatch_log": "id task_id channel status",
    },
    "A": {"conversations": "voice_session_id extracted_intent intent_payload", "messages": "input_modality"},
}
# Whether a history of migrations is there, and whether it has the form of ours.
HISTORY = """
SELECT to_regclass(%(name)s) IS NOT NULL,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%(name)s) AND attname = 'name')
"""
# A table, view or the like of one of these names stands in the way of a new installation.
RELATIONS = """
SELECT c.relname::text, array_agg(a.attname::text) FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') GROUP BY c.oid
"""


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
    present: dict[str, list[str]] = dict(database.read(RELATIONS))
    names = {*models.ENTITIES, *(model._meta.table_name for model in models.INTERNAL)}
    in_the_way = sorted(present.keys() & names) + [migrations.TABLE] * (has_history and not of_our_form)
    if not in_the_way:
        return Found("empty", "A database without tables of Flux. Run flask db upgrade.")
    differences = {generation: _difference(generation, present) for generation in GENERATIONS}
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
        f"A database of another program: it has {', '.join(in_the_way)}, but {differences['A']}. Nothing was touched. "
        "Name another database in DATABASE_URL, or an empty one.",
    )


def tables_of(generation: str) -> list[str]:
    """The names of the tables that the generation has."""
    return list(COMMON | GENERATIONS[generation])


def _difference(generation: str, present: dict[str, list[str]]) -> str | None:
    """The first thing that the generation has and the database has not, as a clause; None when it has all."""
    for name, columns in [*COMMON.items(), *GENERATIONS[generation].items()]:
        if name not in present:
            return f"no table {name}"
        for column in columns.split():
            if column not in present[name]:
                return f"{name} has no column {column}"
    return None
