"""Ten things that a client made by openapi-generator does; the arguments are its folder, a URL and a key."""

import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, sys.argv[1])
started = time.process_time()
import flux_client  # noqa: E402

print(f"the client is imported in {time.process_time() - started:.2f} s of a processor")
configuration = flux_client.Configuration(host=sys.argv[2], api_key={"ServiceKey": sys.argv[3]})
client = flux_client.ApiClient(configuration)
users, goals, tasks = flux_client.UsersApi(client), flux_client.GoalsApi(client), flux_client.TasksApi(client)


def error_of(call: Callable[..., Any], *values: Any, **options: Any) -> flux_client.ApiException:
    """The answer, which is no success."""
    try:
        call(*values, **options)
    except flux_client.ApiException as error:
        return error
    raise AssertionError("It was a success.")


# 1. A create with a key, sent twice, is done once.
new = flux_client.NewUser(email=f"{uuid4().hex}@example.com", timezone="Asia/Dubai")
key = uuid4().hex
ada = users.create_user(new, idempotency_key=key)
again = users.create_user_with_http_info(new, idempotency_key=key)
assert isinstance(ada.id, UUID)
assert (again.data.id, again.headers["Idempotent-Replayed"]) == (ada.id, "true")


def of_ada(**filters: Any) -> dict[str, Any]:
    return {"user_id": str(ada.id), **filters}


# 2. A batch, whose second operation refers to the first.
task_body = of_ada(goal_id={"$ref": "goal.id"}, title="Run 3 km", class_tags=["a", "b"])
operations = [
    flux_client.Operation(method="POST", path="/goals", name="goal", body=of_ada(title="Run 10 km")),
    flux_client.Operation(method="POST", path="/tasks", name="task", body=task_body),
]
answer = flux_client.BatchApi(client).run_batch(flux_client.Batch(operations=operations))
assert [each.status for each in answer.operations] == [201, 201]

# 3. Filters: a column twice with two operators, lists, null, and an operator that is not listed.
for title in ("Rest", "Sleep", "Swim"):
    tasks.create_task(flux_client.NewTask(user_id=ada.id, title=title, duration_minutes=len(title) * 5))


def titles(sort: str = "title", **filters: Any) -> list[str]:
    page = tasks.list_tasks(filter=of_ada(**filters), sort=[sort])
    return [task.title for task in page.items]


assert titles(duration_minutes__gt=20, duration_minutes__lte=25) == ["Sleep"]
assert titles(status__in=["pending", "done"], title__in=["Rest", "Swim"]) == ["Rest", "Swim"]
assert titles("-title", goal_id__isnull=True, title__like="S*") == ["Swim", "Sleep"]

# 4. An expansion, typed.
[task] = tasks.list_tasks(filter=of_ada(class_tags__contains="b"), expand=["goal", "user"]).items
assert isinstance(task.goal, flux_client.Goal)
assert task.goal.title == "Run 10 km"

# 5. A conditional change, and 6. one that comes too late, which is a problem of a kind.
changed = tasks.update_task(task.id, flux_client.TaskPatch(status="done"), if_match='"1"')
assert (changed.status, changed.version) == ("done", 2)
late = error_of(tasks.update_task, task.id, flux_client.TaskPatch(status="missed"), if_match='"1"')
assert (late.status, late.data.code) == (412, "urn:flux:problem:stale-version")

# 7. A merge patch: a key of an object changes, the others stay.
for settings in ({"quiet": True, "channel": "push"}, {"quiet": False}):
    patch = flux_client.UserPatch(notification_preferences=settings)
    person = users.update_user(ada.id, patch, _content_type="application/merge-patch+json")
assert person.notification_preferences == {"quiet": False, "channel": "push"}

# 8. A row that has not changed is 304.
assert error_of(tasks.get_task, task.id, if_none_match='"2"').status == 304

# 9. A walk over pages by their cursor.
walked, page = [], tasks.list_tasks(filter=of_ada(), limit=1, sort=["title"])
while page.items:
    walked += [each.title for each in page.items]
    if not page.next_cursor:
        break
    page = tasks.list_tasks(filter=of_ada(), limit=1, sort=["title"], cursor=page.next_cursor)
assert walked == ["Rest", "Run 3 km", "Sleep", "Swim"]

# 10. Statistics in a whole and in groups, and a removal by filter.
whole = tasks.get_task_statistics(filter=of_ada(created_at__gt="now-1d")).actual_instance
assert (whole.total_tasks, whole.completion_rate) == (4, 0.25)
groups = tasks.get_task_statistics(filter=of_ada(), group_by=["week"], tz="Asia/Dubai").actual_instance
assert isinstance(groups, flux_client.Groups)
assert tasks.delete_tasks_by_filter(filter=of_ada()).deleted_count == 4
goal = goals.create_goal(flux_client.NewGoal(user_id=ada.id, title="Swim"))
shown = goals.get_goal(goal.id, fields=["title"])
assert (shown.title, shown.version) == ("Swim", None)
