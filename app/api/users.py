"""Users over HTTP: the shared operations."""

from flask import Response

from app.api import crud
from app.api.auth import required_scope
from app.api.blueprint import Blueprint
from app.api.responses import NDJSON, lines_response
from app.api.transaction import refuse_in_batch
from app.auth.scopes import READ
from app.query.controls import READING
from app.query.model import Query
from app.query.parser import QueryParser
from app.repositories import people, users
from app.schemas.users import NewUserSchema, UserPatchSchema, UserSchema

EXPORT = QueryParser("users", "export user", READING, filters=False)
EXPORT_LINE = {"type": "user", **UserSchema.example}

blueprint = Blueprint("users", "The people whom Flux plans for.", "/users")
crud.collection(blueprint, users, NewUserSchema, UserSchema)
crud.item(blueprint, users, NewUserSchema, UserPatchSchema, UserSchema)


@blueprint.route(f"{blueprint.row_path}/export", methods=["GET"])
@required_scope(READ)
@blueprint.query(EXPORT)
@blueprint.response(200, {}, content_type=NDJSON, example=EXPORT_LINE)
def export_user(query: Query, id: str) -> Response:
    """Export everything that is a person's, a row a line, from one snapshot.

    Each line is a row as the API shows it, with its `type`; the first is the person's own.
    """
    refuse_in_batch()
    return lines_response(people.export_person(id))
