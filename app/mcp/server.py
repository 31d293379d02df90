"""The tools: describe, find, count and get, and unless the server is read-only, save, claim and batch."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx2
from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import AfterValidator, Field

from app.mcp.service import Service
from app.query.vocabulary import SCHEMAS

# Some 6,000 tokens: an answer that fills a model's context is of no use to it.
MAX_ANSWER_CHARACTERS = 20_000
# What fits when rows are shown by their ids alone.
MAX_ELEMENTS = 100
MAX_GROUPS = 150
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


def known(entity: str) -> str:
    """The entity. Raises ValueError when there is none of that name."""
    if entity not in SCHEMAS:
        raise ValueError(f"must be one of {', '.join(SCHEMAS)}.")
    return entity


Entity = Annotated[str, AfterValidator(known), Field(json_schema_extra={"enum": list(SCHEMAS)})]
Filter = Annotated[dict[str, Any], Field(description=ABOUT_FILTERS)]
Id = Annotated[UUID, Field(description="The row's id.")]
Fields = Annotated[str, Field(description="Only these columns, such as id,title,user(timezone).")]
Expand = Annotated[str, Field(description="Rows to add, such as goal,user(timezone).")]
Sort = Annotated[str, Field(description="Columns, - for descending, such as -scheduled_at,title.")]
Cursor = Annotated[str, Field(description="next_cursor of the page before; all else unchanged.")]
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
        sort: Sort = "",
        fields: Fields = "",
        expand: Expand = "",
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> str:
        """Find rows: {"items": […], "next_cursor": …}. Messages need a condition on the conversation."""
        # A transcript is a plain list, which has no total.
        count = None if entity == "messages" else "none"
        query = {**(filter or {}), **_some(sort=sort, fields=fields, expand=expand, cursor=cursor, count=count)}
        shown = limit
        while True:
            page = await self._page(entity, {**query, "limit": shown})
            if len(_json(page)) <= MAX_ANSWER_CHARACTERS or shown == 1:
                break
            # Asked again with fewer, so that next_cursor goes on behind the last row that is shown.
            shown = max(1, shown // 2)
        cut = f"\nOnly {shown} of {limit} rows fit; go on with next_cursor, or ask for fewer fields."
        return _fitting(page) + (cut if shown < limit else "")

    async def count(
        self,
        entity: Entity,
        filter: Filter | None = None,
        group_by: Annotated[str, Field(description=ABOUT_GROUPS)] = "",
        tz: Annotated[str, Field(description="Time zone, such as Asia/Dubai.")] = "",
        fill: Annotated[bool, Field(description="Answer days, weeks and months without tasks too.")] = False,
        sort: Annotated[str, Field(description="Such as -week, the newest first, or -total.")] = "",
    ) -> str:
        """Count rows, or tasks by groups with their statuses and completion rate."""
        what = "statistics" if group_by else "count"
        limit = MAX_GROUPS if group_by else None
        query = {**(filter or {}), **_some(group_by=group_by, tz=tz, fill=fill, sort=sort, limit=limit)}
        return _told(await self._service.ask("GET", f"{_path(entity)}/{what}", query))

    async def get(self, entity: Entity, id: Id, fields: Fields = "", expand: Expand = "") -> str:
        """One row by its id."""
        query = _some(fields=fields, expand=expand)
        return _told(await self._service.ask("GET", f"{_path(entity)}/{id}", query))

    async def save(
        self,
        entity: Entity,
        values: Values,
        id: Annotated[UUID | None, Field(description="Change this row; without an id a row is created.")] = None,
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
        return _told(await self._service.ask(method, path, query, values))

    async def claim(
        self,
        entity: Entity,
        filter: Filter,
        values: Values,
        limit: Annotated[int, Field(ge=1, le=MAX_ELEMENTS)] = 10,
        sort: Sort = "",
        fields: Fields = "",
    ) -> str:
        """Change the first rows that match and that no other worker holds, and answer them: none is taken twice.

        The values must make the filter fail, such as reminder_sent_at now for reminder_sent_at__isnull true.
        """
        taking = {"limit": limit, "skip_locked": True, "return": "rows", **_some(sort=sort, fields=fields)}
        return _told(await self._service.ask("PATCH", _path(entity), {**filter, **taking}, values))

    async def batch(self, operations: Annotated[list[dict[str, Any]], Field(description=ABOUT_OPERATIONS)]) -> str:
        """Several operations in one transaction, all or none. The guide that describe answers has examples."""
        return _told(await self._service.ask("POST", "/batch", body={"operations": operations}))

    async def _page(self, entity: str, query: dict[str, Any]) -> dict[str, Any]:
        response = await self._service.ask("GET", _path(entity), query)
        answer, link = response.json(), response.links.get("next")
        items = answer if isinstance(answer, list) else answer["items"]
        return {"items": items, "next_cursor": httpx2.URL(link["url"]).params["cursor"] if link else None}


def make_server(service: Service, read_only: bool) -> MCPServer:
    """The MCP server of this service."""
    server, tools = MCPServer("flux-dao", instructions=INSTRUCTIONS), Tools(service)
    reads: tuple[Tool, ...] = (tools.describe, tools.find, tools.count, tools.get)
    writes: tuple[Tool, ...] = () if read_only else (tools.save, tools.claim, tools.batch)
    for tool in (*reads, *writes):
        server.tool(annotations=ToolAnnotations(read_only_hint=tool in reads), structured_output=False)(tool)
    return server


def _told(response: httpx2.Response) -> str:
    """The answer as text; of an upsert with what it did."""
    outcome = response.headers.get("Upserted")
    return _fitting({"upserted": outcome, **response.json()} if outcome else response.json())


def _fitting(value: Any) -> str:
    """The value as JSON. What is too long has only the ids of its rows, and says so."""
    text = _json(value)
    if len(text) <= MAX_ANSWER_CHARACTERS:
        return text
    brief = _json(_brief(value))[:MAX_ANSWER_CHARACTERS]
    return (
        f"{brief}\nThe call succeeded, but its answer is too long: only ids are shown. Get rows by them, with fields."
    )


def _brief(value: Any) -> Any:
    if isinstance(value, list):
        return [_brief(each) for each in value[:MAX_ELEMENTS]]
    if isinstance(value, dict):
        return {"id": value["id"]} if "id" in value else {name: _brief(each) for name, each in value.items()}
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _some(**query: Any) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value}


def _path(entity: str) -> str:
    return f"/{entity.replace('_', '-')}"
