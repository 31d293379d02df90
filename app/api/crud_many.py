"""The shared operations on many rows: create them at once, change or delete those that match a filter."""

from typing import Any

import orjson
from flask import Response

from app.api.blueprint import Blueprint, merges_objects
from app.api.responses import HINT, hint_of, json_bytes, json_response
from app.api.transaction import one_statement
from app.database import atomic
from app.errors import Invalid
from app.query.controls import CREATING, DELETING, WRITING
from app.query.model import Query
from app.query.parser import QueryParser
from app.repositories.base import Repository
from app.repositories.many import Outcome
from app.repositories.rows import Row
from app.schemas.base import BaseSchema
from app.schemas.pages import DeletedCountSchema, created_many_schema, updated_many_schema

Schema = type[BaseSchema]
BULK = "All or none. With `upsert` it is 200 when all of them were there."
STORED = "As they are stored"
BY_FILTER = "`limit` and `skip_locked` claim what nobody else holds."


def create_rows(blueprint: Blueprint, repository: Repository, new: Schema, row: Schema) -> None:
    """Add POST on /bulk: up to 1000 new rows."""
    parser = QueryParser(repository.table, f"create many {repository.table}", CREATING)
    answer = created_many_schema(row)

    @blueprint.route(
        "/bulk",
        methods=["POST"],
        endpoint=f"create_{blueprint.name}_in_bulk",
        summary=f"Create up to 1000 {repository.plural} at once.",
        description=BULK,
    )
    @blueprint.query(parser)
    @blueprint.arguments(new(many=True), example=[new.example])
    @blueprint.response(201, answer, example=answer.example, description=STORED)
    @blueprint.alt_response(200, schema=answer, example=answer.example, description=STORED)
    @one_statement
    def create_rows(query: Query, rows: list[dict[str, Any]]) -> Response:
        if query.writing.upsert is None:
            refuse_filter(query)
            created = repository.create_many(rows, query.shape)
            return _rows_response({"created_count": len(created)}, created)
        with atomic():
            done = repository.upsert_many(rows, query)
        outcomes = [outcome.value for _, outcome in done]
        counts = {
            "created_count": outcomes.count(Outcome.CREATED.value),
            "updated_count": outcomes.count(Outcome.MERGED.value),
            "upserted": outcomes,
        }
        return _rows_response(counts, [each for each, _ in done])


def update_rows(blueprint: Blueprint, repository: Repository, patch: Schema, row: Schema) -> None:
    """Add PATCH on the collection: every row that matches is changed."""
    parser = QueryParser(repository.table, f"update many {repository.table}", WRITING)
    answer = updated_many_schema(row)

    @blueprint.route(
        "",
        methods=["PATCH"],
        endpoint=f"update_{blueprint.name}_by_filter",
        summary=f"Change all {repository.plural} that match.",
        description=BY_FILTER,
    )
    @blueprint.query(parser)
    @blueprint.arguments(patch, example=patch.example)
    @blueprint.response(200, answer, example=answer.example, headers=HINT)
    @one_statement
    def update_rows(query: Query, values: dict[str, Any]) -> Response:
        require_filter(query)
        rules = query.writing.rules._replace(merge=merges_objects())
        changed, rows, dropped = repository.update_many(query, values, rules)
        items = b',"items":%b' % rows if query.writing.return_rows else b""
        return json_bytes(b'{"updated_count":%d%b}' % (changed, items), headers=hint_of(dropped))


def delete_rows(blueprint: Blueprint, repository: Repository) -> None:
    """Add DELETE on the collection: every row that matches is deleted."""
    parser = QueryParser(repository.table, f"delete many {repository.table}", DELETING)

    @blueprint.route(
        "",
        methods=["DELETE"],
        endpoint=f"delete_{blueprint.name}_by_filter",
        summary=f"Delete all {repository.plural} that match, and what belongs to them.",
    )
    @blueprint.query(parser)
    @blueprint.response(200, DeletedCountSchema, example=DeletedCountSchema.example)
    @one_statement
    def delete_rows(query: Query) -> Response:
        require_filter(query)
        return json_response({"deleted_count": repository.delete_many(query)})


def require_filter(query: Query) -> None:
    """Raise Invalid when a write by filter has none: it would take every row."""
    if not query.where:
        raise Invalid(
            "A write to many rows needs a filter in the query, such as ?user_id=…; without one it is refused."
        )


def refuse_filter(query: Query) -> None:
    """Raise Invalid when a plain creation comes with filters, which would say when an upsert may merge."""
    if query.where:
        raise Invalid("Filters say when an upsert may merge. Add upsert=merge, or leave them out.")


def name_of(repository: Repository) -> str:
    """What one row is called in the name of an operation."""
    return repository.noun.replace(" ", "_")


def _rows_response(counts: dict[str, Any], rows: list[Row]) -> Response:
    items = b",".join(row.json for row in rows)
    status = 201 if counts["created_count"] else 200
    return json_bytes(b'%b,"items":[%b]}' % (orjson.dumps(counts)[:-1], items), status)
