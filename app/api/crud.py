"""The operations that all entities share, as functions that add them to an entity's blueprint."""

from typing import Any

from flask import Response, request

from app.api.blueprint import Blueprint
from app.api.responses import (
    ETAG,
    LINK,
    LOCATION,
    json_response,
    no_content,
    page_response,
    row_response,
    stream_response,
    wants_stream,
)
from app.database import atomic
from app.query.reading import LISTING, SHAPING, QueryReader
from app.query.terms import Query, SortKey
from app.repositories.base import Repository
from app.schemas.base import BaseSchema
from app.schemas.pages import USUAL_PAGE, CountSchema, page_schema

Schema = type[BaseSchema]
STREAMS = "With `Accept: application/x-ndjson` every match is answered, a row a line, from one snapshot."


def list_rows(blueprint: Blueprint, repository: Repository, row: Schema, newest_by: str) -> None:
    """Add GET on the collection: one page of its rows, or all of them as a stream."""
    page = page_schema(row)
    newest_first = [SortKey(newest_by, descending=True)]
    reader = QueryReader(repository.table, f"list {repository.table}", LISTING, newest_first)

    @blueprint.route("", methods=["GET"])
    @blueprint.doc(
        operationId=f"list_{blueprint.name}",
        summary=f"List the {repository.plural}, newest first.",
        description=STREAMS,
    )
    @blueprint.query(reader)
    @blueprint.response(200, page, example=page.example, headers=LINK)
    def list_rows(query: Query) -> Response:
        if wants_stream():
            return stream_response(repository.stream(query))
        query = query._replace(limit=query.limit or USUAL_PAGE)
        rows = repository.find(query)
        return page_response(rows, _total(repository, query), query)


def count_rows(blueprint: Blueprint, repository: Repository) -> None:
    """Add GET on /count: how many rows match."""
    reader = QueryReader(repository.table, f"count {repository.table}")

    @blueprint.route("/count", methods=["GET"])
    @blueprint.doc(operationId=f"count_{blueprint.name}", summary=f"Count the {repository.plural} that match.")
    @blueprint.query(reader)
    @blueprint.response(200, CountSchema, example=CountSchema.example)
    def count_rows(query: Query) -> Response:
        return json_response({"count": repository.count(query.where)})


def create_row(blueprint: Blueprint, repository: Repository, new: Schema, row: Schema) -> None:
    """Add POST on the collection: a new row."""

    @blueprint.route("", methods=["POST"])
    @blueprint.doc(operationId=f"create_{_name(repository)}", summary=f"Create a {repository.noun}.")
    @blueprint.arguments(new, example=new.example)
    @blueprint.response(201, row, example=row.example, headers=ETAG | LOCATION)
    @atomic()
    def create_row(values: dict[str, Any]) -> Response:
        created = repository.create(values)
        return row_response(created, 201, location=f"{request.path.rstrip('/')}/{created['id']}")


def get_row(blueprint: Blueprint, repository: Repository, row: Schema) -> None:
    """Add GET on a row."""
    reader = QueryReader(repository.table, f"get {repository.table}", SHAPING, filters=False)

    @blueprint.route(blueprint.row_path, methods=["GET"])
    @blueprint.doc(operationId=f"get_{_name(repository)}", summary=f"Get one {repository.noun}.")
    @blueprint.query(reader)
    @blueprint.response(200, row, example=row.example, headers=ETAG)
    def get_row(query: Query, id: str) -> Response:
        return row_response(repository.get(id, query.shape))


def update_row(blueprint: Blueprint, repository: Repository, patch: Schema, row: Schema) -> None:
    """Add PATCH on a row: only the fields in the body change."""

    @blueprint.route(blueprint.row_path, methods=["PATCH"])
    @blueprint.doc(
        operationId=f"update_{_name(repository)}",
        summary=f"Change some fields of a {repository.noun}.",
    )
    @blueprint.arguments(patch, example=patch.example)
    @blueprint.response(200, row, example=row.example, headers=ETAG)
    @atomic()
    def update_row(values: dict[str, Any], id: str) -> Response:
        return row_response(repository.update(id, values))


def delete_row(blueprint: Blueprint, repository: Repository) -> None:
    """Add DELETE on a row."""

    @blueprint.route(blueprint.row_path, methods=["DELETE"])
    @blueprint.doc(
        operationId=f"delete_{_name(repository)}",
        summary=f"Delete a {repository.noun}, and what belongs to it.",
    )
    @blueprint.response(204)
    @atomic()
    def delete_row(id: str) -> Response:
        repository.delete(id)
        return no_content()


def collection(
    blueprint: Blueprint, repository: Repository, new: Schema, row: Schema, newest_by: str = "created_at"
) -> None:
    """Add what a collection can do: list, count, create. Lists begin with the newest by the time `newest_by`."""
    list_rows(blueprint, repository, row, newest_by)
    count_rows(blueprint, repository)
    create_row(blueprint, repository, new, row)


def item(blueprint: Blueprint, repository: Repository, patch: Schema, row: Schema) -> None:
    """Add what one can do with a row: get, update, delete."""
    get_row(blueprint, repository, row)
    update_row(blueprint, repository, patch, row)
    delete_row(blueprint, repository)


def _total(repository: Repository, query: Query) -> int | None:
    if query.counting == "none":
        return None
    return repository.estimate(query.where) if query.counting == "estimated" else repository.count(query.where)


def _name(repository: Repository) -> str:
    return repository.noun.replace(" ", "_")
