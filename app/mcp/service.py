"""The running service, asked by URL and key; its problems become errors that a model can act on."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
from mcp.server.mcpserver.exceptions import ToolError

KEY_HEADER = "X-Flux-Service-Key"
MERGE_PATCH = "application/merge-patch+json"
TIMEOUT_SECONDS = 60


class Service:
    """The service at `url`. Every request is one of the key's holder, so that its scopes, limits and log hold."""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {KEY_HEADER: key} if key else {}
        self._url = url
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    async def text(self, path: str) -> str:
        """The text of a page. Raises ToolError."""
        return (await self._send("GET", path)).text

    async def ask(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The decoded answer of an operation below /api/v1. Raises ToolError, with a problem's sentence and its hint.

        A PATCH merges objects (RFC 7396), since a model that names one key seldom means to drop the others.
        """
        headers = {} if body is None else {"Content-Type": MERGE_PATCH if method == "PATCH" else "application/json"}
        response = await self._send(
            method,
            f"/api/v1{path}",
            params=[pair for name, value in (query or {}).items() for pair in _parameters(name, value)],
            content=None if body is None else json.dumps(body),
            headers=headers,
        )
        return response.json() if response.content else None

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            response = await self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise ToolError(
                f"The Flux DAO Service at {self._url} does not answer ({error}). Try again later."
            ) from None
        if not response.is_success:
            raise ToolError(_sentence(response))
        return response


def _parameters(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return [(f"{name}__isnull", "true")]
    if isinstance(value, list):
        if name == "or" or name.endswith("__contains"):
            return [(name, _text(each)) for each in value]
        return [(name, ",".join(map(_quoted, value)))]
    return [(name, _text(value))]


def _quoted(value: Any) -> str:
    text = _text(value)
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in ',"') else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sentence(response: httpx2.Response) -> str:
    """What a model needs of a problem: the sentence, each fault, the hint, the row as it is, and whether to repeat."""
    try:
        problem = response.json()
    except ValueError:
        return f"The service answered {response.status_code}, which is no problem of its own; look at the URL."
    parts = [problem["detail"]]
    parts += [f"{fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ())]
    if "hint" in problem:
        parts.append(f"Hint: {problem['hint']}")
    if "operation" in problem:
        parts.append(f"It was the operation {json.dumps(problem['operation'])}; nothing of the batch was done.")
    if "current" in problem:
        parts.append(f"The row as it is: {json.dumps(problem['current'])}")
    if problem.get("retryable"):
        parts.append(f"The same call may succeed after {response.headers.get('Retry-After', 'some')} seconds.")
    return "\n".join(dict.fromkeys(parts))
