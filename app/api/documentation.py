"""The OpenAPI document at /openapi.json, and Swagger UI at /docs/api from files that a package brings."""

import re
from collections.abc import Sequence
from functools import partial

import flask_smorest
import orjson
from flask import Flask, Response
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import HTTPException

from app.api import parameters, problems
from app.api.blueprint import DELETED, PROBLEM, UNCHANGED, UNMET, Blueprint
from app.api.document import REPLAYED, as_3_0, finish
from app.api.parser import JSON
from app.api.row_id import RowId
from app.schemas.base import EXAMPLE_ID
from app.schemas.fields import TimeOrDate
from app.schemas.operations import ProblemSchema

TITLE = "Flux DAO Service"
VERSION = "1"
OPENAPI_VERSION = "3.1.0"
DOCUMENT_PATH = "/openapi.json"
# The pages of app/docs/, and the reference among them.
PAGES_PATH = "/docs"
REFERENCE_PATH = f"{PAGES_PATH}/api"
OLDER_DOCUMENT_PATH = f"{PAGES_PATH}/openapi-3.0.json"

INTRODUCTION = """\
The data layer of the Flux AI planner. It stores and retrieves, checks formats and references; it has no business logic.

- Times are RFC 3339 with an offset and answered in UTC. In a query, write `+` as `%2B`.
- A row is answered with `ETag: "<version>"`; its version grows by one with every change.
- Lists take `skip` and `limit`; arrays that are answered plain are always whole.
- Unknown fields and parameters are refused, and the answer names the ones that are known.
- A new row may bring an `id` of your own.
- A key goes into the header `X-Flux-Service-Key` or, as a bearer token, into `Authorization`: press Authorize.

`filter` is no parameter: its members are (`?status=pending&scheduled_at__lt=now`), and all must hold. Beside those that
are listed every column takes `__ne`, `__in`, `__nin`, `__isnull`, a text `__like`; `_or_null` behind an operator lets
null pass too.
Names with dots lead into objects and over references: `data.hour__gte=7`, `user.timezone=UTC`.

Filters, pages and shapes: [query language](/docs/query-language). Conditions, bulk writes, batches, repeats:
[writes](/docs/writes). Every error is `application/problem+json` (RFC 9457):
[what can go wrong](/docs/writes#what-can-go-wrong).
"""

HEADERS = {
    "ETag": 'The row\'s version, as in `"7"`.',
    "Link": "The next page, if there is one (RFC 8288).",
    "Location": "Where the new row is.",
    REPLAYED: "`true` when this is the answer of an earlier request with the same Idempotency-Key.",
    "Hint": "After a PATCH as `application/json`: which keys its objects have dropped.",
    "Upserted": "With `upsert`: `created`, `merged` or `left` as it was.",
    "Retry-After": "Seconds to wait.",
    "RateLimit": 'What is left, as in `"requests";r=0;t=12`.',
    "RateLimit-Policy": 'The limit, as in `"requests";q=600;w=60`.',
}
PROBLEMS = {
    PROBLEM: (
        "A problem: `status` and `detail` say which, and `/problems/{kind}` explains it.",
        ("Retry-After", "RateLimit", "RateLimit-Policy"),
    ),
    UNMET: ("The row is at another version, or does not match the filter; `current` shows it.", ("ETag",)),
}


class Api(flask_smorest.Api):
    """flask-smorest's Api with our problems for its errors."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: HTTPException) -> Response:
        """The problem that the error is to a caller."""
        return problems.answer(error)


def init_app(app: Flask, blueprints: Sequence[Blueprint], prefix: str) -> None:
    """Register the blueprints, and serve their document and its page."""
    app.config.update(
        API_TITLE=TITLE, API_VERSION=VERSION, OPENAPI_VERSION=OPENAPI_VERSION, API_SPEC_OPTIONS=_spec_options()
    )
    app.url_map.converters["row_id"] = RowId
    api = Api(app)
    _describe_problems(api)
    api.register_converter(RowId, lambda _: {"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]})
    for name, (location, parameter) in parameters.components().items():
        api.spec.components.parameter(name, location, parameter)
    for name, schema in parameters.schemas().items():
        api.spec.components.schema(name, schema)
    # Its metadata tell the two forms that it takes.
    api.register_field(TimeOrDate, "string", None)
    for blueprint in blueprints:
        url_prefix = f"{prefix}{blueprint.url_prefix}" if blueprint.needs_key else blueprint.url_prefix
        api.register_blueprint(blueprint, url_prefix=url_prefix)
    document = api.spec.to_dict()
    finish(document)
    app.config["OPENAPI_DOCUMENT"] = document
    app.add_url_rule(DOCUMENT_PATH, "openapi", partial(Response, orjson.dumps(document), content_type=JSON))
    app.add_url_rule("/", "root", partial(Response, status=302, headers={"Location": PAGES_PATH}))
    # Swagger UI takes three times as long to open an operation of OpenAPI 3.1.
    older = orjson.dumps(as_3_0(document) | {"openapi": "3.0.3"})
    app.add_url_rule(OLDER_DOCUMENT_PATH, "openapi_3_0", partial(Response, older, content_type=JSON))
    app.register_blueprint(get_swaggerui_blueprint(REFERENCE_PATH, OLDER_DOCUMENT_PATH, config=_page_options()))


def _describe_problems(api: Api) -> None:
    """Describe the problems once for all operations: those of each status that tells a program what to do, and any."""
    for name, description in HEADERS.items():
        api.spec.components.header(name, {"description": description, "schema": {"type": "string"}})
    for name, (description, headers) in PROBLEMS.items():
        content = {problems.CONTENT_TYPE: {"schema": ProblemSchema}}
        response = {"description": description, "content": content, "headers": {each: each for each in headers}}
        api.spec.components.response(name, response, lazy=True)
    for name, description, header in (
        (UNCHANGED, "It is at the version of If-None-Match", "ETag"),
        (DELETED, "No Content", REPLAYED),
    ):
        api.spec.components.response(name, {"description": description, "headers": {header: header}}, lazy=True)


def scripts_in_page(app: Flask) -> list[str]:
    """The scripts that stand in the page itself, for its Content-Security-Policy to know them by."""
    with app.test_request_context():
        page = app.view_functions["swagger_ui.show"]()
    return re.findall(r"<script>(.*?)</script>", str(page), re.DOTALL)


def _spec_options() -> dict[str, object]:
    return {
        "info": {"description": INTRODUCTION, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{"ServiceKey": []}, {"BearerKey": []}],
        "components": {
            "securitySchemes": {
                "ServiceKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Flux-Service-Key",
                    "description": "A key of `flask keys create` or SERVICE_API_KEYS, with a scope for what is done.",
                },
                "BearerKey": {"type": "http", "scheme": "bearer", "description": "The same key; either one will do."},
            }
        },
    }


def _page_options() -> dict[str, object]:
    return {
        "app_name": TITLE,
        "persistAuthorization": True,
        "displayRequestDuration": True,
        "docExpansion": "none",
        # The pages link to operations.
        "deepLinking": True,
        "layout": "BaseLayout",
        # Its default asks a server on the internet whether the document is valid.
        "validatorUrl": None,
        # Not used; without it the page would repeat the request's Host in its script.
        "oauth2RedirectUrl": f"{REFERENCE_PATH}/oauth2-redirect.html",
    }
