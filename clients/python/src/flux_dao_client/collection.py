"""The operations that all entities have. What sends a call - at once, awaited, or with a batch - is handed in."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

from flux_dao_client.calls import MERGE_PATCH, Call, Filters, version_header
from flux_dao_client.references import Each

# What operations give: one row, a list of rows, rows page by page, a number, and nothing.
Row = TypeVar("Row", covariant=True)
Rows = TypeVar("Rows", covariant=True)
Found = TypeVar("Found", covariant=True)
Number = TypeVar("Number", covariant=True)
Nothing = TypeVar("Nothing", covariant=True)


class Sender(Protocol):
    """Sends calls."""

    def do(self, call: Call) -> Any:
        """What the call's answer holds."""

    def find(self, call: Call, limit: int | None, page_size: int) -> Any:
        """The rows of a list, one after the other."""


class Collection(Generic[Row, Rows, Found, Number, Nothing]):
    """The rows of one entity."""

    def __init__(self, sender: Sender, path: str) -> None:
        self._sender = sender
        self._path = path

    def get(self, id: str, **query: Any) -> Row:
        """The row with this id; `expand` and `fields` shape it. Raises NotFound."""
        return self._do("GET", f"/{id}", query)

    def find(self, *, limit: int | None = None, page_size: int = 100, **query: Any) -> Found:
        """The rows that match, at most `limit`, read page by page as they are taken.

        Filters, `sort`, `fields` and `expand` are those of the service: `status="pending", scheduled_at__lt="now"`. A
        list means one of its values, None means null; what is no Python name goes in as `**{"data.hour": 7}`.
        """
        return self._sender.find(Call("GET", self._path, query), limit, page_size)

    def count(self, **filters: Any) -> Number:
        """How many rows match."""
        return self._do("GET", "/count", filters, read=itemgetter("count"))

    def create_many(self, rows: Sequence[Mapping[str, Any]] | Each) -> Rows:
        """Store up to 1000 rows, all or none, in the order given."""
        return self._do("POST", "/bulk", body=rows, read=itemgetter("items"))

    def delete(self, id: str, *, if_match: int | None = None, where: Filters | None = None) -> Nothing:
        """Delete the row, if it is at this version and matches `where`. Raises NotFound, ConditionFailed."""
        return self._do("DELETE", f"/{id}", where, headers=version_header(if_match))

    def delete_where(self, **filters: Any) -> Number:
        """Delete the rows that match; how many."""
        return self._do("DELETE", "", filters, read=itemgetter("deleted_count"))

    def _create(self, values: Mapping[str, Any]) -> Row:
        return self._do("POST", "", body=values)

    def _upsert(self, values: Mapping[str, Any], ignore: bool, where: Filters | None) -> Row:
        return self._do("POST", "", {**(where or {}), "upsert": "ignore" if ignore else "merge"}, values)

    def _update(
        self, id: str, values: Mapping[str, Any], version: int | None, where: Filters | None, replace: bool
    ) -> Row:
        return self._do("PATCH", f"/{id}", where, values, {**version_header(version), **_patch_type(replace)})

    def _increment(self, id: str, amounts: Mapping[str, Any]) -> Row:
        return self._do("POST", f"/{id}/increment", body=amounts)

    def _update_where(self, where: Filters, values: Mapping[str, Any], replace: bool) -> Number:
        return self._do("PATCH", "", where, values, _patch_type(replace), itemgetter("updated_count"))

    def _claim(self, where: Filters, limit: int, sort: str | None, values: Mapping[str, Any]) -> Rows:
        query = {**where, "limit": limit, "skip_locked": True, "return": "rows"} | ({"sort": sort} if sort else {})
        return self._do("PATCH", "", query, values, _patch_type(replace=False), itemgetter("items"))

    def _do(
        self,
        method: str,
        path: str,
        query: Filters | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:
        return self._sender.do(Call(method, self._path + path, query or {}, body, headers or {}, read))


def _patch_type(replace: bool) -> dict[str, str]:
    return {} if replace else {"Content-Type": MERGE_PATCH}
