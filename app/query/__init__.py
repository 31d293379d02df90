"""The query language: what callers ask for, as data (column, operator, value) that a repository turns into SQL."""

from collections.abc import Mapping

from app.query.reading import LISTING, QueryReader
from app.query.terms import Query


def ask(table: str, parameters: Mapping[str, str] | None = None) -> Query:
    """The query of these parameters, which are those of a list over HTTP, for use in the same process.

    Raises Invalid, naming each fault.
    """
    return QueryReader(table, f"ask {table}", LISTING).read(list((parameters or {}).items()))
