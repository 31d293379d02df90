"""The tools: describe, find, count and get, and unless the server is read-only, save, claim and batch."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import Field

from app.mcp.service import Service
from app.query.vocabulary import SCHEMAS

# Some 6,000 tokens: an answer that fills a model's context is of no use to it.
MAX_ANSWER_CHARACTERS = 20_000
INSTRUCTIONS = """\
The data of the Flux AI planner. Call describe first: it has the columns, the filters and the rules.
Times are RFC 3339 with an offset, or relative: now, now+15m, now-30d. Errors say how to correct the call.
"""
ABOUT_FILTERS = """\
Conditions that must all hold: {column: value} or {column__operator: value} with ne, in, nin, gt, gte, lt, lte, like,
ilike (* is the wildcard), contains, isnull; a list for in. Keys of objects: data.hour; columns over references:
user.timezone; alternatives: {"or": "(status:done;status:missed)"}."""
ABOUT_GROUPS = """\
Tasks only: one or several of day, week, month, weekday, hour, status, goal_id, class_tag, goal_class_tag."""
ABOUT_OPERATIONS = """\
Each {name, method, path, query, body, expect, skip_if_missing}, path below /api/v1. In body and query, later ones refer
to earlier answers: {"$ref": "goal.id"}."""

Tool = Callable[..., Awaitable[str]]
Entity = Annotated[str, Field(json_schema_extra={"enum": list(SCHEMAS)})]
Filter = Annotated[dict[str, Any], Field(description=ABOUT_FILTERS)]
Id = Annotated[str, Field(description="The row's id, a UUID.")]
Fields = Annotated[str | None, Field(description="Only these columns, such as id,title,user(timezone).")]
Expand = Annotated[str | None, Field(description="Rows to add, such as goal,user(timezone).")]
Sort = Annotated[str | None, Field(description="Columns, - for descending, such as -scheduled_at,title.")]
Cursor = Annotated[str | None, Field(description="next_cursor of the page before; all else unchanged.")]
Limit = Annotated[int, Field(ge=1, le=1000)]
Values = Annotated[
    dict[str, Any], Field(description="Columns and values. Objects are merged key by key; null empties.")
]


class Tools:
    """What a model can do with the service. Each answers JSON text that fits a context, or raises ToolError."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def describe(self, entity: Entity | None = None) -> str:
        """The columns, keys and expansions of an entity; without one the whole guide to all operations."""
        guide = await self._service.text("/llms.txt")
        if entity is None:
            return guide
        return next(line for line in guide.splitlines() if line.startswith(f"- **{entity}**"))

    async def find(
        self,
        entity: Entity,
        filter: Filter | None = None,
        sort: Sort = None,
        fields: Fields = None,
        expand: Expand = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> str:
        """Find rows: {"items": […], "next_cursor": …}. Messages need a condition on the conversation."""
        query = {**(filter or {}), **_some(sort=sort, fields=fields, expand=expand, cursor=cursor, count="none")}
        shown = limit
        while True:
            page = await self._page(entity, {**query, "limit": shown})
            if len(page) <= MAX_ANSWER_CHARACTERS or shown == 1:
                break
            # Asked again with fewer, so that next_cursor goes on behind the last row that is shown.
            shown = max(1, shown // 2)
        cut = f"\nOnly {shown} of {limit} rows fit; go on with next_cursor, or ask for fewer fields."
        return _cut(page) + (cut if shown < limit else "")

    async def count(
        self,
        entity: Entity,
        filter: Filter | None = None,
        group_by: Annotated[str | None, Field(description=ABOUT_GROUPS)] = None,
        tz: Annotated[str | None, Field(description="Time zone of the groups, such as Asia/Dubai.")] = None,
    ) -> str:
        """Count rows, or tasks by groups with their statuses and completion rate."""
        what = "statistics" if group_by else "count"
        query = {**(filter or {}), **_some(group_by=group_by, tz=tz)}
        return _cut(_json(await self._service.ask("GET", f"{_path(entity)}/{what}", query)))

    async def get(self, entity: Entity, id: Id, fields: Fields = None, expand: Expand = None) -> str:
        """One row by its id."""
        row = await self._service.ask("GET", f"{_path(entity)}/{id}", _some(fields=fields, expand=expand))
        return _cut(_json(row))

    async def save(
        self,
        entity: Entity,
        values: Values,
        id: Annotated[str | None, Field(description="Change this row; without an id a row is created.")] = None,
        upsert: Annotated[
            Literal["merge", "ignore"] | None,
            Field(description="When a row with the same key is there: merge the values into it, or leave it alone."),
        ] = None,
        only_if: Annotated[
            dict[str, Any] | None,
            Field(description="Change the row only if this filter matches it, such as {status: pending}."),
        ] = None,
    ) -> str:
        """Create a row, change one (with id), or create or merge (with upsert). Answers the row as it is then."""
        method, path = ("POST", _path(entity)) if id is None else ("PATCH", f"{_path(entity)}/{id}")
        query = {**(only_if or {}), **_some(upsert=upsert)}
        return _cut(_json(await self._service.ask(method, path, query, values)))

    async def claim(
        self,
        entity: Entity,
        filter: Filter,
        values: Values,
        limit: Limit = 10,
        sort: Sort = None,
        fields: Fields = None,
    ) -> str:
        """Change the first rows that match and that no other worker holds, and answer them: none is taken twice.

        The values must make the filter fail, such as reminder_sent_at now for reminder_sent_at__isnull true.
        """
        taking = {"limit": limit, "skip_locked": True, "return": "rows", **_some(sort=sort, fields=fields)}
        return _cut(_json(await self._service.ask("PATCH", _path(entity), {**filter, **taking}, values)))

    async def batch(self, operations: Annotated[list[dict[str, Any]], Field(description=ABOUT_OPERATIONS)]) -> str:
        """Several operations in one transaction, all or none. The guide that describe answers has examples."""
        return _cut(_json(await self._service.ask("POST", "/batch", body={"operations": operations})))

    async def _page(self, entity: str, query: dict[str, Any]) -> str:
        answer = await self._service.ask("GET", _path(entity), query)
        page = {"items": answer, "next_cursor": None} if isinstance(answer, list) else answer
        return _json({"items": page["items"], "next_cursor": page["next_cursor"]})


def make_server(service: Service, read_only: bool) -> MCPServer:
    """The MCP server of this service."""
    server, tools = MCPServer("flux-dao", instructions=INSTRUCTIONS), Tools(service)
    reads: tuple[Tool, ...] = (tools.describe, tools.find, tools.count, tools.get)
    writes: tuple[Tool, ...] = () if read_only else (tools.save, tools.claim, tools.batch)
    for tool in (*reads, *writes):
        server.tool(annotations=ToolAnnotations(read_only_hint=tool in reads), structured_output=False)(tool)
    return server


def _cut(text: str) -> str:
    if len(text) <= MAX_ANSWER_CHARACTERS:
        return text
    return (
        f"{text[:MAX_ANSWER_CHARACTERS]}\n… cut after {MAX_ANSWER_CHARACTERS} characters; ask for fewer fields or rows."
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _some(**query: Any) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _path(entity: str) -> str:
    return f"/{entity.replace('_', '-')}"
