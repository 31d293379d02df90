"""Direct Python use: the same validation and the same repositories without HTTP, as the docs show it."""

import re
import subprocess
import sys

import pytest
from conftest import run_alone
from servers import command_environment

from app.config import PROJECT
from app.database import atomic
from app.errors import Conflict, Invalid, MissingReference, NotFound
from app.query.parser import ask
from app.repositories import conversations, goals, messages, tasks, users
from app.schemas.base import load
from app.schemas.users import NewUserSchema, UserPatchSchema

GUIDE = PROJECT / "docs" / "user-guide.md"


@pytest.fixture(autouse=True)
def undone(client) -> None:
    """All of it in the test's transaction."""


def test_a_row_is_a_mapping_and_the_json_that_it_was_read_from():
    created = users.create(load(NewUserSchema, {"email": "ada@example.com", "profile": {"name": "Ada"}}))
    assert created["profile"] == {"name": "Ada"}
    assert (created.version, dict(created)["version"], len(created)) == (1, 1, 13)
    assert created.json.startswith(b'{"id":"')
    assert "ada@example.com" in repr(created)
    found = users.find(ask("users", {"limit": "10"}))
    assert (found[0]["id"], len(found), users.count()) == (created["id"], 1, 1)
    assert "ada@example.com" in repr(found)


def test_what_goes_wrong_is_raised_in_the_services_own_words():
    created = users.create(load(NewUserSchema, {"email": "ada@example.com"}))
    with pytest.raises(Invalid, match="email is required"):
        load(NewUserSchema, {})
    with pytest.raises(Conflict, match="email"), atomic():
        users.create({"email": "ada@example.com"})
    with pytest.raises(MissingReference, match="goal_id"), atomic():
        tasks.create({"user_id": created["id"], "title": "Run", "goal_id": created["id"]})
    users.delete(created["id"])
    with pytest.raises(NotFound, match=created["id"]):
        users.update(created["id"], load(UserPatchSchema, {"timezone": "UTC"}))


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"email": None}, "#/email"),
        ({"email": ""}, "#/email"),
        ({"email": "ada@example.com", "profile": []}, "#/profile"),
        ({"email": "a\0@example.com"}, ""),
        ({"email": "a\ud800@example.com"}, ""),
    ],
)
def test_the_database_guards_what_was_not_validated(values: dict, pointer: str):
    with pytest.raises(Invalid) as raised, atomic():
        users.create(values)
    assert [fault.pointer for fault in raised.value.faults] == ([pointer] if pointer else [])


def test_several_writes_are_one_transaction():
    owner = users.create({"email": "ada@example.com"})["id"]
    with pytest.raises(Invalid), atomic():
        goals.create({"user_id": owner, "title": "Run"})
        goals.create({"user_id": owner, "title": ""})
    assert goals.count() == 0


def test_messages_of_one_transaction_keep_their_order():
    owner = users.create({"email": "ada@example.com"})["id"]
    talk = conversations.create({"user_id": owner, "langgraph_thread_id": "t", "context_type": "general"})["id"]
    with atomic():
        for turn in range(50):
            messages.create({"conversation_id": talk, "role": "user", "content": str(turn)})
    said = messages.find_all(ask("messages", {"conversation_id": talk, "sort": "created_at"}))
    assert [message["content"] for message in said] == [str(turn) for turn in range(50)]
    assert len({message["created_at"] for message in said}) == 1


def test_the_example_in_the_guide_runs(settings):
    [example] = re.findall(r"<!-- runs: in process -->\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=PROJECT,
        env=command_environment(DATABASE_URL=settings.database_url, AUTH_DISABLED="true"),
        capture_output=True,
        text=True,
        check=False,
    )
    run_alone(settings.database_url, "TRUNCATE users CASCADE")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["3 tasks for Run 10 km", "Run 10 km", "Run 3 km", "Run 5 km"]


def test_a_transaction_may_stream_more_than_once():
    users.create(load(NewUserSchema, {"email": "ada@example.com"}))
    with atomic():
        for _ in range(2):
            assert [len(portion) for portion in users.stream(ask("users"))] == [1]
