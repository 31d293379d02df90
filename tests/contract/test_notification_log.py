"""What only the notification log has: an id of the channel's, and an order by when things were sent."""

from entities import task
from flask.testing import FlaskClient

PATH = "/api/v1/notification-log"


def test_every_field_of_an_entry_is_kept(client: FlaskClient):
    given = {
        "task_id": task(client)["id"],
        "channel": "whatsapp",
        "external_id": "wamid.1",
        "sent_at": "2026-03-01T09:00:00+00:00",
        "response": "done",
        "responded_at": "2026-03-01T09:05:00+00:00",
    }
    assert client.post(PATH, json=given).json.items() >= given.items()


def test_an_external_id_is_unique_where_it_is_given(client: FlaskClient):
    body = {"task_id": task(client)["id"], "channel": "push"}
    assert client.post(PATH, json=body).status_code == client.post(PATH, json=body).status_code == 201
    assert client.post(PATH, json=body | {"external_id": "a"}).status_code == 201
    answer = client.post(PATH, json=body | {"external_id": "a"})
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/external_id"]


def test_the_log_is_sorted_by_when_things_were_sent_and_what_was_not_sent_comes_last(client: FlaskClient):
    todo = task(client)["id"]
    times = (None, "2026-03-01T09:00:00Z", "2026-03-03T09:00:00Z", "2026-03-02T09:00:00Z")
    made = [client.post(PATH, json={"task_id": todo, "channel": "push", "sent_at": at}).json["id"] for at in times]
    listed = [row["id"] for row in client.get(PATH).json["items"]]
    assert listed == [made[2], made[3], made[1], made[0]]
