"""flask-smorest's Blueprint, made strict: bodies and queries go straight to our schemas, what is unknown is refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

import flask_smorest
from flask import current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.api.answers import JSON
from app.api.auth import require_scope
from app.api.current import as_sent, current_request
from app.api.parameters import references
from app.api.problems import UnsupportedMediaType
from app.database import eventual_reads
from app.query.reading import QueryReader
from app.schemas.base import BaseSchema, load, load_many, load_query, parse_json
from app.scopes import scope_of

View = Callable[..., Any]
Decorator = Callable[[View], View]
MERGE_PATCH = "application/merge-patch+json"
ACCEPT_PATCH = f"{JSON}, {MERGE_PATCH}"


class Blueprint(flask_smorest.Blueprint):
    """A group of operations. `beside_rows` names the paths that are no ids; `needs_key` is False for what is open."""

    def __init__(
        self,
        name: str,
        description: str,
        url_prefix: str | None = None,
        beside_rows: Sequence[str] = (),
        needs_key: bool = True,
    ) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, description=description)
        self.needs_key = needs_key
        self.row_path = f"/<row_id({', '.join(map(repr, ('count', 'bulk', *beside_rows)))}):id>"
        self._prepare_doc_cbks.append(self._prepare_problems_doc)

    def arguments(
        self, schema: type[BaseSchema], *, location: str = "json", as_kwargs: bool = False, **options: Any
    ) -> Decorator:
        """Hand the view the checked values of the body: as its next argument, or each by name."""
        document = _only_document(super().arguments(schema, location=location, **options))

        def decorator(view: View) -> View:
            @wraps(view)
            def with_values(*before: Any, **path: Any) -> Any:
                values = load(schema, read_json())
                return view(*before, **path, **values) if as_kwargs else view(*before, values, **path)

            return document(with_values)

        return decorator

    def many_arguments(self, schema: type[BaseSchema], **options: Any) -> Decorator:
        """Hand the view, as its next argument, the checked values of each object in the body's array."""
        document = _only_document(super().arguments(schema(many=True), location="json", **options))

        def decorator(view: View) -> View:
            @wraps(view)
            def with_values(*before: Any, **path: Any) -> Any:
                return view(*before, load_many(schema, read_json()), **path)

            return document(with_values)

        return decorator

    def query(self, reader: QueryReader) -> Decorator:
        """Hand the view, as its first argument, the query that the reader makes of the URL's parameters."""

        def decorator(view: View) -> View:
            @wraps(view)
            def with_query(*args: Any, **path: Any) -> Any:
                query = reader.read_text(query_text(current_request().environ))
                if query.others:
                    _require_reading(query.others)
                if query.eventual:
                    with eventual_reads():
                        return view(query, *args, **path)
                return view(query, *args, **path)

            documentation = with_query.__dict__.setdefault("_apidoc", {})
            documentation.setdefault("manual_doc", {}).setdefault("parameters", []).extend(references(reader))
            documentation["takes_query"] = True
            return with_query

        return decorator

    def response(self, *args: Any, **options: Any) -> Decorator:
        """Document what the view answers. It answers bytes that are JSON already, so nothing is dumped."""
        return _only_document(super().response(*args, **options))

    def alt_response(self, *args: Any, **options: Any) -> Decorator:
        """Document what the view answers in another case."""
        return _only_document(super().alt_response(*args, **options))

    def doc(self, **documentation: Any) -> Decorator:
        """Document more of the operation."""
        return _only_document(flask_smorest.Blueprint.doc(**documentation))

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, **options: Any) -> None:
        """As flask-smorest's; a view that declares no query parameters refuses them all."""
        documentation = view_func._apidoc
        documentation.setdefault("manual_doc", {}).setdefault("operationId", view_func.__name__)
        documentation["problems"] = self._problem_statuses(rule, options["methods"], documentation)
        if "query" not in _locations(documentation) and "takes_query" not in documentation:
            view_func = _without_query(view_func)
        super().add_url_rule(rule, endpoint, view_func, **options)

    def _problem_statuses(self, rule: str, methods: Sequence[str], documentation: Mapping[str, Any]) -> list[int]:
        """The statuses with which an operation of this form can fail."""
        statuses = [422, 500]
        if self.needs_key:
            statuses += [401, 403, 429, 503, 504]
        if "json" in _locations(documentation):
            statuses += [400, 413, 415]
        if "GET" not in methods:
            statuses.append(409)
        if {"PATCH", "DELETE"} & set(methods):
            statuses.append(412)
        if "<" in rule:
            statuses.append(404)
        return sorted(statuses)

    def _prepare_problems_doc(self, doc: Any, doc_info: Mapping[str, Any], **_: Any) -> Any:
        for status in doc_info["problems"]:
            doc["responses"].setdefault(status, problem_response_name(status))
        # flask-smorest names this one after the standard library, whose names change between versions of Python.
        doc["responses"][422] = problem_response_name(422)
        if not self.needs_key:
            doc["security"] = []
        return doc


def merges_objects() -> bool:
    """Whether the body is a merge patch (RFC 7396), so that objects are merged and not replaced."""
    incoming = current_request()
    return incoming.environ.get("CONTENT_TYPE") != JSON and incoming.mimetype == MERGE_PATCH


def _require_reading(tables: Iterable[str]) -> None:
    """Raise Forbidden unless the caller may read these tables too, into which the query looks."""
    for table in tables:
        require_scope(scope_of(table.replace("_", "-"), "GET"))


def problem_response_name(status: int) -> str:
    """The name under which the OpenAPI document describes the problems of a status."""
    return f"Problem{status}"


def _only_document(decorator: Decorator) -> Decorator:
    """What flask-smorest's decorator writes about the view, without the function that it puts around it."""

    def document(view: View) -> View:
        view._apidoc = decorator(view)._apidoc  # type: ignore[attr-defined]
        return view

    return document


def _locations(documentation: Mapping[str, Any]) -> list[str]:
    parameters = documentation.get("arguments", {}).get("parameters", ())
    return [parameter["in"] for parameter in parameters]


def query_text(environ: Mapping[str, Any]) -> str:
    """What stands after the URL's question mark."""
    return as_sent(environ.get("QUERY_STRING", ""))


def read_json() -> Any:
    """The decoded JSON of the body. Raises NotJson, Invalid, UnsupportedMediaType, RequestEntityTooLarge."""
    incoming = current_request()
    body, environ = incoming.get_data(), incoming.environ
    if not environ.get("CONTENT_LENGTH") and len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:
        # werkzeug cuts a body that comes in chunks at the limit, without a word.
        raise RequestEntityTooLarge
    if environ.get("CONTENT_TYPE") != JSON and (body or incoming.mimetype):
        _refuse_other_types(incoming.mimetype)
    return parse_json(body)


def _refuse_other_types(given: str) -> None:
    if given == JSON or (given == MERGE_PATCH and request.method == "PATCH"):
        return
    names = f"not {given}" if given else "and the request names no type"
    if request.method == "PATCH":
        sentence = f"The body must be sent as Content-Type: {JSON} or {MERGE_PATCH}, {names}."
        raise UnsupportedMediaType(sentence, ACCEPT_PATCH)
    raise UnsupportedMediaType(f"The body must be sent as Content-Type: {JSON}, {names}.")


def _without_query(view: View) -> View:
    @wraps(view)
    def refusing(**path: Any) -> Any:
        if current_request().environ.get("QUERY_STRING"):
            load_query(BaseSchema, list(request.args.items(multi=True)))
        return view(**path)

    return refusing
