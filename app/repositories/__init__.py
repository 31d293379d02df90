"""The repositories: how rows are found and changed. They take plain values and give rows, and know nothing of HTTP."""

from app import models
from app.repositories.base import Repository
from app.repositories.tasks import TaskRepository

users = Repository(models.User, "user", "users")
goals = Repository(models.Goal, "goal", "goals")
tasks = TaskRepository(models.Task, "task", "tasks")
conversations = Repository(models.Conversation, "conversation", "conversations")
messages = Repository(models.Message, "message", "messages")
patterns = Repository(models.Pattern, "pattern", "patterns")
notification_log = Repository(models.NotificationLogEntry, "notification log entry", "entries of the notification log")
dispatch_log = Repository(models.DispatchLogEntry, "dispatch log entry", "entries of the dispatch log")
