"""The MCP server, driven by the SDK's own client over both of its transports."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from servers import RunningServer, command_environment, free_port
from waiting import wait_until

from app.config import PROJECT

pytestmark = pytest.mark.server

TOKEN = re.compile(r"\w{1,6}|[^\w\s]")
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi", "mcp"]


def environment(server: RunningServer, key: str | None = None) -> dict[str, str]:
    return command_environment(FLUX_URL=server.url, FLUX_KEY=key or server.key)


def over_stdio(server: RunningServer, *options: str, key: str | None = None) -> StdioServerParameters:
    command, *arguments = [*FLASK, *options]
    return StdioServerParameters(command=command, args=arguments, env=environment(server, key), cwd=str(PROJECT))


@contextmanager
def over_http(server: RunningServer) -> Iterator[str]:
    """The URL of an MCP server that runs beside the service."""
    port = free_port()
    process = subprocess.Popen([*FLASK, "--http", "--port", str(port)], cwd=PROJECT, env=environment(server))
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        wait_until(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code > 0
    except httpx.TransportError:
        return False


def with_client(target: Any, work: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(target) as client:
            return await work(client)

    return asyncio.run(run())


def text_of(result: CallToolResult) -> str:
    [content] = result.content
    return content.text


async def a_day(client: Client) -> None:
    """A person, a plan, what is due, what was done, and how it went."""

    async def call(tool: str, **arguments: Any) -> Any:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return json.loads(text_of(result))

    guide = await client.call_tool("describe", {"entity": "tasks"})
    assert "escalation_policy silent|standard|aggressive" in text_of(guide)
    user = await call("save", entity="users", values={"email": f"{uuid4()}@example.com"}, upsert="merge")
    plan = [
        {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": user["id"], "title": "Swim"}},
        {
            "method": "POST",
            "path": "/tasks",
            "body": {
                "user_id": user["id"],
                "goal_id": {"$ref": "goal.id"},
                "title": "Swim, 100 m",
                "scheduled_at": "now",
            },
        },
    ]
    await call("batch", operations=plan)
    due = {"user_id": user["id"], "reminder_sent_at": None, "title__in": ["Swim, 100 m", "Run"]}
    found = await call("find", entity="tasks", filter=due, sort="scheduled_at", fields="id,title")
    claimed = await call("claim", entity="tasks", filter=due, values={"reminder_sent_at": "now"})
    assert [row["id"] for row in claimed["items"]] == [row["id"] for row in found["items"]]
    [task] = claimed["items"]
    await call("save", entity="tasks", id=task["id"], values={"status": "done"}, only_if={"status": "pending"})
    assert (await call("get", entity="tasks", id=task["id"], fields="status"))["status"] == "done"
    assert (await call("count", entity="tasks", filter={"user_id": user["id"]})) == {"count": 1}
    groups = await call("count", entity="tasks", filter={"user_id": user["id"]}, group_by="status")
    assert groups["groups"][0]["total"] == 1
    await call("save", entity="users", id=user["id"], values={"profile": {"language": "en"}})
    merged = await call("save", entity="users", id=user["id"], values={"profile": {"pace": "slow"}})
    assert merged["profile"] == {"language": "en", "pace": "slow"}


def test_a_day_is_done_over_standard_input_and_output(keyed_server: RunningServer):
    with_client(over_stdio(keyed_server), a_day)


def test_a_day_is_done_over_http(keyed_server: RunningServer):
    with over_http(keyed_server) as url:
        with_client(url, a_day)


def test_the_tools_are_few_and_small(keyed_server: RunningServer):
    tools = with_client(over_stdio(keyed_server), lambda client: client.list_tools()).tools
    assert [tool.name for tool in tools] == ["describe", "find", "count", "get", "save", "claim", "batch"]
    text = json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
    assert len(TOKEN.findall(text)) <= 3000


def test_read_only_offers_nothing_that_changes(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["describe", "find", "count", "get"]
        email = f"{uuid4()}@example.com"
        create = {"method": "POST", "path": "/users", "body": {"email": email}}
        for tool, arguments in (
            ("save", {"entity": "users", "values": {"email": email}}),
            ("batch", {"operations": [create]}),
        ):
            refused = await client.call_tool(tool, arguments)
            assert (refused.is_error, "Unknown tool" in text_of(refused)) == (True, True)
        found = await client.call_tool("count", {"entity": "users", "filter": {"email": email}})
        assert text_of(found) == '{"count":0}'

    with_client(over_stdio(keyed_server, "--read-only"), work)


def test_what_names_no_entity_and_no_row_is_refused_before_it_is_asked(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        for tool, arguments in (
            ("describe", {"entity": "people"}),
            ("find", {"entity": "../../health"}),
            ("get", {"entity": "users", "id": "../../../health"}),
            # A change without an id would be one of all rows that match.
            ("save", {"entity": "tasks", "id": "", "values": {"status": "done"}, "only_if": {"status": "pending"}}),
        ):
            assert (await client.call_tool(tool, arguments)).is_error, arguments

    with_client(over_stdio(keyed_server), work)


def test_a_transcript_is_read_page_by_page(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        user = json.loads(
            text_of(await client.call_tool("save", {"entity": "users", "values": {"email": f"{uuid4()}@example.com"}}))
        )
        values = {"user_id": user["id"], "langgraph_thread_id": str(uuid4()), "context_type": "general"}
        talk = json.loads(text_of(await client.call_tool("save", {"entity": "conversations", "values": values})))
        said = [{"conversation_id": talk["id"], "role": "user", "content": str(n)} for n in range(5)]
        await client.call_tool("batch", {"operations": [{"method": "POST", "path": "/messages/bulk", "body": said}]})
        asked = {"entity": "messages", "filter": {"conversation_id": talk["id"]}, "limit": 3, "fields": "content"}
        first = json.loads(text_of(await client.call_tool("find", asked)))
        rest = json.loads(text_of(await client.call_tool("find", asked | {"cursor": first["next_cursor"]})))
        assert [row["content"] for row in first["items"] + rest["items"]] == list("01234")
        assert rest["next_cursor"] is None

    with_client(over_stdio(keyed_server), work)


def test_a_list_is_sent_whatever_signs_its_texts_have_and_an_empty_one_matches_nothing(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        user = json.loads(
            text_of(await client.call_tool("save", {"entity": "users", "values": {"email": f"{uuid4()}@example.com"}}))
        )
        titles = ['say "a", b', "back\\slash, too", "two\nlines,", "plain"]
        bodies = [{"user_id": user["id"], "title": title, "class_tags": ["a,b", "c"]} for title in titles]
        await client.call_tool("batch", {"operations": [{"method": "POST", "path": "/tasks/bulk", "body": bodies}]})
        for conditions, expected in (
            ({"title__in": titles}, 4),
            ({"title__in": []}, 0),
            ({"class_tags__contains": ["a,b", "c"]}, 4),
            ({"goal_id": None, "or": ["(status:pending)", "(title:plain)"]}, 1),
        ):
            found = await client.call_tool("count", {"entity": "tasks", "filter": conditions | {"user_id": user["id"]}})
            assert text_of(found) == f'{{"count":{expected}}}', conditions

    with_client(over_stdio(keyed_server), work)


def test_a_claim_that_is_too_long_shows_every_id_and_an_upsert_says_what_it_did(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        person = {"entity": "users", "values": {"email": f"{uuid4()}@example.com"}, "upsert": "merge"}
        user = json.loads(text_of(await client.call_tool("save", person)))
        assert user["upserted"] == "created"
        assert json.loads(text_of(await client.call_tool("save", person)))["upserted"] == "left"
        bodies = [{"user_id": user["id"], "title": str(n), "description": "x" * 3000} for n in range(20)]
        await client.call_tool("batch", {"operations": [{"method": "POST", "path": "/tasks/bulk", "body": bodies}]})
        mine = {"user_id": user["id"], "status": "pending"}
        claim = {"entity": "tasks", "filter": mine, "values": {"status": "done"}, "limit": 20}
        shown, told = text_of(await client.call_tool("claim", claim)).split("\n")
        assert len({row["id"] for row in json.loads(shown)["items"]}) == 20
        assert "only ids" in told

    with_client(over_stdio(keyed_server), work)


def test_over_http_a_page_of_another_host_is_refused(keyed_server: RunningServer):
    with over_http(keyed_server) as url:
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"Accept": "application/json, text/event-stream"}
        assert httpx.post(url, json=asked, headers=accept | {"Host": "evil.example"}).status_code == 421
        assert httpx.post(url, json=asked, headers=accept | {"Origin": "http://evil.example"}).status_code == 403


def test_a_problem_and_its_hint_are_handed_on(keyed_server: RunningServer):
    call = lambda client: client.call_tool("find", {"entity": "tasks", "filter": {"statuss": "done"}})  # noqa: E731
    result = with_client(over_stdio(keyed_server), call)
    assert result.is_error
    assert "statuss" in text_of(result)
    assert "status" in text_of(result).replace("statuss", "")


def test_a_wrong_key_and_a_service_that_is_away_are_told(keyed_server: RunningServer):
    call = lambda client: client.call_tool("count", {"entity": "tasks"})  # noqa: E731
    result = with_client(over_stdio(keyed_server, key="wrong"), call)
    assert result.is_error
    assert "key" in text_of(result)
    away = RunningServer(f"http://127.0.0.1:{free_port()}", keyed_server.process, keyed_server.log_file)
    result = with_client(over_stdio(away, key="any"), call)
    assert "does not answer" in text_of(result)


def test_an_answer_that_is_too_long_has_fewer_rows_and_goes_on(keyed_server: RunningServer):
    async def work(client: Client) -> None:
        user = json.loads(
            text_of(await client.call_tool("save", {"entity": "users", "values": {"email": f"{uuid4()}@example.com"}}))
        )
        bodies = [{"user_id": user["id"], "title": str(n), "description": "x" * 3000} for n in range(20)]
        operation = {"method": "POST", "path": "/tasks/bulk", "body": bodies}
        await client.call_tool("batch", {"operations": [operation]})
        asked = {"entity": "tasks", "filter": {"user_id": user["id"]}, "sort": "created_at"}
        titles, cursor = [], None
        while True:
            text = text_of(await client.call_tool("find", asked | ({"cursor": cursor} if cursor else {})))
            assert len(text) < 21_000
            page = json.loads(text.split("\n")[0])
            titles += [row["title"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert sorted(titles, key=int) == [str(n) for n in range(20)]

    with_client(over_stdio(keyed_server), work)
