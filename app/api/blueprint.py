"""flask-smorest's Blueprint, made strict: what is unknown is refused, and every operation documents its problems."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import flask_smorest
from flask import g, request

from app.api.auth import has_scope, require_scope
from app.api.parameters import header_parameters, parameters
from app.api.parser import JSON, MERGE_PATCH, ArgumentsParser
from app.auth.scopes import scope_of
from app.database import eventual_reads
from app.errors import ConditionFailed, Fault, Invalid
from app.query.model import WHOLE_ROW, Condition, Query, Shape
from app.query.parser import NOT_UTF8, QueryParser
from app.query.values import kind_of
from app.query.vocabulary import VOCABULARIES
from app.schemas.base import BaseSchema

View = Callable[..., Any]
Decorator = Callable[[View], View]
# Marks on a view: the parameters that its query has in the document, and that it takes a body.
TAKES_QUERY, TAKES_BODY = "takes_query", "takes_body"
# The answers that operations share, by their names in the document: any problem, a condition that is not met, and those
# without a body.
PROBLEM, UNMET, UNCHANGED, DELETED = "Problem", "ConditionUnmet", "Unchanged", "Deleted"
READS = ("GET", "HEAD")
BODILESS = (*READS, "DELETE")
# What a write shows of a row to a caller who may not read it.
UNREAD = Shape(("id", "version"))


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

    def route(
        self, rule: str, *, methods: Sequence[str], endpoint: str | None = None, **documentation: Any
    ) -> Decorator:
        """Register a view, documented by `documentation`. The endpoint, by default its name, is the operation's id.

        A view that declares no query refuses any, and a GET or DELETE any body.
        """

        def decorator(view: View) -> View:
            name = endpoint or view.__name__
            made = view if hasattr(view, TAKES_QUERY) else _without_query(view)
            documented = self.doc(**self._documentation(rule, methods, view), operationId=name)(made)
            register = super(Blueprint, self).route(rule, methods=methods, endpoint=name)
            return register(self.doc(**documentation)(documented))

        return decorator

    @staticmethod
    def doc(**documentation: Any) -> Decorator:
        """Document a view."""
        return _documenting(flask_smorest.Blueprint.doc(**documentation))

    def alt_response(self, *args: Any, **options: Any) -> Decorator:
        """Document another answer of a view."""
        return _documenting(super().alt_response(*args, **options))

    def arguments(
        self, schema: BaseSchema | type[BaseSchema], *, location: str = "json", as_kwargs: bool = False, **options: Any
    ) -> Decorator:
        """Hand the view what the schema makes of the body, or of another `location` of webargs; else answer 422."""
        # An instance, since webargs would make one for each request.
        loader = schema() if isinstance(schema, type) else schema
        document = _documenting(super().arguments(loader, location=location, **options))
        take = self.ARGUMENTS_PARSER.use_args(loader, location=location, as_kwargs=as_kwargs)
        mark = (TAKES_BODY, loader) if location == "json" else (TAKES_QUERY, [])
        return lambda view: _marked(take(document(view)), *mark)

    def query(self, parser: QueryParser) -> Decorator:
        """Hand the view, as its first argument, the query that the parser makes of the URL's parameters."""

        reading = scope_of(parser.table.replace("_", "-"), "GET")

        def decorator(view: View) -> View:
            @wraps(view)
            def with_query(*args: Any, **path: Any) -> Any:
                environ = request.environ
                _refuse_body(environ)
                query = parser.parse(query_text(environ))
                if query.others:
                    _require_reading(query.others)
                # A read has been allowed already, and an open service knows no callers.
                if environ["REQUEST_METHOD"] not in READS and "caller" in g and not has_scope(reading):
                    return _write_unread(view, query, parser.table, *args, **path)
                if query.eventual:
                    with eventual_reads():
                        return view(query, *args, **path)
                return view(query, *args, **path)

            return _marked(with_query, TAKES_QUERY, parameters(parser))

        return decorator

    def _documentation(self, rule: str, methods: Sequence[str], view: View) -> dict[str, Any]:
        """What the form of an operation says about it: its parameters, its problems, whether it needs a key."""
        made: dict[str, Any] = {"responses": {"default": PROBLEM}}
        if {"PATCH", "DELETE"} & set(methods) and "<" in rule:
            made["responses"][412] = UNMET
        headers = header_parameters(methods, rule) if self.needs_key else []
        made["parameters"] = [*getattr(view, TAKES_QUERY, ()), *headers]
        if "PATCH" in methods:
            made["requestBody"] = {"content": {MERGE_PATCH: {"schema": getattr(view, TAKES_BODY)}}}
        return made if self.needs_key else made | {"security": []}


def merges_objects() -> bool:
    """Whether the body is a merge patch (RFC 7396), so that objects are merged and not replaced."""
    return request.environ.get("CONTENT_TYPE") != JSON and request.mimetype == MERGE_PATCH


def query_text(environ: dict[str, Any]) -> str:
    """What stands after the URL's question mark; raises Invalid when it is not UTF-8."""
    try:
        return str(environ.get("QUERY_STRING", "")).encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Invalid(NOT_UTF8) from None


def _require_reading(tables: Iterable[str]) -> None:
    """Raise Forbidden unless the caller may read these tables too, into which the query looks."""
    for table in tables:
        require_scope(scope_of(table.replace("_", "-"), "GET"))


def _write_unread(view: View, query: Query, table: str, *args: Any, **path: Any) -> Any:
    """A write of a caller who may not read: raises Forbidden where it would show more of a row than `UNREAD`, or tell
    by a filter what stands in it.
    """
    shows = query.shape not in (WHOLE_ROW, UNREAD) or query.writing.return_rows
    if shows or not all(isinstance(term, Condition) and _names_rows(term, table) for term in query.where):
        _require_reading([table])
    try:
        answer = view(query._replace(shape=UNREAD), *args, **path)
    except ConditionFailed as error:
        error.current = b""
        raise
    # It would name keys of the row.
    answer.headers.pop("Hint", None)
    return answer


def _names_rows(term: Condition, table: str) -> bool:
    """Whether a condition only says which ids are meant, which nobody can guess."""
    column, keys, references = term.place
    kind = kind_of(VOCABULARIES[table].fields[column]) if column in VOCABULARIES[table].fields else None
    return kind == "uuid" and not keys and not references and term.operator in ("eq", "in")


def _marked(view: View, name: str, value: Any) -> View:
    """The view with a mark for `route`, which decorators in between hand on."""
    setattr(view, name, value)
    return view


def _documenting(decorate: Decorator) -> Decorator:
    """The decorator without its wrapper, which would only look for a coroutine in each request."""

    def document(view: View) -> View:
        vars(view).update({name: mark for name, mark in vars(decorate(view)).items() if name != "__wrapped__"})
        return view

    return document


def _without_query(view: View) -> View:
    @wraps(view)
    def refusing(*args: Any, **path: Any) -> Any:
        environ = request.environ
        _refuse_body(environ)
        if environ.get("QUERY_STRING"):
            sentence = "is not a parameter of this operation. It takes none."
            raise Invalid.from_faults([Fault(f"?{name}", f"{name} {sentence}") for name in request.args])
        return view(*args, **path)

    return refusing


def _refuse_body(environ: dict[str, Any]) -> None:
    method = environ["REQUEST_METHOD"]
    has_body = environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ
    if has_body and method in BODILESS and request.get_data():
        raise Invalid(f"A {method} here takes no body; it chooses by its path and query. Leave the body out.")
