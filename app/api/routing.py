"""Flask with a shorter way from a path to its view: a table for most paths; and the ids of rows in paths."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter, Map, MapAdapter, Rule, RuleFactory
from werkzeug.wsgi import get_host, get_path_info

from app.api.problems import InvalidPath
from app.schemas.base import EXAMPLE_ID
from app.schemas.fields import UUID_FORM

IN_QUERY = (
    ' A reference cannot stand in a path. Leave the id out, and write "query": {"id": {"$ref": "goal.id"}} instead.'
)


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
            reference = IN_QUERY if not {"$", "{", "."}.isdisjoint(value) else ""
            raise InvalidPath(f"The id {value} in the path must be a UUID, such as {EXAMPLE_ID}.{reference}")
        return value.lower()


class RouteMap(Map):
    """werkzeug's Map, which looks most paths up: those without variables, and those whose last part is a row's id.

    A search part by part, and the names of hosts, which decide nothing here, cost a GET of one row 4 % of its CPU time.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # By method and path; of paths to rows by what stands before the id.
        self.plain: dict[tuple[str, str], Rule] = {}
        self.of_rows: dict[tuple[str, str], Rule] = {}

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule to the map, and to the tables where its path can be looked up."""
        super().add(rulefactory)
        for rule in self.iter_rules():
            before, _, last = rule.rule.rpartition("/")
            for method in rule.methods or ():
                if not rule.arguments:
                    self.plain.setdefault((method, rule.rule), rule)
                elif last.startswith("<row_id(") and rule.arguments == {"id"}:
                    self.of_rows.setdefault((method, before), rule)

    def look_up(self, method: str, path: str) -> tuple[Rule, dict[str, Any]] | None:
        """The rule of a path and the values of its variables; None when it has to be searched for."""
        rule = self.plain.get((method, path))
        if rule is not None:
            return rule, {}
        before, _, last = path.rpartition("/")
        rule = self.of_rows.get((method, before))
        return (rule, {"id": last.lower()}) if rule is not None and UUID_FORM.fullmatch(last) else None

    def bind_to_environ(
        self, environ: Any, server_name: str | None = None, subdomain: str | None = None
    ) -> "RouteAdapter":
        """The adapter for a request with this WSGI environment."""
        return RouteAdapter(
            self,
            # Flask has looked at the Host before, which decides nothing here.
            server_name or environ.get("HTTP_HOST") or get_host(environ),
            environ.get("SCRIPT_NAME") or "/",
            subdomain or "",
            environ["wsgi.url_scheme"],
            get_path_info(environ),
            environ["REQUEST_METHOD"],
            environ.get("QUERY_STRING"),
        )


class RouteAdapter(MapAdapter):
    """werkzeug's MapAdapter, which asks the table first."""

    map: RouteMap

    def match(  # type: ignore[override]
        self, path_info: str | None = None, method: str | None = None, return_rule: bool = False, **options: Any
    ) -> Any:
        """The endpoint, or with `return_rule` the rule, and the values in the path. Raises NotFound and the like."""
        found = self.map.look_up((method or self.default_method).upper(), path_info or self.path_info)
        if found is None:
            if "\ufffd" in (path_info or self.path_info):
                raise InvalidPath("The path is not UTF-8 text, or has in it U+FFFD, which stands for what is not.")
            return super().match(path_info, method, return_rule, **options)  # type: ignore[call-overload]
        rule, values = found
        return (rule if return_rule else rule.endpoint), values


class Service(Flask):
    """The application."""

    url_map_class = RouteMap

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: views and hooks are no coroutines, which is looked at several times in each request."""
        return func
