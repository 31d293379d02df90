"""Documents and lists as texts without a type, which each column, or a cast, reads as its own."""

from collections.abc import Sequence
from typing import Any

from app import exact_json

IN_AN_ELEMENT = str.maketrans({"\\": "\\\\", '"': '\\"'})


def json_literal(document: Any) -> str:
    """The text of a JSON document."""
    return exact_json.dumps(document).decode()


def array_literal(values: Sequence[Any]) -> str:
    """The text of an array. Read by a cast it serves every type, where the driver's own is of texts."""
    if not values:
        return "{}"
    texts = [str(value) for value in values]
    together = "".join(texts)
    if '"' in together or "\\" in together:
        texts = [text.translate(IN_AN_ELEMENT) for text in texts]
    joined = '","'.join(texts)
    return f'{{"{joined}"}}'
