"""What Flask, marshmallow and flask-smorest document works here: hooks, signals, URLs, schemas with rules."""

from typing import Any

import pytest
from flask import Flask, Response, after_this_request, g, request, request_started, url_for
from flask.testing import FlaskClient
from marshmallow import ValidationError, fields, post_load, pre_load, validates, validates_schema

from app import create_app
from app.api.blueprint import Blueprint
from app.config import Settings
from app.schemas.base import EXAMPLE_ID, NewRowSchema, load, patch_schema
from app.schemas.fields import Integer, Text

OWN = "/api/v1/widgets"
HEARD: list[str] = []


class NewWidgetSchema(NewRowSchema):
    """A schema with every rule that marshmallow documents."""

    example = {"title": "Run"}

    title = Text(1, 20, required=True)
    least = Integer()
    most = Integer(load_default=10)
    colour = Text(data_key="color")

    @pre_load
    def trim(self, data: Any, **_: Any) -> Any:
        return {name: each.strip() if isinstance(each, str) else each for name, each in data.items()}

    @validates("title")
    def refuse_shouting(self, value: str, **_: Any) -> None:
        if value.isupper():
            raise ValidationError("must not shout.")

    @validates_schema
    def refuse_empty_ranges(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("least", 0) > data.get("most", 10):
            raise ValidationError("must not exceed most.", "least")

    @post_load
    def count_letters(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data | ({"letters": len(data["title"])} if "title" in data else {})


class FilterSchema(NewRowSchema):
    """What a query may hold."""

    example = {"size": 3}

    size = fields.Integer(required=True)


WidgetPatchSchema = patch_schema(NewWidgetSchema)


def blueprint_of_the_test() -> Blueprint:
    made = Blueprint("widgets", "What the test adds.", OWN, needs_key=False)

    @made.before_request
    def refuse_the_teapot() -> Response | None:
        return Response("teapot", 418) if request.headers.get("X-Teapot") or "teapot" in request.args else None

    @made.url_value_preprocessor
    def note_path(_: str | None, values: dict[str, Any] | None) -> None:
        g.path_values = dict(values or {})

    @made.route("", methods=["POST"])
    @made.arguments(NewWidgetSchema)
    @made.response(201, NewWidgetSchema)
    def create_widget(values: dict[str, Any]) -> dict[str, Any]:
        """Make one."""
        return values

    @made.route("/many", methods=["POST"])
    @made.arguments(NewWidgetSchema(many=True))
    def create_widgets(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Make many."""
        return values

    @made.route("", methods=["PATCH"])
    @made.arguments(WidgetPatchSchema)
    def update_widget(values: dict[str, Any]) -> dict[str, Any]:
        """Change one."""
        return values

    @made.route("", methods=["GET"])
    @made.arguments(FilterSchema, location="query")
    def list_widgets(values: dict[str, Any]) -> dict[str, Any]:
        """Tell what was asked for."""

        @after_this_request
        def mark(response: Response) -> Response:
            response.headers["X-Marked"] = "yes"
            return response

        return values

    @made.route("/<row_id():id>/place", methods=["GET"])
    def get_place(id: str) -> dict[str, Any]:
        """Tell where it is."""
        return {"place": url_for("widgets.get_place", id=id, _external=True), "values": g.path_values}

    return made


@pytest.fixture(scope="module")
def extended(settings: Settings) -> Flask:
    """The app with a blueprint that somebody adds to it."""
    app = create_app(settings)
    # Its answers are in no document.
    app.test_client_class = FlaskClient
    app.register_blueprint(blueprint_of_the_test())

    @app.teardown_appcontext
    def note_end(_: BaseException | None) -> None:
        HEARD.append("teardown_appcontext")

    return app


@pytest.fixture
def widgets(extended: Flask, client: FlaskClient) -> FlaskClient:
    """A client of that app, in a transaction that is undone."""
    HEARD.clear()
    return extended.test_client()


def test_a_hook_before_the_requests_of_a_blueprint_may_answer(widgets: FlaskClient):
    assert widgets.get(OWN, headers={"X-Teapot": "1"}).status_code == 418
    assert widgets.get("/api/v1/users", headers={"X-Teapot": "1"}).status_code == 200


def test_a_hook_of_a_blueprint_holds_for_an_operation_of_a_batch_and_undoes_it(widgets: FlaskClient):
    operations = [{"method": "POST", "path": "/users", "body": {"email": "ada@example.com"}},
                  {"method": "GET", "path": "/widgets?teapot=1"}]  # fmt: skip
    assert widgets.post("/api/v1/batch", json={"operations": operations}).status_code == 418
    assert widgets.get("/api/v1/users/count?email=ada@example.com").json == {"count": 0}


def test_what_is_to_be_done_after_this_request_is_done(widgets: FlaskClient):
    assert widgets.get(f"{OWN}?size=3").headers["X-Marked"] == "yes"
    assert "X-Marked" not in widgets.get("/health").headers


def test_the_end_of_the_context_and_the_begin_of_a_request_are_told(extended: Flask, widgets: FlaskClient):
    def hear(_: Flask, **__: Any) -> None:
        HEARD.append("request_started")

    with request_started.connected_to(hear, extended):
        widgets.get("/health")
    assert HEARD == ["request_started", "teardown_appcontext"]


def test_a_url_is_built_with_the_host_that_was_asked_and_the_values_of_the_path_are_told(widgets: FlaskClient):
    answer = widgets.get(f"{OWN}/{EXAMPLE_ID}/place", base_url="https://flux.example:8443")
    assert answer.json == {"place": f"https://flux.example:8443{OWN}/{EXAMPLE_ID}/place", "values": {"id": EXAMPLE_ID}}


def test_hooks_and_validators_of_a_schema_are_run(widgets: FlaskClient):
    made = widgets.post(OWN, json={"title": " Run ", "color": "red", "least": 2})
    assert made.status_code == 201
    assert made.json == {"title": "Run", "color": "red", "least": 2, "most": 10}
    assert load(NewWidgetSchema, {"title": "Run"}) == {"title": "Run", "most": 10, "letters": 3}


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"title": "RUN"}, "#/title", "title must not shout."),
        ({"title": "Run", "least": 11}, "#/least", "least must not exceed most."),
        ({"title": "Run", "color": 1}, "#/color", "color must be a text."),
        ({"title": "Run", "colour": "red"}, "#/colour", "Did you mean color?"),
    ],
)
def test_what_they_refuse_is_told_as_any_other_fault(widgets: FlaskClient, body: dict, pointer: str, detail: str):
    for path, sent, at in ((OWN, body, ""), (f"{OWN}/many", [{"title": "Run"}, body], "/1")):
        answer = widgets.post(path, json=sent)
        assert answer.status_code == 422
        [fault] = answer.json["errors"]
        assert fault["pointer"] == pointer.replace("#", f"#{at}")
        assert detail in fault["detail"]


def test_the_rules_of_a_new_row_hold_for_its_changes_and_nothing_is_filled_in(widgets: FlaskClient):
    assert widgets.patch(OWN, json={"title": "RUN"}).json["detail"] == "title must not shout."
    assert widgets.patch(OWN, json={}).json == {}
    assert widgets.patch(OWN, json={"least": 3}).json == {"least": 3}


def test_arguments_may_come_from_the_query_and_what_is_unknown_there_is_refused(widgets: FlaskClient):
    assert widgets.get(f"{OWN}?size=3").json == {"size": 3}
    answer = widgets.get(f"{OWN}?size=3&sice=4")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "?sice")
