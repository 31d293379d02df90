"""Conditions of a write: a version in If-Match, a state in the query; what does not meet them is left alone."""

import pytest
from entities import ALL, CONVERSATIONS, EDITABLE, NOWHERE, Entity, task, user
from flask.testing import FlaskClient

every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
every_editable_entity = pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
BOTH = "application/json, application/merge-patch+json"
OTHERS = ('"99"', 'W/"1"', '"01"', '"abc"', '"99", "98"', '"99999999999"', '""')


def created(client: FlaskClient, entity: Entity) -> tuple[str, dict]:
    """A new row's place and what it holds."""
    answer = client.post(entity.path, json=entity.body(client))
    return answer.headers["Location"], answer.json


@every_editable_entity
@pytest.mark.parametrize("tags", ['"1"', "*", '"7", "1"', 'W/"1", "1"', ' "1" ,"2"'])
def test_a_patch_for_the_version_that_the_row_has_changes_it(client: FlaskClient, entity: Entity, tags: str):
    place, _ = created(client, entity)
    answer = client.patch(place, json=entity.patch, headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')


@every_editable_entity
@pytest.mark.parametrize("tags", OTHERS)
def test_a_patch_for_another_version_is_412_and_changes_nothing(client: FlaskClient, entity: Entity, tags: str):
    place, before = created(client, entity)
    answer = client.patch(place, json=entity.patch, headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"1"')
    assert answer.json["code"] == "urn:flux:problem:stale-version"
    assert answer.json["retryable"] is False
    assert answer.json["current"] == before
    assert client.get(place).json == before


@every_editable_entity
def test_an_empty_patch_heeds_its_version_too(client: FlaskClient, entity: Entity):
    place, _ = created(client, entity)
    assert client.patch(place, json={}, headers={"If-Match": '"2"'}).status_code == 412
    assert client.patch(place, json={}, headers={"If-Match": '"1"'}).status_code == 200


@every_entity
def test_a_deletion_for_another_version_is_412_and_deletes_nothing(client: FlaskClient, entity: Entity):
    place, before = created(client, entity)
    answer = client.delete(place, headers={"If-Match": '"2"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"1"')
    assert client.get(place).json == before
    assert client.delete(place, headers={"If-Match": '"2", "1"'}).status_code == 204
    assert client.get(place).status_code == 404


@every_entity
def test_a_version_of_a_row_that_does_not_exist_is_404(client: FlaskClient, entity: Entity):
    assert client.delete(f"{entity.path}/{NOWHERE}", headers={"If-Match": "*"}).status_code == 404


@pytest.mark.parametrize("tags", ["1", "", '"1', '"1" "2"', "*, *", '"1",', "W/1"])
def test_what_is_no_list_of_versions_is_422(client: FlaskClient, tags: str):
    answer = client.patch(f"/api/v1/tasks/{task(client)['id']}", json={"title": "x"}, headers={"If-Match": tags})
    assert answer.status_code == 422
    assert "If-Match" in answer.json["detail"]


def test_the_end_of_a_voice_session_heeds_conditions_as_any_patch(client: FlaskClient):
    place, _ = created(client, CONVERSATIONS)
    body = {"duration_seconds": 60}
    assert client.patch(f"{place}/voice", json=body, headers={"If-Match": '"9"'}).status_code == 412
    assert client.patch(f"{place}/voice?ended_at__isnull=false", json=body).status_code == 412
    assert (
        client.patch(f"{place}/voice?ended_at__isnull=true", json=body, headers={"If-Match": '"1"'}).json["version"]
        == 2
    )


def test_if_match_where_no_version_is_looked_at_is_refused_and_not_passed_over(client: FlaskClient):
    row, stale = task(client), {"If-Match": '"9"'}
    path = f"/api/v1/tasks/{row['id']}"
    for answer in (
        client.post(f"{path}/increment", json={"duration_minutes": 1}, headers=stale),
        client.post("/api/v1/tasks?upsert=merge", json={"id": row["id"], "user_id": row["user_id"], "title": "x"},
                    headers=stale),
        client.patch(f"/api/v1/tasks?id={row['id']}", json={"title": "x"}, headers=stale),
        client.delete(f"/api/v1/tasks?id={row['id']}", headers=stale),
        client.post("/api/v1/tasks/bulk-update-state", json={"task_ids": [row["id"]], "new_status": "done"},
                    headers=stale),
    ):  # fmt: skip
        assert answer.status_code == 422
        assert "If-Match" in answer.json["detail"]
    assert client.get(path).json == row


@every_entity
@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_a_reader_who_has_the_version_gets_304(client: FlaskClient, entity: Entity, tags: str):
    place, _ = created(client, entity)
    answer = client.get(place, headers={"If-None-Match": tags})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"1"')


@every_entity
def test_a_reader_who_has_another_version_gets_the_row(client: FlaskClient, entity: Entity):
    place, row = created(client, entity)
    assert client.get(place, headers={"If-None-Match": '"2"'}).json == row


def test_a_row_into_which_others_are_put_is_always_sent(client: FlaskClient):
    path = f"/api/v1/tasks/{task(client)['id']}?expand=user"
    assert client.get(path, headers={"If-None-Match": '"1"'}).status_code == 200


@pytest.mark.parametrize("query", ["", "?expand=user"])
def test_a_reader_who_names_no_version_is_told(client: FlaskClient, query: str):
    answer = client.get(f"/api/v1/tasks/{task(client)['id']}{query}", headers={"If-None-Match": "1"})
    assert (answer.status_code, "If-None-Match" in answer.json["detail"]) == (422, True)


@every_editable_entity
def test_a_patch_under_a_condition_changes_the_row_that_meets_it(client: FlaskClient, entity: Entity):
    place, row = created(client, entity)
    answer = client.patch(f"{place}?version=1&created_at={row['created_at'].replace('+', '%2B')}", json=entity.patch)
    assert (answer.status_code, answer.json["version"]) == (200, 2)


@every_editable_entity
def test_a_row_that_does_not_meet_the_condition_is_412_with_the_row_as_it_is(client: FlaskClient, entity: Entity):
    place, row = created(client, entity)
    answer = client.patch(f"{place}?version__gt=1", json=entity.patch)
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"1"')
    assert answer.json["code"] == "urn:flux:problem:condition-failed"
    assert answer.json["current"] == row
    assert client.get(place).json == row
    assert client.patch(f"{place}?version__gt=1", json={}).status_code == 412, "an empty change too"


@every_entity
def test_a_deletion_under_a_condition_deletes_only_what_meets_it(client: FlaskClient, entity: Entity):
    place, row = created(client, entity)
    answer = client.delete(f"{place}?version=2")
    assert (answer.status_code, answer.json["current"]) == (412, row)
    assert client.delete(f"{place}?version=1").status_code == 204


def test_of_two_that_compare_and_set_the_second_is_told_what_the_first_did(client: FlaskClient):
    path = f"/api/v1/tasks/{task(client)['id']}?status=pending&reminder_sent_at__isnull=true"
    assert client.patch(path, json={"reminder_sent_at": "now"}).status_code == 200
    answer = client.patch(path, json={"reminder_sent_at": "now"})
    assert answer.status_code == 412
    assert answer.json["current"]["reminder_sent_at"] is not None


MET_AND_UNMET = {
    "status__in=pending,done": "status__nin=pending,done",
    "class_tags__contains=Health": "class_tags__contains=Work",
    "user.timezone=Asia/Dubai": "user.timezone=UTC",
    "or=(status:done;goal_id__isnull:true)": "or=(status:done;goal_id__isnull:false)",
    "dispatch_log__exists=false": "dispatch_log__exists=true",
    "created_at__lte=now": "created_at__lt=now-1h",
}


@pytest.mark.parametrize(("met", "unmet"), MET_AND_UNMET.items(), ids=MET_AND_UNMET)
def test_conditions_use_all_of_the_query_language(client: FlaskClient, met: str, unmet: str):
    row = task(client, class_tags=["Health"], user_id=user(client, timezone="Asia/Dubai")["id"])
    path = f"/api/v1/tasks/{row['id']}"
    assert client.patch(f"{path}?{unmet}", json={"title": unmet}).status_code == 412
    assert client.patch(f"{path}?{met}", json={"title": met}).json["title"] == met
    assert client.delete(f"{path}?{unmet}").status_code == 412
    assert client.delete(f"{path}?{met}").status_code == 204


@pytest.mark.parametrize("entity", [each for each in ALL if each.reference == "user_id"], ids=lambda each: each.name)
def test_who_does_not_own_the_row_is_told_that_there_is_none(client: FlaskClient, entity: Entity):
    place, row = created(client, entity)
    other = user(client)["id"]
    assert client.patch(f"{place}?user_id={other}", json=entity.patch).status_code == 404
    assert client.patch(f"{place}?user_id={other}", json={}).status_code == 404
    assert client.patch(f"{place}?user_id={other}&version=9", json=entity.patch).status_code == 404
    assert client.delete(f"{place}?user_id={other}").status_code == 404
    assert client.get(place).json == row
    assert client.patch(f"{place}?user_id={row['user_id']}", json=entity.patch).status_code == 200
    assert client.delete(f"{place}?user_id={row['user_id']}").status_code == 204


def test_other_questions_about_the_owner_are_conditions_as_any(client: FlaskClient):
    row = task(client)
    path, other = f"/api/v1/tasks/{row['id']}", user(client)["id"]
    for query in (f"user_id__ne={other}&status=done", f"user_id__in={row['user_id']}&status=done",
                  "user_id__isnull=false&status=done", f"user_id={row['user_id']}&status=done"):  # fmt: skip
        assert client.patch(f"{path}?{query}", json={"title": "x"}).status_code == 412, query


def test_a_condition_and_a_version_must_both_be_met(client: FlaskClient):
    path = f"/api/v1/tasks/{task(client)['id']}"
    body, first = {"title": "x"}, {"If-Match": '"1"'}
    assert client.patch(f"{path}?status=done", json=body, headers=first).json["code"].endswith("condition-failed")
    assert client.patch(f"{path}?status=pending", json=body, headers=first).status_code == 200
    assert client.patch(f"{path}?status=pending", json=body, headers=first).json["code"].endswith("stale-version")


def test_a_conditional_write_answers_the_shape_that_is_asked_for(client: FlaskClient):
    row = task(client)
    answer = client.patch(f"/api/v1/tasks/{row['id']}?status=pending&fields=id&expand=user(email)", json={"title": "x"})
    assert answer.json.keys() == {"id", "user"}


@every_editable_entity
def test_the_types_of_a_patch_are_told_by_options_and_by_a_refusal(client: FlaskClient, entity: Entity):
    place, _ = created(client, entity)
    for path in (place, entity.path):
        assert client.options(path).headers["Accept-Patch"] == BOTH
    refusal = client.patch(place, data="x", content_type="text/plain")
    assert (refusal.status_code, refusal.headers["Accept-Patch"]) == (415, BOTH)


def test_where_nothing_is_patched_no_types_are_told(client: FlaskClient):
    assert "Accept-Patch" not in client.options("/api/v1/batch").headers
    assert "Accept-Patch" not in client.post("/api/v1/users", data="x", content_type="text/plain").headers
