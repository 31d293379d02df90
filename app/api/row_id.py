"""The ids of rows in paths."""

from werkzeug.routing import BaseConverter, Map

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
