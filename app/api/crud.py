"""The operations that all entities share, as functions that add them to an entity's blueprint."""

from typing import Any

from flask import Response, request

from app.api import crud_many
from app.api.blueprint import DELETED, UNCHANGED, Blueprint, merges_objects
from app.api.crud_many import name_of, refuse_filter
from app.api.preconditions import IF_NONE_MATCH, reader_has, versions_to_match
from app.api.responses import (
    ETAG,
    LINK,
    LOCATION,
    NDJSON,
    UPSERTED,
    WRITTEN,
    json_response,
    no_content,
    not_modified,
    page_response,
    row_response,
    stream_response,
    wants_stream,
)
from app.api.transaction import one_statement
from app.query.controls import CHANGING, CREATING, LISTING, READING, SHAPING
from app.query.model import Query, SortKey
from app.query.parser import QueryParser
from app.repositories.base import Repository
from app.repositories.many import Outcome
from app.repositories.rows import Row
from app.schemas.base import BaseSchema, increment_schema
from app.schemas.pages import DEFAULT_PAGE_SIZE, CountSchema, page_schema

Schema = type[BaseSchema]
STREAMS = "As `application/x-ndjson` it is every match, from one snapshot."
GUARDED = "A row that does not match the filter is 404."
ADDS = "What is missing counts as 0. Amounts of parallel calls add up."


def list_rows(blueprint: Blueprint, repository: Repository, row: Schema, newest_by: str) -> None:
    """Add GET on the collection: one page of its rows, or all of them as a stream."""
    page = page_schema(row)
    newest_first = [SortKey(newest_by, descending=True)]
    parser = QueryParser(repository.table, f"list {repository.table}", (*LISTING, *READING), newest_first)

    @blueprint.route(
        "",
        methods=["GET"],
        endpoint=f"list_{blueprint.name}",
        summary=f"List the {repository.plural}, newest first.",
        description=STREAMS,
        responses={200: {"content": {NDJSON: {"schema": row}}}},
    )
    @blueprint.query(parser)
    @blueprint.response(200, page, example=page.example, headers=LINK)
    def list_rows(query: Query) -> Response:
        if wants_stream():
            return stream_response(repository.stream(query))
        query = query._replace(limit=query.limit or DEFAULT_PAGE_SIZE)
        rows = repository.find(query)
        return page_response(rows, _total(repository, query), query)


def count_rows(blueprint: Blueprint, repository: Repository) -> None:
    """Add GET on /count: how many rows match."""
    parser = QueryParser(repository.table, f"count {repository.table}", READING)

    @blueprint.route(
        "/count",
        methods=["GET"],
        endpoint=f"count_{blueprint.name}",
        summary=f"Count the {repository.plural} that match.",
    )
    @blueprint.query(parser)
    @blueprint.response(200, CountSchema, example=CountSchema.example)
    def count_rows(query: Query) -> Response:
        return json_response({"count": repository.count(query.where)})


def create_row(blueprint: Blueprint, repository: Repository, new: Schema, row: Schema) -> None:
    """Add POST on the collection: a new row, or with `upsert` the one that has its key."""
    parser = QueryParser(repository.table, f"create {repository.table}", CREATING)

    @blueprint.route(
        "",
        methods=["POST"],
        endpoint=f"create_{name_of(repository)}",
        summary=f"Create a {repository.noun}.",
    )
    @blueprint.query(parser)
    @blueprint.arguments(new, example=new.example)
    @blueprint.response(201, row, example=row.example, headers=ETAG | LOCATION | UPSERTED)
    @blueprint.alt_response(200, schema=row, example=row.example, headers=WRITTEN)
    @one_statement
    def create_row(query: Query, values: dict[str, Any]) -> Response:
        if query.writing.upsert is None:
            refuse_filter(query)
            created = repository.create(values, query.shape)
            return row_response(created, query, 201, location=_place(created.id))
        found, outcome = repository.upsert(values, query)
        is_new = outcome is Outcome.CREATED
        answer = row_response(found, query, 201 if is_new else 200, _place(found.id) if is_new else None)
        answer.headers["Upserted"] = outcome.value
        return answer


def get_row(blueprint: Blueprint, repository: Repository, row: Schema) -> None:
    """Add GET on a row."""
    parser = QueryParser(repository.table, f"get {repository.table}", (*SHAPING, *READING))

    @blueprint.route(
        blueprint.row_path,
        methods=["GET"],
        endpoint=f"get_{name_of(repository)}",
        summary=f"Get one {repository.noun}.",
        description=GUARDED,
    )
    @blueprint.query(parser)
    @blueprint.response(200, row, example=row.example, headers=ETAG)
    @blueprint.alt_response(304, UNCHANGED)
    def get_row(query: Query, id: str) -> Response:
        found = repository.get(id, query.shape, query.where)
        if IF_NONE_MATCH in request.environ and reader_has(found, query):
            return not_modified(found)
        return row_response(found, query)


def update_row(blueprint: Blueprint, repository: Repository, patch: Schema, row: Schema) -> None:
    """Add PATCH on a row: only the fields in the body change."""
    parser = QueryParser(repository.table, f"update {repository.table}", CHANGING)

    @blueprint.route(
        blueprint.row_path,
        methods=["PATCH"],
        endpoint=f"update_{name_of(repository)}",
        summary=f"Change some fields of a {repository.noun}.",
    )
    @blueprint.query(parser)
    @blueprint.arguments(patch, example=patch.example)
    @blueprint.response(200, row, example=row.example, headers=WRITTEN)
    @one_statement
    def update_row(query: Query, values: dict[str, Any], id: str) -> Response:
        return row_response(changed_row(repository, id, values, query), query)


def changed_row(repository: Repository, id: str, values: dict[str, Any], query: Query) -> Row:
    """The row after a PATCH with its conditions, as its media type asks."""
    return repository.update(
        id,
        values,
        rules=query.writing.rules._replace(merge=True) if merges_objects() else query.writing.rules,
        versions=versions_to_match(),
        filter=query.where,
        shape=query.shape,
    )


def delete_row(blueprint: Blueprint, repository: Repository) -> None:
    """Add DELETE on a row."""
    parser = QueryParser(repository.table, f"delete {repository.table}")

    @blueprint.route(
        blueprint.row_path,
        methods=["DELETE"],
        endpoint=f"delete_{name_of(repository)}",
        summary=f"Delete a {repository.noun}, and what belongs to it.",
    )
    @blueprint.query(parser)
    @blueprint.alt_response(204, DELETED)
    @one_statement
    def delete_row(query: Query, id: str) -> Response:
        repository.delete(id, versions=versions_to_match(), filter=query.where)
        return no_content()


def increment_row(blueprint: Blueprint, repository: Repository, amounts: Schema, row: Schema) -> None:
    """Add POST on a row's /increment: amounts are added to its numbers."""
    parser = QueryParser(repository.table, f"increment {repository.table}", SHAPING, filters=False)

    @blueprint.route(
        f"{blueprint.row_path}/increment",
        methods=["POST"],
        endpoint=f"increment_{name_of(repository)}",
        summary=f"Add to numbers of a {repository.noun}, those inside its objects too.",
        description=ADDS,
    )
    @blueprint.query(parser)
    @blueprint.arguments(amounts, example=amounts.example)
    @blueprint.response(200, row, example=row.example, headers=WRITTEN)
    @one_statement
    def increment_row(query: Query, values: dict[str, Any], id: str) -> Response:
        return row_response(repository.increment(id, values, query.shape), query)


def collection(
    blueprint: Blueprint, repository: Repository, new: Schema, row: Schema, newest_by: str = "created_at"
) -> None:
    """Add what a collection can do: list, count, create. Lists begin with the newest by the time `newest_by`."""
    list_rows(blueprint, repository, row, newest_by)
    count_rows(blueprint, repository)
    create_row(blueprint, repository, new, row)
    crud_many.create_rows(blueprint, repository, new, row)


def item(blueprint: Blueprint, repository: Repository, new: Schema, patch: Schema, row: Schema) -> None:
    """Add what one can do with a row, and with all that match a filter: get, change, delete; and add to its numbers."""
    get_row(blueprint, repository, row)
    update_row(blueprint, repository, patch, row)
    delete_row(blueprint, repository)
    amounts = increment_schema(new)
    if amounts:
        increment_row(blueprint, repository, amounts, row)
    crud_many.update_rows(blueprint, repository, patch, row)
    crud_many.delete_rows(blueprint, repository)


def _place(id: str | None) -> str:
    return f"{request.path.rstrip('/')}/{id}"


def _total(repository: Repository, query: Query) -> int | None:
    if query.counting == "none":
        return None
    return repository.estimate(query.where) if query.counting == "estimated" else repository.count(query.where)
