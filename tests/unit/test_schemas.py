"""Schemas alone: what is derived from them, and examples that are true."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from marshmallow import Schema

from app.errors import Invalid
from app.query.parser import ask
from app.schemas import base, batch, operations, tasks
from app.schemas.base import BaseSchema, load
from app.schemas.tasks import NewTaskSchema


def all_schemas(of: type[Schema] = BaseSchema) -> list[type[BaseSchema]]:
    """The schemas of the service, without those that other tests make."""
    ours = [child for child in of.__subclasses__() if child.__module__.startswith("app.")]
    return [each for child in ours for each in (child, *all_schemas(child))]


@pytest.mark.parametrize("schema", [each for each in all_schemas() if each.example], ids=lambda each: each.__name__)
def test_the_example_in_the_docs_is_valid(schema: type[BaseSchema]):
    assert load(schema, schema.example)


def test_every_schema_that_is_documented_has_an_example():
    without = {each for each in all_schemas() if not each.example and not each.__name__.endswith("QuerySchema")}
    parts = {operations.FaultSchema, batch.OperationSchema, batch.ExpectationSchema, batch.OperationAnswerSchema}
    assert without == parts | {base.NewRowSchema, base.PatchSchema, base.RowSchema}


def test_plain_python_values_are_taken_as_well_as_json():
    owner = UUID("0198f3c2-7a51-7c3e-9d2b-3f6a1e5b8c4d")
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert load(NewTaskSchema, {"user_id": owner, "title": "Run", "scheduled_at": at}) == {
        "user_id": str(owner),
        "title": "Run",
        "scheduled_at": at,
    }


def test_a_naive_datetime_is_refused():
    with pytest.raises(Invalid, match="no offset"):
        load(NewTaskSchema, {"user_id": base.EXAMPLE_ID, "title": "Run", "scheduled_at": datetime(2026, 3, 1)})


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1, 2}}, {"a": 2**64}, {"a": float("nan")}])
def test_an_object_that_json_cannot_express_is_refused(value: object):
    with pytest.raises(Invalid, match="profile"):
        load(
            next(each for each in all_schemas() if each.__name__ == "NewUserSchema"),
            {"email": "a@b.io", "profile": value},
        )


def test_an_absent_field_stays_absent():
    assert load(tasks.TaskPatchSchema, {"title": "Run"}) == {"title": "Run"}


def test_a_patch_requires_nothing_and_a_row_everything():
    new, patch, row = (schema().fields for schema in (NewTaskSchema, tasks.TaskPatchSchema, tasks.TaskSchema))
    assert set(new) - {"id"} == set(patch) == set(row) - {"id", "created_at", "updated_at", "version"}
    assert load(tasks.TaskPatchSchema, {}) == {}
    assert all(field.required for field in row.values())


@pytest.mark.parametrize("text", ["1_000", " 1", "\N{FULLWIDTH DIGIT ONE}", "+1", "0x1", "1e2", "9" * 30])
def test_a_number_in_a_query_is_written_in_plain_digits(text: str):
    with pytest.raises(Invalid, match="limit"):
        ask("users", {"limit": text})


def test_faults_beyond_those_that_are_told_are_counted_and_cost_no_guess():
    misspelt = {f"titl{number}": 1 for number in range(100)}
    with pytest.raises(Invalid) as error:
        load(NewTaskSchema, misspelt)
    faults = error.value.faults
    guesses = [index for index, fault in enumerate(faults) if "Did you mean title?" in fault.detail]
    assert max(guesses) < 20
    assert error.value.detail.endswith(f"And {len(faults) - 20} more.")
