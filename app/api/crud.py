"""The operations that all entities share, as functions that add them to an entity's blueprint."""

from typing import Any

from flask import Response, request

from app.api.blueprint import Blueprint
from app.api.responses import ETAG, LOCATION, no_content, page_response, row_response
from app.database import atomic
from app.repositories.base import Repository
from app.schemas.base import BaseSchema
from app.schemas.pages import PageQuerySchema, page_schema

Schema = type[BaseSchema]


def list_rows(blueprint: Blueprint, repository: Repository, row: Schema) -> None:
    """Add GET on the collection: one page of its rows."""
    page = page_schema(row)

    @blueprint.route("", methods=["GET"])
    @blueprint.doc(operationId=f"list_{blueprint.name}", summary=f"List the {repository.plural}, newest first.")
    @blueprint.arguments(PageQuerySchema, location="query", as_kwargs=True)
    @blueprint.response(200, page, example=page.example)
    def list_rows(skip: int, limit: int) -> Response:
        return page_response(repository.find(skip, limit), repository.count(), skip, limit)


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

    @blueprint.route(blueprint.row_path, methods=["GET"])
    @blueprint.doc(operationId=f"get_{_name(repository)}", summary=f"Get one {repository.noun}.")
    @blueprint.response(200, row, example=row.example, headers=ETAG)
    def get_row(id: str) -> Response:
        return row_response(repository.get(id))


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


def collection(blueprint: Blueprint, repository: Repository, new: Schema, row: Schema) -> None:
    """Add what a collection can do: list, create."""
    list_rows(blueprint, repository, row)
    create_row(blueprint, repository, new, row)


def item(blueprint: Blueprint, repository: Repository, patch: Schema, row: Schema) -> None:
    """Add what one can do with a row: get, update, delete."""
    get_row(blueprint, repository, row)
    update_row(blueprint, repository, patch, row)
    delete_row(blueprint, repository)


def _name(repository: Repository) -> str:
    return repository.noun.replace(" ", "_")
