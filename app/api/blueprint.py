"""flask-smorest's Blueprint, made strict: what is unknown is refused, and every operation documents its problems."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import flask_smorest
from flask import request
from werkzeug.routing import BaseConverter, Map

from app.api.auth import require_scope
from app.api.parameters import references
from app.api.parser import MERGE_PATCH, ArgumentsParser
from app.api.problems import InvalidPath
from app.database import eventual_reads
from app.errors import Fault, Invalid
from app.query.reading import QueryReader
from app.schemas.base import EXAMPLE_ID, BaseSchema
from app.schemas.fields import UUID_FORM
from app.scopes import scope_of

View = Callable[..., Any]
Decorator = Callable[[View], View]
TAKES_QUERY = "takes_query"


class RowId(BaseConverter):
    """A row's id in a path: what is not a UUID is 422, but for the names of paths that stand beside the rows."""

    part_isolating = True

    def __init__(self, map: Map, *beside: str) -> None:
        super().__init__(map)
        names = "|".join(beside)
        self.regex = rf"(?!(?:{names})\Z)[^/]+" if names else "[^/]+"

    def to_python(self, value: str) -> str:
        """The id in lower case."""
        if not UUID_FORM.fullmatch(value):
            raise InvalidPath(f"The id {value} in the path must be a UUID, such as {EXAMPLE_ID}.")
        return value.lower()


class Blueprint(flask_smorest.Blueprint):
    """A group of operations. `beside_rows` names the paths that are no ids; `needs_key` is False for what is open."""

    ARGUMENTS_PARSER = ArgumentsParser()

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

    def route(self, rule: str, **options: Any) -> Decorator:
        """As flask-smorest's; the endpoint names the operation, and a view that declares no query refuses any."""
        register = super().route(rule, **options)
        methods = options.get("methods", ["GET"])

        def decorator(view: View) -> View:
            documented: dict[str, Any] = {"operationId": options.get("endpoint", view.__name__)}
            documented["responses"] = self._problems(rule, methods)
            if not self.needs_key:
                documented["security"] = []
            return register(self.doc(**documented)(view if hasattr(view, TAKES_QUERY) else _without_query(view)))

        return decorator

    def arguments(self, schema: BaseSchema | type[BaseSchema], *, location: str = "json", **options: Any) -> Decorator:
        """As flask-smorest's: hand the view what the schema makes of the body, or of another `location`."""
        # An instance, since webargs would make one for each request.
        loader = schema() if isinstance(schema, type) else schema
        take = super().arguments(loader, location=location, **options)
        if location == "json":
            document = self.doc(responses=_references(400, 413, 415))
            return lambda view: document(take(view))
        return lambda view: _takes_query(take(view))

    def query(self, reader: QueryReader) -> Decorator:
        """Hand the view, as its first argument, the query that the reader makes of the URL's parameters."""

        def decorator(view: View) -> View:
            @wraps(view)
            def with_query(*args: Any, **path: Any) -> Any:
                query = reader.read_text(query_text())
                if query.others:
                    _require_reading(query.others)
                if query.eventual:
                    with eventual_reads():
                        return view(query, *args, **path)
                return view(query, *args, **path)

            return _takes_query(self.doc(parameters=references(reader))(with_query))

        return decorator

    def _problems(self, rule: str, methods: Sequence[str]) -> dict[int, str]:
        """The problems with which an operation of this form can end, by status."""
        statuses = [422, 500]
        if self.needs_key:
            statuses += [401, 403, 429, 503, 504]
        if "GET" not in methods:
            statuses.append(409)
        if {"PATCH", "DELETE"} & set(methods):
            statuses.append(412)
        if "<" in rule:
            statuses.append(404)
        return _references(*statuses)


def _references(*statuses: int) -> dict[int, str]:
    return {status: problem_response_name(status) for status in statuses}


def problem_response_name(status: int) -> str:
    """The name under which the OpenAPI document describes the problems of a status."""
    return f"Problem{status}"


def merges_objects() -> bool:
    """Whether the body is a merge patch (RFC 7396), so that objects are merged and not replaced."""
    return request.mimetype == MERGE_PATCH


def query_text() -> str:
    """What stands after the URL's question mark."""
    return request.query_string.decode(errors="replace")


def _require_reading(tables: Iterable[str]) -> None:
    """Raise Forbidden unless the caller may read these tables too, into which the query looks."""
    for table in tables:
        require_scope(scope_of(table.replace("_", "-"), "GET"))


def _takes_query(view: View) -> View:
    setattr(view, TAKES_QUERY, True)
    return view


def _without_query(view: View) -> View:
    @wraps(view)
    def refusing(*args: Any, **path: Any) -> Any:
        if request.query_string:
            sentence = "is not a parameter of this operation. It takes none."
            raise Invalid.from_faults([Fault(f"?{name}", f"{name} {sentence}") for name in request.args])
        return view(*args, **path)

    return refusing
