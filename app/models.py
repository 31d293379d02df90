"""The tables, side by side: columns, references, indexes. Defaults and checks are the migrations' alone."""

from typing import Any, ClassVar

from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DeferredForeignKey,
    DoubleField,
    ForeignKeyField,
    Index,
    IntegerField,
    JSONField,
    Model,
    TextField,
    UUIDField,
)
from playhouse.postgres_ext import ArrayField, DateTimeTZField

from app.database.connection import database


class TextWithoutCase(TextField):
    """A text that is stored as it came, and unique and compared without case: by lower(column)."""


class ReferencesField(ArrayField):
    """A list of ids of rows of another table."""

    def __init__(self, model: type[Model], **options: Any) -> None:
        super().__init__(UUIDField, index=False, **options)
        self.rel_model = model


class NamedIndex(Index):
    """An index as SQL writes it. Of a unique one `key` are the columns, and `rows` the condition if it is partial."""

    key: tuple[str, ...] | None = None
    rows: str | None = None


def index(table: str, name: str, columns: str, *, where: str | None = None, using: str | None = None) -> NamedIndex:
    """The index <table>_<name> on columns as SQL writes them."""
    made = NamedIndex(f"{table}_{name}", table, [SQL(columns)], using=using)
    return made.where(SQL(where)) if where else made


def unique(table: str, *key: str, on: str | None = None, where: str | None = None) -> NamedIndex:
    """The unique index <table>_<column>__<column>_key on these columns, or `on` an expression of them.

    By its name database/failures.py tells a caller the columns.
    """
    made = NamedIndex(f"{table}_{'__'.join(key)}_key", table, [SQL(on or ", ".join(key))], unique=True)
    made.key, made.rows = key, where
    return made.where(SQL(where)) if where else made


class Row(Model):
    """What every table has. The database sets all of it but `id`, at the INSERT and in a trigger at each UPDATE.

    `row_order` grows with each row that is stored and settles ties; rows do not show it.
    `purgeable` marks what grows with every day, and to whose rows nothing refers: `flask purge` may remove old ones.
    """

    purgeable: ClassVar[bool] = False

    id = UUIDField(primary_key=True)
    row_order = BigIntegerField()
    created_at = DateTimeTZField()
    updated_at = DateTimeTZField()
    version = IntegerField()

    class Meta:
        database = database
        legacy_table_names = False


class User(Row):
    """A person."""

    email = TextWithoutCase()
    onboarded = BooleanField()
    profile = JSONField(null=True)
    notification_preferences = JSONField(null=True)
    timezone = TextField()
    phone_verified = BooleanField()
    whatsapp_opt_in_at = DateTimeTZField(null=True)
    push_subscription = JSONField(null=True)
    monthly_token_usage = JSONField(null=True)

    class Meta:
        table_name = "users"
        indexes = (
            unique("users", "email", on="lower(email)"),
            index("users", "newest", "created_at, row_order"),
            index("users", "by_phone", "(regexp_replace(notification_preferences ->> 'phone_number', '\\D', '', 'g'))"),
        )


class Goal(Row):
    """What a person wants to reach; one of a pipeline when it has an order."""

    user = ForeignKeyField(User, backref="goals", on_delete="CASCADE", index=False)
    title = TextField()
    description = TextField(null=True)
    class_tags = ArrayField(TextField, null=True, index=False)
    status = TextField()
    parent_goal = ForeignKeyField("self", backref="children", null=True, on_delete="SET NULL", index=False)
    pipeline_order = IntegerField(null=True)
    activated_at = DateTimeTZField(null=True)
    completed_at = DateTimeTZField(null=True)
    target_weeks = IntegerField()
    plan_json = JSONField(null=True)

    class Meta:
        table_name = "goals"
        indexes = (
            unique("goals", "user_id", "pipeline_order", where="status IN ('pipeline', 'active')"),
            index("goals", "newest", "created_at, row_order"),
            index("goals", "by_user_and_status", "user_id, status, pipeline_order"),
            index("goals", "by_parent", "parent_goal_id"),
        )


class Conversation(Row):
    """A chat or a voice session with a person."""

    user = ForeignKeyField(User, backref="conversations", on_delete="CASCADE", index=False)
    langgraph_thread_id = TextField()
    context_type = TextField()
    title = TextField(null=True)
    last_message_at = DateTimeTZField(null=True)
    voice_session_id = TextField(null=True)
    extracted_intent = TextField(null=True)
    intent_payload = JSONField(null=True)
    linked_goal = ForeignKeyField(Goal, backref="conversations", null=True, on_delete="SET NULL", index=False)
    linked_task = DeferredForeignKey(
        "Task",
        backref="conversations",
        null=True,
        on_delete="SET NULL",
        index=False,
        constraint_name="conversations_linked_task_id_fkey",
    )
    ended_at = DateTimeTZField(null=True)
    duration_seconds = IntegerField(null=True)

    class Meta:
        table_name = "conversations"
        indexes = (
            unique("conversations", "langgraph_thread_id"),
            index("conversations", "newest", "created_at, row_order"),
            index("conversations", "by_user_and_recency", "user_id, last_message_at, row_order"),
            index("conversations", "by_voice_session", "voice_session_id", where="voice_session_id IS NOT NULL"),
            index("conversations", "by_linked_goal", "linked_goal_id"),
            index("conversations", "by_linked_task", "linked_task_id"),
        )


class Task(Row):
    """Something a person is to do, and when."""

    user = ForeignKeyField(User, backref="tasks", on_delete="CASCADE", index=False)
    goal = ForeignKeyField(Goal, backref="tasks", null=True, on_delete="SET NULL", index=False)
    conversation = ForeignKeyField(Conversation, backref="tasks", null=True, on_delete="SET NULL", index=False)
    title = TextField()
    description = TextField(null=True)
    status = TextField()
    scheduled_at = DateTimeTZField(null=True)
    duration_minutes = IntegerField(null=True)
    trigger_type = TextField()
    location_trigger = TextField(null=True)
    recurrence_rule = TextField(null=True)
    canonical_scheduled_at = DateTimeTZField(null=True)
    class_tags = ArrayField(TextField, null=True, index=False)
    shared_with_goal_ids = ReferencesField(Goal, null=True)
    escalation_policy = TextField()
    reminder_sent_at = DateTimeTZField(null=True)
    whatsapp_sent_at = DateTimeTZField(null=True)
    call_sent_at = DateTimeTZField(null=True)
    completed_at = DateTimeTZField(null=True)

    class Meta:
        table_name = "tasks"
        indexes = (
            index("tasks", "newest", "created_at, row_order"),
            index("tasks", "by_user_and_time", "user_id, scheduled_at, row_order"),
            index("tasks", "by_user_and_creation", "user_id, created_at"),
            index("tasks", "by_user_and_status", "user_id, status, scheduled_at, row_order"),
            index("tasks", "pending", "scheduled_at, row_order", where="status = 'pending'"),
            index("tasks", "by_goal", "goal_id"),
            index("tasks", "by_conversation", "conversation_id"),
            index("tasks", "by_shared_goal", "shared_with_goal_ids", using="gin"),
        )


class Message(Row):
    """One turn of a conversation."""

    purgeable = True

    conversation = ForeignKeyField(Conversation, backref="messages", on_delete="CASCADE", index=False)
    role = TextField()
    content = TextField()
    input_modality = TextField()
    metadata = JSONField()
    agent_node = TextField(null=True)
    tokens_used = IntegerField(null=True)
    provider = TextField(null=True)

    class Meta:
        table_name = "messages"
        indexes = (
            index("messages", "transcript", "conversation_id, created_at, row_order"),
            index("messages", "newest", "created_at, row_order"),
        )


class Pattern(Row):
    """A habit that the Observer has seen in what a person does."""

    user = ForeignKeyField(User, backref="patterns", on_delete="CASCADE", index=False)
    pattern_type = TextField(null=True)
    pattern_key = TextField(null=True)
    description = TextField(null=True)
    data = JSONField(null=True)
    confidence = DoubleField(null=True)

    class Meta:
        table_name = "patterns"
        indexes = (
            unique("patterns", "user_id", "pattern_type", "pattern_key", where="pattern_key IS NOT NULL"),
            # In a unique index null differs from null, and a pattern may have a key without a type.
            unique("patterns", "user_id", "pattern_key", where="pattern_key IS NOT NULL AND pattern_type IS NULL"),
            index("patterns", "newest", "updated_at, row_order"),
            index("patterns", "by_user", "user_id"),
        )


class NotificationLogEntry(Row):
    """One notification that went out for a task, and what came back."""

    purgeable = True

    task = ForeignKeyField(Task, backref="notification_log", on_delete="CASCADE", index=False)
    channel = TextField()
    external_id = TextField(null=True)
    sent_at = DateTimeTZField(null=True)
    response = TextField(null=True)
    responded_at = DateTimeTZField(null=True)

    class Meta:
        table_name = "notification_log"
        indexes = (
            unique("notification_log", "external_id"),
            index("notification_log", "by_sending", "sent_at, row_order"),
            index("notification_log", "by_age", "created_at, row_order"),
            index("notification_log", "by_task", "task_id"),
        )


class DispatchLogEntry(Row):
    """One attempt to reach a person about a task: recorded before it is made, and again when it is over."""

    purgeable = True

    task = ForeignKeyField(Task, backref="dispatch_log", on_delete="CASCADE", index=False)
    channel = TextField()
    status = TextField()
    dispatched_at = DateTimeTZField(null=True)
    error = TextField(null=True)

    class Meta:
        table_name = "dispatch_log"
        indexes = (
            index("dispatch_log", "newest", "created_at, row_order"),
            index("dispatch_log", "by_task", "task_id"),
            index("dispatch_log", "open", "status, created_at, row_order", where="status <> 'dispatched'"),
        )


class IdempotencyKey(Model):
    """The answer to a request that may be repeated, until it expires."""

    caller = TextField()
    key = TextField()
    request = BlobField()
    status = IntegerField()
    headers = JSONField()
    body = BlobField()
    expires_at = DateTimeTZField()

    class Meta:
        database = database
        table_name = "idempotency_keys"
        primary_key = CompositeKey("caller", "key")
        indexes = (index("idempotency_keys", "by_expiry", "expires_at"),)


class ApiKey(Model):
    """A caller's key: of the key itself only SHA-256. No entity of the API; `flask keys` writes it."""

    id = UUIDField(primary_key=True)
    name = TextField()
    digest = BlobField()
    scopes = ArrayField(TextField, index=False)
    created_at = DateTimeTZField()
    expires_at = DateTimeTZField(null=True)
    replaced_at = DateTimeTZField(null=True)
    revoked_at = DateTimeTZField(null=True)
    last_used_at = DateTimeTZField(null=True)

    class Meta:
        database = database
        table_name = "api_keys"
        indexes = (
            unique("api_keys", "digest"),
            unique("api_keys", "name", where="replaced_at IS NULL AND revoked_at IS NULL"),
        )


class MendedRow(Model):
    """A row of an older program's database as it was before `flask db upgrade --mend` changed it."""

    table = TextField()
    id = UUIDField()
    row = JSONField()
    rule = TextField()
    at = DateTimeTZField()

    class Meta:
        database = database
        table_name = "mended_rows"
        primary_key = CompositeKey("table", "id", "rule", "at")


# What the service keeps for itself.
INTERNAL: list[type[Model]] = [IdempotencyKey, ApiKey, MendedRow]


# The entities by their tables, and how they refer to each other: the reference `goal` is the column `goal_id`.
ENTITIES: dict[str, type[Row]] = {model._meta.table_name: model for model in Row.__subclasses__()}
REFERENCES: dict[str, dict[str, str]] = {
    table: {field.name: other._meta.table_name for field, other in model._meta.refs.items()}
    for table, model in ENTITIES.items()
}
# What points to the rows of each table: by the name that the reference gives it, its table.
REVERSE: dict[str, dict[str, str]] = {
    table: {field.backref: other._meta.table_name for field, other in model._meta.backrefs.items()}
    for table, model in ENTITIES.items()
}
