"""From a path to its rule: the ids of rows in paths, and the rules that need no search."""

from collections.abc import MutableMapping
from typing import Any

from werkzeug.routing import BaseConverter, Map, Rule
from werkzeug.routing.matcher import StateMachineMatcher

from app.api.problems import InvalidPath
from app.schemas.base import EXAMPLE_ID
from app.schemas.fields import UUID_FORM

Found = tuple[Rule, MutableMapping[str, Any]]


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


class Routes(Map):
    """The rules of all paths."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._matcher: Matcher = Matcher(self.merge_slashes)

    def look_up(self, path: str, method: str) -> Found | None:
        """The rule of a path and the values of its variables; None when it has to be searched for."""
        return self._matcher.look_up(path, method)


class Matcher(StateMachineMatcher):
    """Looks most paths up: those without variables, and those whose last part is a row's id. The others it matches part
    by part, as it does by default for all.
    """

    def __init__(self, merge_slashes: bool) -> None:
        super().__init__(merge_slashes)
        # By method and path; of paths to rows by what stands before the id.
        self._plain: dict[tuple[str, str], Rule] = {}
        self._of_rows: dict[tuple[str, str], Rule] = {}

    def add(self, rule: Rule) -> None:
        """Take a rule."""
        super().add(rule)
        before, _, last = rule.rule.rpartition("/")
        for method in rule.methods or ():
            if not rule.arguments:
                self._plain.setdefault((method, rule.rule), rule)
            elif last.startswith("<row_id(") and len(rule.arguments) == 1:
                self._of_rows.setdefault((method, before), rule)

    def look_up(self, path: str, method: str) -> Found | None:
        """The rule of a path and the values of its variables, if it is one of those that need no search."""
        rule = self._plain.get((method, path))
        if rule is not None:
            return rule, {}
        before, _, last = path.rpartition("/")
        rule = self._of_rows.get((method, before))
        if rule is not None and UUID_FORM.fullmatch(last):
            return rule, {"id": last.lower()}
        return None

    def match(self, domain: str, path: str, method: str, websocket: bool) -> Found:
        """The same for any path, however it is found."""
        return self.look_up(path, method) or super().match(domain, path, method, websocket)
