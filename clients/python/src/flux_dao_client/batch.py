"""Several operations in one transaction: gathered, then sent together."""

from typing import Any
from urllib.parse import quote, urlencode

from flux_dao_client import entities
from flux_dao_client.calls import Call
from flux_dao_client.pages import rows_of
from flux_dao_client.references import Pending, Reference


class Batch(entities.BatchEntities):
    """Gathers operations: `goal = batch.goals.create(...)`, then `batch.tasks.create(goal_id=goal.id, ...)`."""

    def __init__(self) -> None:
        super().__init__(self)
        self._gathered: list[Pending] = []

    def do(self, call: Call) -> Pending:
        """Add the call to the batch."""
        pending = Pending(f"operation_{len(self._gathered)}", call)
        self._gathered.append(pending)
        return pending

    def find(self, call: Call, limit: int | None, page_size: int) -> Pending:
        """Add one page of a list to the batch; refer to its rows as `found.items[0]`."""
        page = Call("GET", call.path, {**call.query, "limit": limit or page_size}, read=rows_of)
        return self.do(page)

    def call(self) -> Call:
        """The one request that does all of it. Raises ValueError when there is nothing to do."""
        if not self._gathered:
            raise ValueError("The batch has no operations; call some inside its block.")
        return Call("POST", "/batch", body={"operations": [_operation(each) for each in self._gathered]})

    def answered(self, answer: dict[str, Any]) -> None:
        """Hand each operation its answer."""
        for pending, each in zip(self._gathered, answer["operations"], strict=True):
            pending._answer = each


def _operation(pending: Pending) -> dict[str, Any]:
    call = pending._call
    # References in a query stand beside the path, since only there they are resolved.
    references = {name: value for name, value in call.query.items() if isinstance(value, Reference)}
    plain = Call(call.method, call.path, {name: value for name, value in call.query.items() if name not in references})
    query = urlencode(plain.parameters(), quote_via=quote)
    made: dict[str, Any] = {
        "name": pending._name,
        "method": call.method,
        "path": f"{call.path}?{query}" if query else call.path,
    }
    if references:
        made["query"] = references
    if call.body is not None:
        made["body"] = call.body
    if call.headers:
        made["headers"] = dict(call.headers)
    return made
