"""The running service, asked by URL and key; its problems become errors that a model can act on."""

import json
import re
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
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    async def text(self, path: str) -> str:
        """The text of a page. Raises ToolError."""
        return (await self._send("GET", path)).text

    async def ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> httpx2.Response:
        """The answer of an operation below /api/v1. Raises ToolError, with a problem's sentence and its hint.

        A PATCH merges objects (RFC 7396), since a model that names one key seldom means to drop the others.
        """
        return await self._send(
            method,
            f"/api/v1{path}",
            params=dict(_parameter(name, value) for name, value in (query or {}).items()),
            content=None if body is None else json.dumps(body),
            headers={} if body is None else {"Content-Type": MERGE_PATCH if method == "PATCH" else "application/json"},
        )

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            response = await self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            sentence = f"The Flux DAO Service at {self._http.base_url.host} does not answer ({error}). Try again later"
            raise ToolError(f"{sentence}{'' if method == 'GET' else ', but look first whether it was done'}.") from None
        if not response.is_success:
            raise ToolError(_sentence(response))
        return response


def _parameter(name: str, value: Any) -> tuple[str, str | list[str]]:
    """A condition as it stands in a URL; several texts are several parameters."""
    if value is None:
        return f"{name}__isnull", "true"
    if isinstance(value, list):
        texts = [_text(each) for each in value]
        return name, texts if name == "or" or name.endswith("contains") else ",".join(map(_in_a_list, texts))
    return name, _text(value)


def _in_a_list(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"' if any(sign in text for sign in ',"') else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sentence(response: httpx2.Response) -> str:
    """What a model needs of a problem: the sentence, each fault, the hint, the row as it is, and whether to repeat."""
    try:
        problem = response.json()
    except ValueError:
        return f"The service answered {response.status_code}, which is no problem of its own; look at the URL."
    parts = [problem["detail"]]
    if "errors" in problem:
        parts.append(f"Where: {', '.join(fault['pointer'] for fault in problem['errors'])}")
    if "hint" in problem:
        parts.append(f"Hint: {problem['hint']}")
    if "operation" in problem:
        parts.append(f"It was the operation {json.dumps(problem['operation'])}; nothing of the batch was done.")
    if "current" in problem:
        parts.append(f"The row as it is: {json.dumps(problem['current'])}")
    if problem.get("retryable"):
        parts.append(f"The same call may succeed after {response.headers.get('Retry-After', 'some')} seconds.")
    return "\n".join(parts)
