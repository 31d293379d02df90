"""What lists take and answer."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.schemas.base import BaseSchema
from app.schemas.fields import LARGEST_INTEGER, Flag, Integer, QueryInteger

LARGEST_PAGE = 1000
USUAL_PAGE = 100


class PageQuerySchema(BaseSchema):
    """Which part of a list."""

    skip = QueryInteger(0, load_default=0, metadata={"description": "How many rows to leave out from the start."})
    limit = QueryInteger(
        1, LARGEST_PAGE, load_default=USUAL_PAGE, metadata={"description": "How many rows to answer at most."}
    )


def page_schema(row: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of one page of a list of such rows."""
    counts: Mapping[str, Any] = {
        "items": fields.List(fields.Nested(row), required=True),
        "total": Integer(0, required=True, metadata={"description": "How many rows the whole list has."}),
        "page": Integer(1, LARGEST_INTEGER + 1, required=True, metadata={"description": "skip // limit + 1"}),
        "page_size": Integer(1, LARGEST_PAGE, required=True, metadata={"description": "The limit that was asked for."}),
        "has_next": Flag(required=True),
        "has_prev": Flag(required=True),
    }
    example = {
        "items": [row.example],
        "total": 1,
        "page": 1,
        "page_size": USUAL_PAGE,
        "has_next": False,
        "has_prev": False,
    }
    name = row.__name__.removesuffix("Schema")
    return type(f"{name}PageSchema", (BaseSchema,), {**counts, "example": example})
