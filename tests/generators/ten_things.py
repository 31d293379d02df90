"""Ten things that a client made by openapi-python-client does: python ten_things.py PACKAGE_FOLDER URL KEY."""

import sys
import time
from datetime import date
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, sys.argv[1])
started = time.process_time()
from flux_dao_service_client import AuthenticatedClient, models  # noqa: E402
from flux_dao_service_client.api.batch import run_batch  # noqa: E402
from flux_dao_service_client.api.goals import create_goal, get_goal  # noqa: E402
from flux_dao_service_client.api.tasks import (  # noqa: E402
    create_task,
    delete_tasks_by_filter,
    get_task,
    get_task_statistics,
    list_tasks,
    update_task,
)
from flux_dao_service_client.api.users import create_user, export_user, update_user  # noqa: E402

print(f"the client is imported in {time.process_time() - started:.2f} s of a processor")
flux = AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3], prefix="", auth_header_name="X-Flux-Service-Key")


def of(person: UUID, **filters: Any) -> models.TaskFilter:
    return models.TaskFilter(user_id=person, **filters)


# 1. A create with a key, sent twice, is done once.
new = models.NewUser(email=f"{uuid4().hex}@example.com", timezone="Asia/Dubai")
key = uuid4().hex
ada = create_user.sync(client=flux, body=new, idempotency_key=key)
again = create_user.sync_detailed(client=flux, body=new, idempotency_key=key)
assert isinstance(ada, models.User)
assert isinstance(again.parsed, models.User)
assert isinstance(ada.id, UUID)
assert (again.parsed.id, again.headers["Idempotent-Replayed"]) == (ada.id, "true")

# 2. A batch, whose second operation refers to the first.
goal_body = {"user_id": str(ada.id), "title": "Run 10 km"}
task_body = {"user_id": str(ada.id), "goal_id": {"$ref": "goal.id"}, "title": "Run 3 km", "class_tags": ["a", "b"]}
operations = [
    models.Operation(method="POST", path="/goals", name="goal", body=goal_body),
    models.Operation(method="POST", path="/tasks", name="task", body=task_body),
]
batch = run_batch.sync(client=flux, body=models.Batch(operations=operations))
assert isinstance(batch, models.BatchAnswer), batch
assert [each.status for each in batch.operations] == [201, 201]

# 3. Filters: a column twice with two operators, a list, null, and an operator that is not listed.
for title in ("Rest", "Sleep", "Swim"):
    create_task.sync(client=flux, body=models.NewTask(user_id=ada.id, title=title, duration_minutes=len(title) * 5))
between = list_tasks.sync(client=flux, filter_=of(ada.id, duration_minutes_gt=20, duration_minutes_lte=25))
assert isinstance(between, models.TaskPage)
assert [task.title for task in between.items] == ["Sleep"]
named = list_tasks.sync(client=flux, filter_=of(ada.id, status_in=["pending", "done"], title_in=["Rest", "Swim"]))
assert isinstance(named, models.TaskPage)
assert {task.title for task in named.items} == {"Rest", "Swim"}
aimless = of(ada.id, goal_id_isnull=True)
aimless["title__like"] = "S*"
without_goal = list_tasks.sync(client=flux, filter_=aimless, sort=["-title"], count="exact")
assert isinstance(without_goal, models.TaskPage)
assert [task.title for task in without_goal.items] == ["Swim", "Sleep"]

# 4. An expansion, typed.
expanded = list_tasks.sync(client=flux, filter_=of(ada.id, class_tags_contains="b"), expand=["goal", "user"])
assert isinstance(expanded, models.TaskPage)
[task] = expanded.items
assert isinstance(task.goal, models.Goal)
assert task.goal.title == "Run 10 km"
assert isinstance(task.id, UUID)

# 5. A conditional change, and 6. one that comes too late, which is a problem of a kind.
changed = update_task.sync(client=flux, id=task.id, if_match='"1"', body=models.TaskPatch(status="done"))
assert isinstance(changed, models.Task)
assert (changed.status, changed.version) == ("done", 2)
late = update_task.sync(client=flux, id=task.id, if_match='"1"', body=models.TaskPatch(status="missed"))
assert isinstance(late, models.Problem)
assert (late.status, late.code) == (412, "urn:flux:problem:stale-version")

# 7. A merge patch: a key of an object changes, the others stay.
for settings in ({"quiet": True, "channel": "push"}, {"quiet": False}):
    patch = models.UserPatch.from_dict({"notification_preferences": settings})
    person = update_user.sync(client=flux, id=ada.id, body=patch)
    assert isinstance(person, models.User), person
assert person.to_dict()["notification_preferences"] == {"quiet": False, "channel": "push"}

# 8. A row that has not changed is 304.
assert get_task.sync_detailed(client=flux, id=task.id, if_none_match='"2"').status_code == 304

# 9. A walk over pages by their cursor.
titles, page = [], list_tasks.sync(client=flux, filter_=of(ada.id), limit=1, sort=["title"])
while isinstance(page, models.TaskPage):
    titles += [task.title for task in page.items]
    if not page.next_cursor:
        break
    page = list_tasks.sync(client=flux, filter_=of(ada.id), limit=1, sort=["title"], cursor=page.next_cursor)
assert titles == ["Rest", "Run 3 km", "Sleep", "Swim"]

# 10. Statistics in a whole and in groups, an export, and a removal by filter.
years = {"start_date": date(2020, 1, 1), "end_date": date(2100, 1, 1)}
whole = get_task_statistics.sync(client=flux, filter_=of(ada.id), **years)
assert isinstance(whole, models.Statistics), whole
assert (whole.total_tasks, whole.completion_rate) == (4, 0.25)
groups = get_task_statistics.sync(client=flux, filter_=of(ada.id), group_by=["week"], tz="Asia/Dubai")
assert isinstance(groups, models.Groups), groups
assert len(export_user.sync_detailed(client=flux, id=ada.id).content.splitlines()) == 6
removed = delete_tasks_by_filter.sync(client=flux, filter_=of(ada.id))
assert isinstance(removed, models.DeletedCount)
assert removed.deleted_count == 4
goal = create_goal.sync(client=flux, body=models.NewGoal(user_id=ada.id, title="Swim"))
assert isinstance(goal, models.Goal)
assert isinstance(goal.id, UUID)
assert get_goal.sync(client=flux, id=goal.id, fields=["title"]).to_dict() == {"title": "Swim"}
