"""The Python client against the real server: what its README promises, with and without asyncio."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flux_dao_client import AsyncFlux, ConditionFailed, Flux, Invalid, NotFound, StaleVersion, Unauthorized, ValueTaken
from servers import RunningServer, running_server

from app.config import PROJECT

pytestmark = pytest.mark.server

CLIENT = PROJECT / "clients" / "python"


@pytest.fixture
def flux(server_url: str) -> Iterator[Flux]:
    with Flux(server_url) as flux:
        yield flux


@pytest.fixture
def user_id(flux: Flux) -> str:
    return flux.users.create(email=f"{uuid4()}@example.com")["id"]


def test_a_row_is_created_read_changed_counted_and_deleted(flux: Flux, user_id: str):
    task = flux.tasks.create(user_id=user_id, title="Run", scheduled_at="now+1h", class_tags=["Health"])
    assert flux.tasks.get(task["id"], expand="user")["user"]["id"] == user_id
    assert flux.tasks.update(task["id"], status="done", completed_at="now")["status"] == "done"
    assert flux.tasks.count(user_id=user_id, status="done") == 1
    assert flux.tasks.delete(task["id"]) is None
    with pytest.raises(NotFound):
        flux.tasks.get(task["id"])


def test_a_list_is_read_page_by_page_and_ends_at_its_limit(flux: Flux, user_id: str):
    flux.tasks.create_many([{"user_id": user_id, "title": f"Task {number}"} for number in range(25)])
    titles = [task["title"] for task in flux.tasks.find(user_id=user_id, sort="created_at", page_size=10)]
    assert len(set(titles)) == 25
    assert len(list(flux.tasks.find(user_id=user_id, page_size=10, limit=12))) == 12
    assert list(flux.tasks.find(user_id=user_id, limit=0)) == []


def test_a_transcript_is_read_page_by_page_too(flux: Flux, user_id: str):
    talk = flux.conversations.create(user_id=user_id, langgraph_thread_id=str(uuid4()), context_type="general")["id"]
    flux.messages.create_many([{"conversation_id": talk, "role": "user", "content": str(n)} for n in range(5)])
    said = flux.messages.find(conversation_id=talk, page_size=2)
    assert [message["content"] for message in said] == list("01234")
    assert len(list(flux.messages.find(conversation_id=talk, page_size=2, limit=3))) == 3
    with flux.batch() as batch:
        found = batch.messages.find(conversation_id=talk, limit=2)
    assert [message["content"] for message in found.result] == list("01")


def test_filters_take_lists_nulls_quotes_and_keys_of_objects(flux: Flux, user_id: str):
    for title in ('say "hi", Bob', "b", "c"):
        flux.tasks.create(user_id=user_id, title=title)
    found = flux.tasks.find(user_id=user_id, title__in=['say "hi", Bob', "b"], goal_id=None)
    assert {task["title"] for task in found} == {'say "hi", Bob', "b"}
    flux.patterns.create(user_id=user_id, pattern_type="habit", pattern_key="k", data={"hour": 7})
    assert flux.patterns.count(user_id=user_id, **{"data.hour": 7}) == 1


def test_an_object_is_merged_unless_it_is_to_be_replaced(flux: Flux, user_id: str):
    flux.users.update(user_id, profile={"language": "en", "pace": "slow"})
    assert flux.users.update(user_id, profile={"pace": None, "plan": 1})["profile"] == {"language": "en", "plan": 1}
    assert flux.users.update(user_id, replace=True, profile={"plan": 2})["profile"] == {"plan": 2}


def test_an_upsert_merges_or_leaves_alone(flux: Flux, user_id: str):
    email = flux.users.get(user_id)["email"]
    assert flux.users.upsert(email=email, timezone="Asia/Dubai")["timezone"] == "Asia/Dubai"
    assert flux.users.upsert(email=email, timezone="UTC", ignore=True)["timezone"] == "Asia/Dubai"


def test_due_tasks_are_claimed_once(flux: Flux, user_id: str):
    flux.tasks.create_many([{"user_id": user_id, "title": str(number), "scheduled_at": "now"} for number in range(3)])
    due = {"user_id": user_id, "reminder_sent_at": None}
    first = flux.tasks.claim(due, limit=2, sort="scheduled_at", reminder_sent_at="now")
    second = flux.tasks.claim(due, limit=2, reminder_sent_at="now")
    assert (len(first), len(second)) == (2, 1)


def test_numbers_are_added_to(flux: Flux, user_id: str):
    for _ in range(2):
        user = flux.users.increment(user_id, monthly_token_usage={"total": 60})
    assert user["monthly_token_usage"]["total"] == 120


def test_a_batch_refers_to_what_it_makes(flux: Flux, user_id: str):
    with flux.batch() as batch:
        goal = batch.goals.create(user_id=user_id, title="Run 10 km")
        task = batch.tasks.create(user_id=user_id, goal_id=goal.id, title="Run 3 km")
        found = batch.tasks.find(goal_id=goal.id)
    assert task.result["goal_id"] == goal.result["id"]
    assert [row["title"] for row in found.result] == ["Run 3 km"]


def test_a_batch_that_fails_says_which_operation_and_changes_nothing(flux: Flux, user_id: str):
    with pytest.raises(Invalid) as raised, flux.batch() as batch:
        batch.goals.create(user_id=user_id, title="Run 10 km")
        batch.tasks.create(user_id=user_id, title="")
    assert raised.value.operation is not None
    assert raised.value.operation["index"] == 1
    assert flux.goals.count(user_id=user_id) == 0


def test_problems_are_exceptions_by_kind_that_say_what_to_do(flux: Flux, user_id: str):
    user = flux.users.get(user_id)
    with pytest.raises(StaleVersion):
        flux.users.update(user_id, if_match=99, timezone="UTC")
    with pytest.raises(ValueTaken, match="email"):
        flux.users.create(email=user["email"])
    with pytest.raises(Invalid, match="status"):
        list(flux.tasks.find(status="finished"))
    with pytest.raises(ConditionFailed) as raised:
        flux.users.update(user_id, where={"timezone": "Asia/Dubai"}, onboarded=True)
    assert raised.value.current is not None
    assert raised.value.current["id"] == user_id


def test_a_wrong_key_is_told_and_a_right_one_is_sent(keyed_server: RunningServer):
    with Flux(keyed_server.url, key="wrong") as flux, pytest.raises(Unauthorized):
        flux.users.count()
    with Flux(keyed_server.url, key=keyed_server.key) as flux:
        assert flux.users.count() >= 0


def test_everything_can_be_awaited(server_url: str):
    async def plan() -> list[str]:
        async with AsyncFlux(server_url) as flux:
            user = await flux.users.create(email=f"{uuid4()}@example.com")
            async with flux.batch() as batch:
                goal = batch.goals.create(user_id=user["id"], title="Run 10 km")
                for number in range(3):
                    batch.tasks.create(user_id=user["id"], goal_id=goal.id, title=f"Run {number} km")
            counted = await flux.request("GET", "/tasks/count", query={"user_id": user["id"]})
            assert counted == {"count": 3}
            with pytest.raises(NotFound):
                await flux.tasks.get(str(uuid4()))
            return [task["title"] async for task in flux.tasks.find(user_id=user["id"], sort="title", page_size=2)]

    assert asyncio.run(plan()) == ["Run 0 km", "Run 1 km", "Run 2 km"]


@contextmanager
def losing_answers(url: str, losses: int) -> Iterator[str]:
    """The URL of a proxy that hands requests on, and hangs up instead of answering the first of them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for number in range(100):
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as server:
                server.sendall(_closing(_whole_request(client)))
                answer = b"".join(iter(lambda: server.recv(65536), b""))
                if number >= losses:
                    client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _whole_request(client: socket.socket) -> bytes:
    text = b""
    while True:
        text += client.recv(65536)
        head, end, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            return text


def _closing(request: bytes) -> bytes:
    return re.sub(rb"(?i)connection: keep-alive", b"Connection: close", request, count=1)


def test_a_write_whose_answer_is_lost_is_repeated_and_happens_once(server_url: str, flux: Flux, user_id: str):
    with losing_answers(server_url, losses=2) as url, Flux(url) as unlucky:
        task = unlucky.tasks.create(user_id=user_id, title="Once")
    assert [row["id"] for row in flux.tasks.find(user_id=user_id)] == [task["id"]]


def test_a_batch_whose_answer_is_lost_is_repeated_and_happens_once(server_url: str, flux: Flux, user_id: str):
    with losing_answers(server_url, losses=1) as url, Flux(url) as unlucky, unlucky.batch() as batch:
        goal = batch.goals.create(user_id=user_id, title="Once")
    assert [row["id"] for row in flux.goals.find(user_id=user_id)] == [goal.result["id"]]


def test_a_retryable_problem_is_waited_out(server_database: str, tmp_path: Path):
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "RATE_LIMIT": "2/second"}
    with running_server(tmp_path, **settings) as server, Flux(server.url) as flux:
        assert all(flux.users.count() >= 0 for _ in range(5))


def test_the_rows_are_those_of_the_service(tmp_path: Path):
    folder = tmp_path / "clients" / "python"
    shutil.copytree(CLIENT, folder)
    generated = folder / "src" / "flux_dao_client" / "entities.py"
    subprocess.run([sys.executable, folder / "generate.py", PROJECT / "openapi.json"], check=True)
    form = [sys.executable, "-m", "ruff", "format", "-q", "--config", PROJECT / "pyproject.toml", generated]
    subprocess.run(form, check=True)
    written = CLIENT / "src" / "flux_dao_client" / "entities.py"
    assert generated.read_text() == written.read_text(), "Run make client."


def test_the_readmes_program_runs_with_the_built_wheel_in_an_empty_environment(server_url: str, tmp_path: Path):
    venv.create(tmp_path / "venv", with_pip=True)
    pip = [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(CLIENT)], check=True)
    [wheel] = tmp_path.glob("flux_dao_client-*.whl")
    subprocess.run([*pip, "install", str(wheel)], check=True)
    [program] = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    program = program.replace("http://127.0.0.1:8000", server_url).replace("ada@", f"{uuid4()}@")
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Run 3 km ")


def test_a_type_checker_sees_wrong_names_and_values(tmp_path: Path):
    (tmp_path / "program.py").write_text(
        "from flux_dao_client import Flux\n"
        "flux = Flux()\n"
        'flux.tasks.create(user_id="x", titel="y")\n'
        'flux.tasks.update("x", status="finished")\n'
        'right: str = flux.tasks.get("x")["title"]\n'
        "for task in flux.tasks.find():\n"
        '    wrong: int = task["title"]\n'
    )
    config = "[mypy]\nstrict = true\n"
    (tmp_path / "mypy.ini").write_text(config)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--output", "json", "program.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(CLIENT / "src")},
        capture_output=True,
        text=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    lines = {error["line"] for error in found if error["file"] == "program.py"}
    assert lines == {3, 4, 7}, done.stdout + done.stderr
