"""What is sent for each operation, and what of its answer is wanted; nothing here sends."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

MERGE_PATCH = "application/merge-patch+json"

Filters = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One request below /api/v1; `read` takes what the caller wants out of the decoded answer."""

    method: str
    path: str
    query: Filters = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Any], Any] = lambda answer: answer

    def request(self) -> dict[str, Any]:
        """What httpx takes to send it; a write has a key, the same for all attempts, so that it is done once."""
        headers = {"Content-Type": "application/json"} if self.body is not None else {}
        if self.method != "GET":
            headers["Idempotency-Key"] = str(uuid4())
        return {
            "method": self.method,
            "url": self.path,
            "params": self.parameters(),
            "content": None if self.body is None else json.dumps(self.body, default=_as_json).encode(),
            "headers": headers | dict(self.headers),
        }

    def answer(self, response: httpx.Response) -> Any:
        """What the caller wants of the answer."""
        return self.read(response.json()) if response.content else None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query as it stands in a URL."""
        return tuple(pair for name, value in self.query.items() for pair in _parameter(name, value))


def version_header(version: int | None) -> dict[str, str]:
    """The header that lets a write happen only at this version of its row."""
    return {} if version is None else {"If-Match": f'"{version}"'}


def _parameter(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if value is None:
        yield f"{name}__isnull", "true"
    elif isinstance(value, list | tuple | set | frozenset):
        if name.endswith(("__contains", "__ncontains")) or name == "or":
            yield from ((name, _as_text(each)) for each in value)
        elif not value and name.endswith(("__in", "__nin")):
            yield "or", f"({name}:())"
        else:
            yield name, ",".join(map(_list_element, value))
    else:
        yield name, _as_text(value)


def _list_element(value: Any) -> str:
    text = _as_text(value)
    if not any(sign in text for sign in '",'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "as_json"):
        return value.as_json()
    raise TypeError(f"{value!r} cannot be sent as JSON; send texts, numbers, times, UUIDs, lists and dicts.")
