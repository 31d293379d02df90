"""The entities: their rows as dictionaries, and their operations. Written by generate.py; do not edit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypedDict, Unpack

from flux_dao_client.calls import Filters
from flux_dao_client.collection import Collection, Found, Nothing, Number, Row, Rows, Sender
from flux_dao_client.references import Pending

Time = datetime | str


class User(TypedDict):
    """A row of User, as the service answers it."""

    id: str
    email: str
    onboarded: bool
    profile: dict[str, Any] | None
    notification_preferences: dict[str, Any] | None
    timezone: str
    phone_verified: bool
    whatsapp_opt_in_at: str | None
    push_subscription: dict[str, Any] | None
    monthly_token_usage: dict[str, Any] | None
    created_at: str
    updated_at: str
    version: int


class NewUser(TypedDict, total=False):
    """What a new row takes."""

    id: str
    email: Required[str]
    onboarded: bool
    profile: dict[str, Any] | None
    notification_preferences: dict[str, Any] | None
    timezone: str
    phone_verified: bool
    whatsapp_opt_in_at: Time | None
    push_subscription: dict[str, Any] | None
    monthly_token_usage: dict[str, Any] | None


class UserPatch(TypedDict, total=False):
    """What a change takes."""

    email: str
    onboarded: bool
    profile: dict[str, Any] | None
    notification_preferences: dict[str, Any] | None
    timezone: str
    phone_verified: bool
    whatsapp_opt_in_at: Time | None
    push_subscription: dict[str, Any] | None
    monthly_token_usage: dict[str, Any] | None


class Users(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /users."""

    def create(self, **values: Unpack[NewUser]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewUser],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[UserPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[UserPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[UserPatch]) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)

    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={"total": 120}`. Parallel calls add up."""
        return self._increment(id, amounts)


class Goal(TypedDict):
    """A row of Goal, as the service answers it."""

    id: str
    user_id: str
    title: str
    description: str | None
    class_tags: list[str] | None
    status: Literal["active", "completed", "abandoned", "pipeline"]
    parent_goal_id: str | None
    pipeline_order: int | None
    activated_at: str | None
    completed_at: str | None
    target_weeks: int
    plan_json: dict[str, Any] | None
    created_at: str
    updated_at: str
    version: int
    user: NotRequired[User | None]
    parent_goal: NotRequired[Goal | None]
    children: NotRequired[list[Goal]]
    task_counts: NotRequired[dict[str, Any]]
    children_truncated: NotRequired[bool]


class NewGoal(TypedDict, total=False):
    """What a new row takes."""

    id: str
    user_id: Required[str]
    title: Required[str]
    description: str | None
    class_tags: Sequence[str] | None
    status: Literal["active", "completed", "abandoned", "pipeline"]
    parent_goal_id: str | None
    pipeline_order: int | None
    activated_at: Time | None
    completed_at: Time | None
    target_weeks: int
    plan_json: dict[str, Any] | None


class GoalPatch(TypedDict, total=False):
    """What a change takes."""

    user_id: str
    title: str
    description: str | None
    class_tags: Sequence[str] | None
    status: Literal["active", "completed", "abandoned", "pipeline"]
    parent_goal_id: str | None
    pipeline_order: int | None
    activated_at: Time | None
    completed_at: Time | None
    target_weeks: int
    plan_json: dict[str, Any] | None


class Goals(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /goals."""

    def create(self, **values: Unpack[NewGoal]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewGoal],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[GoalPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[GoalPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[GoalPatch]) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)

    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={"total": 120}`. Parallel calls add up."""
        return self._increment(id, amounts)


class Task(TypedDict):
    """A row of Task, as the service answers it."""

    id: str
    user_id: str
    goal_id: str | None
    conversation_id: str | None
    title: str
    description: str | None
    status: Literal["pending", "done", "missed", "rescheduled", "cancelled"]
    scheduled_at: str | None
    duration_minutes: int | None
    trigger_type: Literal["time", "location"]
    location_trigger: str | None
    recurrence_rule: str | None
    canonical_scheduled_at: str | None
    class_tags: list[str] | None
    shared_with_goal_ids: list[str] | None
    escalation_policy: Literal["silent", "standard", "aggressive"]
    reminder_sent_at: str | None
    whatsapp_sent_at: str | None
    call_sent_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    version: int
    user: NotRequired[User | None]
    goal: NotRequired[Goal | None]
    conversation: NotRequired[Conversation | None]
    notification_log: NotRequired[list[NotificationLogEntry]]
    dispatch_log: NotRequired[list[DispatchLogEntry]]
    notification_log_truncated: NotRequired[bool]
    dispatch_log_truncated: NotRequired[bool]


class NewTask(TypedDict, total=False):
    """What a new row takes."""

    id: str
    user_id: Required[str]
    goal_id: str | None
    conversation_id: str | None
    title: Required[str]
    description: str | None
    status: Literal["pending", "done", "missed", "rescheduled", "cancelled"]
    scheduled_at: Time | None
    duration_minutes: int | None
    trigger_type: Literal["time", "location"]
    location_trigger: str | None
    recurrence_rule: str | None
    canonical_scheduled_at: Time | None
    class_tags: Sequence[str] | None
    shared_with_goal_ids: Sequence[str] | None
    escalation_policy: Literal["silent", "standard", "aggressive"]
    reminder_sent_at: Time | None
    whatsapp_sent_at: Time | None
    call_sent_at: Time | None
    completed_at: Time | None


class TaskPatch(TypedDict, total=False):
    """What a change takes."""

    user_id: str
    goal_id: str | None
    conversation_id: str | None
    title: str
    description: str | None
    status: Literal["pending", "done", "missed", "rescheduled", "cancelled"]
    scheduled_at: Time | None
    duration_minutes: int | None
    trigger_type: Literal["time", "location"]
    location_trigger: str | None
    recurrence_rule: str | None
    canonical_scheduled_at: Time | None
    class_tags: Sequence[str] | None
    shared_with_goal_ids: Sequence[str] | None
    escalation_policy: Literal["silent", "standard", "aggressive"]
    reminder_sent_at: Time | None
    whatsapp_sent_at: Time | None
    call_sent_at: Time | None
    completed_at: Time | None


class Tasks(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /tasks."""

    def create(self, **values: Unpack[NewTask]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewTask],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[TaskPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[TaskPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[TaskPatch]) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)

    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={"total": 120}`. Parallel calls add up."""
        return self._increment(id, amounts)


class Conversation(TypedDict):
    """A row of Conversation, as the service answers it."""

    id: str
    user_id: str
    langgraph_thread_id: str
    context_type: Literal["onboarding", "goal", "task", "reschedule", "voice", "general"]
    title: str | None
    last_message_at: str | None
    voice_session_id: str | None
    extracted_intent: str | None
    intent_payload: dict[str, Any] | None
    linked_goal_id: str | None
    linked_task_id: str | None
    ended_at: str | None
    duration_seconds: int | None
    created_at: str
    updated_at: str
    version: int
    user: NotRequired[User | None]
    linked_goal: NotRequired[Goal | None]
    linked_task: NotRequired[Task | None]
    messages: NotRequired[list[Message]]
    first_user_message: NotRequired[Message | None]
    last_message: NotRequired[Message | None]
    messages_truncated: NotRequired[bool]


class NewConversation(TypedDict, total=False):
    """What a new row takes."""

    id: str
    user_id: Required[str]
    langgraph_thread_id: Required[str]
    context_type: Required[Literal["onboarding", "goal", "task", "reschedule", "voice", "general"]]
    title: str | None
    last_message_at: Time | None
    voice_session_id: str | None
    extracted_intent: str | None
    intent_payload: dict[str, Any] | None
    linked_goal_id: str | None
    linked_task_id: str | None
    ended_at: Time | None
    duration_seconds: int | None


class ConversationPatch(TypedDict, total=False):
    """What a change takes."""

    context_type: Literal["onboarding", "goal", "task", "reschedule", "voice", "general"]
    title: str | None
    last_message_at: Time | None


class Conversations(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /conversations."""

    def create(self, **values: Unpack[NewConversation]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewConversation],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[ConversationPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[ConversationPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(
        self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[ConversationPatch]
    ) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)

    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={"total": 120}`. Parallel calls add up."""
        return self._increment(id, amounts)


class Message(TypedDict):
    """A row of Message, as the service answers it."""

    id: str
    conversation_id: str
    role: Literal["user", "assistant", "system", "function", "summary"]
    content: str
    input_modality: Literal["voice", "text"]
    metadata: dict[str, Any]
    agent_node: str | None
    tokens_used: int | None
    provider: str | None
    created_at: str
    updated_at: str
    version: int
    conversation: NotRequired[Conversation | None]


class NewMessage(TypedDict, total=False):
    """What a new row takes."""

    id: str
    conversation_id: Required[str]
    role: Required[Literal["user", "assistant", "system", "function", "summary"]]
    content: Required[str]
    input_modality: Literal["voice", "text"]
    metadata: dict[str, Any]
    agent_node: str | None
    tokens_used: int | None
    provider: str | None


class Messages(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /messages."""

    def create(self, **values: Unpack[NewMessage]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewMessage],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)


class Pattern(TypedDict):
    """A row of Pattern, as the service answers it."""

    id: str
    user_id: str
    pattern_type: str | None
    pattern_key: str | None
    description: str | None
    data: dict[str, Any] | None
    confidence: float | None
    created_at: str
    updated_at: str
    version: int
    user: NotRequired[User | None]


class NewPattern(TypedDict, total=False):
    """What a new row takes."""

    id: str
    user_id: Required[str]
    pattern_type: str | None
    pattern_key: str | None
    description: str | None
    data: dict[str, Any] | None
    confidence: float | None


class PatternPatch(TypedDict, total=False):
    """What a change takes."""

    user_id: str
    pattern_type: str | None
    pattern_key: str | None
    description: str | None
    data: dict[str, Any] | None
    confidence: float | None


class Patterns(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /patterns."""

    def create(self, **values: Unpack[NewPattern]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewPattern],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[PatternPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[PatternPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[PatternPatch]) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)

    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={"total": 120}`. Parallel calls add up."""
        return self._increment(id, amounts)


class NotificationLogEntry(TypedDict):
    """A row of NotificationLogEntry, as the service answers it."""

    id: str
    task_id: str
    channel: Literal["push", "whatsapp", "call"]
    external_id: str | None
    sent_at: str | None
    response: str | None
    responded_at: str | None
    created_at: str
    updated_at: str
    version: int
    task: NotRequired[Task | None]


class NewNotificationLogEntry(TypedDict, total=False):
    """What a new row takes."""

    id: str
    task_id: Required[str]
    channel: Required[Literal["push", "whatsapp", "call"]]
    external_id: str | None
    sent_at: Time | None
    response: str | None
    responded_at: Time | None


class NotificationLogEntryPatch(TypedDict, total=False):
    """What a change takes."""

    task_id: str
    channel: Literal["push", "whatsapp", "call"]
    external_id: str | None
    sent_at: Time | None
    response: str | None
    responded_at: Time | None


class NotificationLog(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /notification-log."""

    def create(self, **values: Unpack[NewNotificationLogEntry]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewNotificationLogEntry],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[NotificationLogEntryPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(
        self, where: Filters, *, replace: bool = False, **values: Unpack[NotificationLogEntryPatch]
    ) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(
        self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[NotificationLogEntryPatch]
    ) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)


class DispatchLogEntry(TypedDict):
    """A row of DispatchLogEntry, as the service answers it."""

    id: str
    task_id: str
    channel: Literal["push", "whatsapp", "call", "auto_miss"]
    status: Literal["pending", "dispatched", "failed"]
    dispatched_at: str | None
    error: str | None
    created_at: str
    updated_at: str
    version: int
    task: NotRequired[Task | None]


class NewDispatchLogEntry(TypedDict, total=False):
    """What a new row takes."""

    id: str
    task_id: Required[str]
    channel: Required[Literal["push", "whatsapp", "call", "auto_miss"]]
    status: Literal["pending", "dispatched", "failed"]
    dispatched_at: Time | None
    error: str | None


class DispatchLogEntryPatch(TypedDict, total=False):
    """What a change takes."""

    task_id: str
    channel: Literal["push", "whatsapp", "call", "auto_miss"]
    status: Literal["pending", "dispatched", "failed"]
    dispatched_at: Time | None
    error: str | None


class DispatchLog(Collection[Row, Rows, Found, Number, Nothing]):
    """The operations on /dispatch-log."""

    def create(self, **values: Unpack[NewDispatchLogEntry]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[NewDispatchLogEntry],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)

    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[DispatchLogEntryPatch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[DispatchLogEntryPatch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(
        self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[DispatchLogEntryPatch]
    ) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)


class Entities:
    """The operations of all entities, done at once."""

    def __init__(self, sender: Sender) -> None:
        self.users: Users[User, list[User], Iterator[User], int, None] = Users(sender, "/users")
        self.goals: Goals[Goal, list[Goal], Iterator[Goal], int, None] = Goals(sender, "/goals")
        self.tasks: Tasks[Task, list[Task], Iterator[Task], int, None] = Tasks(sender, "/tasks")
        self.conversations: Conversations[Conversation, list[Conversation], Iterator[Conversation], int, None] = (
            Conversations(sender, "/conversations")
        )
        self.messages: Messages[Message, list[Message], Iterator[Message], int, None] = Messages(sender, "/messages")
        self.patterns: Patterns[Pattern, list[Pattern], Iterator[Pattern], int, None] = Patterns(sender, "/patterns")
        self.notification_log: NotificationLog[
            NotificationLogEntry, list[NotificationLogEntry], Iterator[NotificationLogEntry], int, None
        ] = NotificationLog(sender, "/notification-log")
        self.dispatch_log: DispatchLog[
            DispatchLogEntry, list[DispatchLogEntry], Iterator[DispatchLogEntry], int, None
        ] = DispatchLog(sender, "/dispatch-log")


class AsyncEntities:
    """The operations of all entities, done when awaited."""

    def __init__(self, sender: Sender) -> None:
        self.users: Users[
            Awaitable[User], Awaitable[list[User]], AsyncIterator[User], Awaitable[int], Awaitable[None]
        ] = Users(sender, "/users")
        self.goals: Goals[
            Awaitable[Goal], Awaitable[list[Goal]], AsyncIterator[Goal], Awaitable[int], Awaitable[None]
        ] = Goals(sender, "/goals")
        self.tasks: Tasks[
            Awaitable[Task], Awaitable[list[Task]], AsyncIterator[Task], Awaitable[int], Awaitable[None]
        ] = Tasks(sender, "/tasks")
        self.conversations: Conversations[
            Awaitable[Conversation],
            Awaitable[list[Conversation]],
            AsyncIterator[Conversation],
            Awaitable[int],
            Awaitable[None],
        ] = Conversations(sender, "/conversations")
        self.messages: Messages[
            Awaitable[Message], Awaitable[list[Message]], AsyncIterator[Message], Awaitable[int], Awaitable[None]
        ] = Messages(sender, "/messages")
        self.patterns: Patterns[
            Awaitable[Pattern], Awaitable[list[Pattern]], AsyncIterator[Pattern], Awaitable[int], Awaitable[None]
        ] = Patterns(sender, "/patterns")
        self.notification_log: NotificationLog[
            Awaitable[NotificationLogEntry],
            Awaitable[list[NotificationLogEntry]],
            AsyncIterator[NotificationLogEntry],
            Awaitable[int],
            Awaitable[None],
        ] = NotificationLog(sender, "/notification-log")
        self.dispatch_log: DispatchLog[
            Awaitable[DispatchLogEntry],
            Awaitable[list[DispatchLogEntry]],
            AsyncIterator[DispatchLogEntry],
            Awaitable[int],
            Awaitable[None],
        ] = DispatchLog(sender, "/dispatch-log")


class BatchEntities:
    """The operations of all entities, done when the batch is sent."""

    def __init__(self, sender: Sender) -> None:
        self.users: Users[Pending, Pending, Pending, Pending, Pending] = Users(sender, "/users")
        self.goals: Goals[Pending, Pending, Pending, Pending, Pending] = Goals(sender, "/goals")
        self.tasks: Tasks[Pending, Pending, Pending, Pending, Pending] = Tasks(sender, "/tasks")
        self.conversations: Conversations[Pending, Pending, Pending, Pending, Pending] = Conversations(
            sender, "/conversations"
        )
        self.messages: Messages[Pending, Pending, Pending, Pending, Pending] = Messages(sender, "/messages")
        self.patterns: Patterns[Pending, Pending, Pending, Pending, Pending] = Patterns(sender, "/patterns")
        self.notification_log: NotificationLog[Pending, Pending, Pending, Pending, Pending] = NotificationLog(
            sender, "/notification-log"
        )
        self.dispatch_log: DispatchLog[Pending, Pending, Pending, Pending, Pending] = DispatchLog(
            sender, "/dispatch-log"
        )
