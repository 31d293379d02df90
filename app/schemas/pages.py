"""What lists take and answer."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.schemas.base import BaseSchema, derived
from app.schemas.fields import MAX_INTEGER, Flag, Integer, Text

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 100


def created_many_schema(row: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of the answer to many new rows."""
    counts: Mapping[str, Any] = {
        "created_count": Integer(0, required=True),
        "updated_count": Integer(0, metadata={"description": "With upsert: how many rows were there and were merged."}),
        "upserted": fields.List(
            fields.String(),
            metadata={"description": "With upsert, for each item, in the order given: created, merged or left."},
        ),
        "items": fields.List(fields.Nested(row), required=True),
    }
    return derived(row, "Many", BaseSchema, **counts, example={"created_count": 1, "items": [row.example]})


def updated_many_schema(row: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of the answer to a change by filter."""
    counts: Mapping[str, Any] = {
        "updated_count": Integer(0, required=True),
        "items": fields.List(fields.Nested(row), metadata={"description": "With return=rows."}),
    }
    return derived(row, "Changes", BaseSchema, **counts, example={"updated_count": 1})


class DeletedCountSchema(BaseSchema):
    """How many rows were deleted."""

    example = {"deleted_count": 1}

    deleted_count = Integer(0, required=True)


class CountSchema(BaseSchema):
    """How many rows there are."""

    example = {"count": 1}

    count = Integer(0, required=True)


def page_schema(row: type[BaseSchema]) -> type[BaseSchema]:
    """The schema of one page of a list of such rows."""
    counts: Mapping[str, Any] = {
        "items": fields.List(fields.Nested(row), required=True),
        "total": Integer(
            0, required=True, allow_none=True, metadata={"description": "How many rows the whole list has, if counted."}
        ),
        "page": Integer(
            1,
            MAX_INTEGER + 1,
            required=True,
            allow_none=True,
            metadata={"description": "skip // limit + 1; null with a cursor."},
        ),
        "page_size": Integer(
            1, MAX_PAGE_SIZE, required=True, metadata={"description": "The limit that was asked for."}
        ),
        "has_next": Flag(required=True),
        "has_prev": Flag(required=True),
        "next_cursor": Text(
            required=True, allow_none=True, metadata={"description": "What to send as `cursor`; null on the last page."}
        ),
        "total_is_estimate": Flag(metadata={"description": "True when `total` is the planner's estimate."}),
    }
    example = {
        "items": [row.example],
        "total": 1,
        "page": 1,
        "page_size": DEFAULT_PAGE_SIZE,
        "has_next": False,
        "has_prev": False,
        "next_cursor": None,
    }
    return derived(row, "Page", BaseSchema, **counts, example=example)
