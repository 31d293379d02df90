"""The dispatch log: a notifier claims, records and recovers without losing or doubling a reminder."""

import pytest
from entities import DISPATCH_LOG, create, task, user
from flask.testing import FlaskClient

LOG = "/api/v1/dispatch-log"


def entry(client: FlaskClient, **body: object) -> dict:
    return create(client, "dispatch-log", **(DISPATCH_LOG.body(client) | body))


def test_an_entry_is_pending_until_something_came_of_it(client: FlaskClient):
    row = entry(client)
    assert (row["status"], row["dispatched_at"], row["error"]) == ("pending", None, None)


@pytest.mark.parametrize("channel", ["push", "whatsapp", "call", "auto_miss"])
@pytest.mark.parametrize("status", ["pending", "dispatched", "failed"])
def test_every_channel_and_status_is_taken(client: FlaskClient, channel: str, status: str):
    assert entry(client, channel=channel, status=status).items() >= {"channel": channel, "status": status}.items()


WRONG = ({"channel": "pigeon"}, {"channel": None}, {"status": "sent"}, {"status": None}, {"task_id": None},
         {"error": 1}, {"dispatched_at": "soon"}, {"external_id": "x"})  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_anything_else_is_422(client: FlaskClient, wrong: dict):
    answer = client.post(LOG, json=DISPATCH_LOG.body(client) | wrong)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"#/{next(iter(wrong))}")


def test_it_goes_with_its_task(client: FlaskClient):
    row = entry(client)
    assert client.delete(f"/api/v1/tasks/{row['task_id']}").status_code == 204
    assert client.get(f"{LOG}/{row['id']}").status_code == 404


def test_it_goes_with_the_person(client: FlaskClient):
    owned = task(client)
    row = entry(client, task_id=owned["id"])
    assert client.delete(f"/api/v1/users/{owned['user_id']}").status_code == 204
    assert client.get(f"{LOG}/{row['id']}").status_code == 404


def test_a_task_can_show_its_entries_and_be_found_by_them(client: FlaskClient):
    row, other = entry(client), task(client)
    path = f"/api/v1/tasks/{row['task_id']}?expand=dispatch_log(id,channel)"
    assert client.get(path).json["dispatch_log"] == [{"id": row["id"], "channel": row["channel"]}]
    found = client.get(f"/api/v1/tasks?dispatch_log__exists=false&id__in={row['task_id']},{other['id']}").json["items"]
    assert [each["id"] for each in found] == [other["id"]]


def test_a_notifier_claims_records_and_recovers(client: FlaskClient):
    owner = user(client)["id"]
    due = [task(client, user_id=owner, scheduled_at=f"now-{n}m")["id"] for n in (3, 2, 1)]
    task(client, user_id=owner, scheduled_at="now+1h")
    claim = {"operations": [
        {"name": "claimed", "method": "PATCH",
         "path": "/tasks?status=pending&reminder_sent_at__isnull=true&scheduled_at__lte=now&sort=scheduled_at"
                 "&limit=2&skip_locked=true&return=rows",
         "query": {"user_id": owner}, "body": {"reminder_sent_at": "now"}},
        {"name": "noted", "method": "POST", "path": "/dispatch-log/bulk", "skip_if_missing": "claimed.items.0",
         "body": {"$each": "claimed.items", "body": {"task_id": {"$ref": "item.id"}, "channel": "push"}}},
    ]}  # fmt: skip
    rounds = [client.post("/api/v1/batch", json=claim).json["operations"] for _ in range(3)]
    claimed = [[row["task_id"] for row in each[1].get("body", {}).get("items", [])] for each in rounds]
    assert claimed == [due[:2], due[2:], []]
    first, second, third = (row["id"] for each in rounds for row in each[1].get("body", {}).get("items", []))
    sent = client.patch(f"{LOG}/{first}?status=pending", json={"status": "dispatched", "dispatched_at": "now"})
    assert sent.json["dispatched_at"] is not None
    client.patch(f"{LOG}/{second}?status=pending", json={"status": "failed", "error": "no token"})
    # What crashed between the claim and its report is taken up again.
    stuck = client.patch(f"{LOG}?status=pending&created_at__lte=now&limit=50&skip_locked=true&return=rows",
                         json={"error": "taken up again"})  # fmt: skip
    assert [row["id"] for row in stuck.json["items"]] == [third]
    assert client.patch(f"{LOG}/{first}?status=pending", json={"status": "failed"}).status_code == 412
