"""The service as Python sees it: `Flux` waits for answers, `AsyncFlux` awaits them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import httpx

from flux_dao_client import entities
from flux_dao_client.batch import Batch
from flux_dao_client.calls import Call
from flux_dao_client.pages import Pages
from flux_dao_client.retries import Retries

DEFAULT_URL = "http://127.0.0.1:8000"
KEY_HEADER = "X-Flux-Service-Key"


class Flux(entities.Entities):
    """The service at `url`. A request has `timeout` seconds, and is sent `max_attempts` times at most."""

    def __init__(
        self, url: str = DEFAULT_URL, key: str | None = None, *, timeout: float = 60, max_attempts: int = 5
    ) -> None:
        super().__init__(self)
        self._max_attempts = max_attempts
        self._http = httpx.Client(base_url=_base(url), headers=_key(key), timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The decoded answer of any other operation, such as GET /tasks/statistics. Raises Problem."""
        return self.do(Call(method, path, query or {}, body))

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Several operations in one transaction, sent when the block ends without an exception."""
        batch = Batch()
        yield batch
        batch.answered(self.do(batch.call()))

    def do(self, call: Call) -> Any:
        """Send the call, as often as it needs, and give what it reads from the answer."""
        return call.answer(self._send(call))

    def find(self, call: Call, limit: int | None, page_size: int) -> Iterator[Any]:
        """The rows of a list, a page at a time."""
        pages = Pages(call, limit, page_size)
        while pages.next:
            yield from pages.rows(self._send(pages.next))

    def _send(self, call: Call) -> httpx.Response:
        retries, request = Retries(self._max_attempts), call.request()
        while not retries.response:
            time.sleep(retries.pause)
            with retries:
                retries.judge(self._http.request(**request))
        return retries.response


class AsyncFlux(entities.AsyncEntities):
    """The same service and the same operations, awaited. A request has `timeout` seconds, and `max_attempts`."""

    def __init__(
        self, url: str = DEFAULT_URL, key: str | None = None, *, timeout: float = 60, max_attempts: int = 5
    ) -> None:
        super().__init__(self)
        self._max_attempts = max_attempts
        self._http = httpx.AsyncClient(base_url=_base(url), headers=_key(key), timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Awaitable[Any]:
        """The decoded answer of any other operation, such as GET /tasks/statistics. Raises Problem."""
        return self.do(Call(method, path, query or {}, body))

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """Several operations in one transaction, sent when the block ends without an exception."""
        batch = Batch()
        yield batch
        batch.answered(await self.do(batch.call()))

    async def do(self, call: Call) -> Any:
        """Send the call, as often as it needs, and give what it reads from the answer."""
        return call.answer(await self._send(call))

    async def find(self, call: Call, limit: int | None, page_size: int) -> AsyncIterator[Any]:
        """The rows of a list, a page at a time."""
        pages = Pages(call, limit, page_size)
        while pages.next:
            for row in pages.rows(await self._send(pages.next)):
                yield row

    async def _send(self, call: Call) -> httpx.Response:
        retries, request = Retries(self._max_attempts), call.request()
        while not retries.response:
            await asyncio.sleep(retries.pause)
            with retries:
                retries.judge(await self._http.request(**request))
        return retries.response


def _base(url: str) -> str:
    return f"{url.rstrip('/')}/api/v1"


def _key(key: str | None) -> dict[str, str]:
    return {KEY_HEADER: key} if key else {}
