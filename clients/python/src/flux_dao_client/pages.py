"""A list, page by page behind its cursors."""

from typing import Any

import httpx

from flux_dao_client.calls import Call

TRANSCRIPT = "/messages"


class Pages:
    """The pages of a list, up to `limit` rows; `next` is the call for the one to come, None after the last."""

    def __init__(self, call: Call, limit: int | None, page_size: int) -> None:
        # A transcript is a plain list, which has no total to leave out.
        self._query = {**call.query, **({} if call.path == TRANSCRIPT else {"count": "none"})}
        self._path = call.path
        self._left = limit
        self._page_size = page_size
        self.next = self._page()

    def rows(self, response: httpx.Response) -> list[Any]:
        """The rows of the page that was answered."""
        rows = rows_of(response.json())
        if self._left is not None:
            self._left -= len(rows)
        link = response.links.get("next")
        self.next = self._page(cursor=httpx.URL(link["url"]).params["cursor"]) if link else None
        return rows

    def _page(self, **position: str) -> Call | None:
        size = self._page_size if self._left is None else min(self._left, self._page_size)
        return Call("GET", self._path, {**self._query, "limit": size, **position}) if size > 0 else None


def rows_of(answer: Any) -> list[Any]:
    """The rows of a page, or of a plain list."""
    rows: list[Any] = answer if isinstance(answer, list) else answer["items"]
    return rows
