"""Realistic data from a seed: people, what they want, what they did about it, and what they said."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Table = tuple[str, Sequence[str], Iterator[Sequence[Any]]]

FIRST_NAMES = ("Ada", "Ben", "Chiara", "Dmitri", "Elif", "Fatima", "Goran", "Hana", "Idris", "Jun", "Kofi", "Leila")
LAST_NAMES = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Haddad", "Novak", "Silva", "Weber", "Kaya", "Rossi")
TIME_ZONES = ("UTC", "Asia/Dubai", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Africa/Lagos")
PLANS = {
    "Health": ("Run 10 km without a break", ("Run 3 km", "Stretch for 15 minutes", "Swim 20 lanes", "Sleep by 22:30")),
    "Learning": ("Hold a conversation in Spanish", ("Learn 20 words", "Listen to a podcast", "Call a tandem partner")),
    "Work": ("Finish the thesis", ("Write 500 words", "Read two papers", "Answer the supervisor", "Draw figure 3")),
    "Home": ("Declutter the flat", ("Sort one shelf", "Sell three things", "Clean the balcony")),
    "Money": ("Save for a bicycle", ("Note today's expenses", "Cook instead of ordering", "Compare two offers")),
}
TURNS = (
    ("user", "I keep missing my mornings. Can we move things?"),
    ("assistant", "Of course. Would the early evening suit you better?"),
    ("user", "Yes, after work please."),
    ("assistant", "Done. I moved this week's sessions to 18:30."),
)
PAST_STATUSES = ("done", "done", "done", "missed", "rescheduled", "cancelled")
RULES = (None, None, "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE,FR")
DAYS_BACK, DAYS_AHEAD = 60, 14

USERS = ("id", "email", "onboarded", "profile", "notification_preferences", "timezone", "phone_verified",
         "created_at", "updated_at")  # fmt: skip
GOALS = ("id", "user_id", "title", "class_tags", "status", "pipeline_order", "activated_at", "plan_json",
         "created_at", "updated_at")  # fmt: skip
CONVERSATIONS = ("id", "user_id", "langgraph_thread_id", "context_type", "title", "last_message_at", "linked_goal_id",
                 "created_at", "updated_at")  # fmt: skip
TASKS = ("id", "user_id", "goal_id", "title", "status", "scheduled_at", "duration_minutes", "recurrence_rule",
         "class_tags", "reminder_sent_at", "completed_at", "created_at", "updated_at")  # fmt: skip
MESSAGES = ("id", "conversation_id", "role", "content", "input_modality", "metadata", "tokens_used", "created_at",
            "updated_at")  # fmt: skip
PATTERNS = ("id", "user_id", "pattern_type", "pattern_key", "description", "data", "confidence", "created_at",
            "updated_at")  # fmt: skip
LOG = ("id", "task_id", "channel", "external_id", "sent_at", "response", "created_at", "updated_at")


class Demo:
    """So many people with so many tasks each. The same seed makes the same, around the time it is made at."""

    def __init__(self, users: int, tasks_per_user: int, seed: int) -> None:
        self.users = users
        self.tasks_per_user = tasks_per_user
        self.seed = seed
        self.now = datetime.now(UTC).replace(microsecond=0)
        # Each person: one row, their goals, a conversation with its turns, a pattern, tasks and their notifications.
        each = 1 + len(PLANS) + 1 + len(TURNS) + 1 + tasks_per_user + len(range(0, tasks_per_user, 4))
        self.size = users * each

    def tables(self) -> Iterator[Table]:
        """Each table's name, columns and rows, in the order in which they refer to each other."""
        yield "users", USERS, self._of_each(self._user)
        yield "goals", GOALS, self._of_each(self._goals)
        yield "conversations", CONVERSATIONS, self._of_each(self._conversation)
        yield "messages", MESSAGES, self._of_each(self._messages)
        yield "patterns", PATTERNS, self._of_each(self._pattern)
        yield "tasks", TASKS, self._of_each(self._tasks)
        yield "notification_log", LOG, self._of_each(self._log)

    def _of_each(self, rows_of: Callable[[int], Iterator[Sequence[Any]]]) -> Iterator[Sequence[Any]]:
        for person in range(self.users):
            yield from rows_of(person)

    def _user(self, person: int) -> Iterator[Sequence[Any]]:
        draw = self._draw(person, "user")
        first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
        joined = self._joined(person)
        yield (
            self._id("user", person), f"{first}.{last}.{self.seed}.{person}@example.com".lower(), True,
            {"name": f"{first} {last}"}, {"phone_number": f"+9715{draw.randrange(10**8):08}", "channels": ["push"]},
            draw.choice(TIME_ZONES), draw.random() < 0.7, joined, joined,
        )  # fmt: skip

    def _goals(self, person: int) -> Iterator[Sequence[Any]]:
        joined = self._joined(person)
        for order, (tag, (title, steps)) in enumerate(PLANS.items()):
            status = "active" if order == 0 else "pipeline"
            yield (
                self._id("goal", person, order), self._id("user", person), title, [tag], status, order,
                joined if order == 0 else None, {"steps": list(steps)}, joined, joined,
            )  # fmt: skip

    def _conversation(self, person: int) -> Iterator[Sequence[Any]]:
        started = self.now - timedelta(days=person % DAYS_BACK)
        yield (
            self._id("conversation", person), self._id("user", person), f"demo-{self.seed}-{person}", "reschedule",
            "Moving the mornings", started + timedelta(minutes=len(TURNS)), self._id("goal", person, 0), started,
            started,
        )  # fmt: skip

    def _messages(self, person: int) -> Iterator[Sequence[Any]]:
        started = self.now - timedelta(days=person % DAYS_BACK)
        for turn, (role, content) in enumerate(TURNS):
            said = started + timedelta(minutes=turn)
            yield (
                self._id("message", person, turn), self._id("conversation", person), role, content, "text", {},
                len(content) // 4, said, said,
            )  # fmt: skip

    def _pattern(self, person: int) -> Iterator[Sequence[Any]]:
        draw = self._draw(person, "pattern")
        yield (
            self._id("pattern", person), self._id("user", person), "time_of_day", "misses_mornings",
            "Tasks before 8:00 are mostly missed.", {"hour": 7, "missed": draw.randrange(3, 9)},
            round(draw.uniform(0.5, 1), 2), self.now, self.now,
        )  # fmt: skip

    def _tasks(self, person: int) -> Iterator[Sequence[Any]]:
        draw = self._draw(person, "tasks")
        tags = tuple(PLANS)
        for number in range(self.tasks_per_user):
            order = draw.randrange(len(tags))
            scheduled = self._scheduled(number)
            past = scheduled < self.now
            status = draw.choice(PAST_STATUSES) if past else "pending"
            created = max(self._joined(person), scheduled - timedelta(days=7))
            yield (
                self._id("task", person, number), self._id("user", person), self._id("goal", person, order),
                draw.choice(PLANS[tags[order]][1]), status, scheduled, draw.choice((15, 25, 45, 60)),
                draw.choice(RULES), [tags[order]], scheduled - timedelta(minutes=15) if past else None,
                scheduled + timedelta(minutes=30) if status == "done" else None, created, created,
            )  # fmt: skip

    def _log(self, person: int) -> Iterator[Sequence[Any]]:
        for number in range(0, self.tasks_per_user, 4):
            sent = self._scheduled(number) - timedelta(minutes=15)
            yield (
                self._id("entry", person, number), self._id("task", person, number), "push",
                f"demo-{self.seed}-{person}-{number}", sent, None, sent, sent,
            )  # fmt: skip

    def _scheduled(self, number: int) -> datetime:
        """Tasks are spread evenly from the past over the days ahead, at waking hours."""
        days = (DAYS_BACK + DAYS_AHEAD) * number / max(1, self.tasks_per_user)
        day = self.now - timedelta(days=DAYS_BACK) + timedelta(days=int(days))
        return day.replace(hour=7 + number % 14, minute=(number * 15) % 60, second=0)

    def _joined(self, person: int) -> datetime:
        return self.now - timedelta(days=DAYS_BACK + person % 30)

    def _draw(self, person: int, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{what}/{person}")

    def _id(self, what: str, person: int, number: int = 0) -> str:
        """A UUID of version 7 by its form, made of the seed, so that rows can refer to each other without a look-up."""
        kind = ("user", "goal", "conversation", "message", "pattern", "task", "entry").index(what)
        parts = (self.seed & 0xFFFFFF) << 104 | kind << 96 | 0x7 << 76 | 0x2 << 62 | person << 32 | number
        return f"{parts:032x}"
