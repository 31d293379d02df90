"""The pages of docs/ and the explanations of problems, as Markdown and as HTML."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.api.problems import KINDS, Kind
from app.config import PROJECT

FOLDER = PROJECT / "docs"
# Those for callers first, in the order in which they are read; the others by name.
FOR_CALLERS = ("user-guide", "query-language", "writes", "keys", "limits", "mcp")
PAGE_LINK = re.compile(r"([a-z-]+)\.md(#.*)?")


@cache
def titles() -> dict[str, str]:
    """The pages' names with their titles, those for callers first."""
    names = [path.stem for path in sorted(FOLDER.glob("*.md"))]
    ordered = [*FOR_CALLERS, *(name for name in names if name not in FOR_CALLERS)]
    return {name: text(name).partition("\n")[0].removeprefix("# ") for name in ordered}


@cache
def text(name: str) -> str:
    """The Markdown of a page. Raises OSError when there is none."""
    return (FOLDER / f"{name}.md").read_text()


@cache
def as_html(markdown: str) -> str:
    """The page, with an id at each heading, and links between pages that lead to pages."""
    parser = _parser()
    tokens = parser.parse(markdown)
    _add_ids(tokens)
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _target(str(child.attrGet("href"))))
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html


def sections(markdown: str) -> Iterator[tuple[str, str, str]]:
    """The sections of a page: the heading, its id, and the text below it."""
    tokens = _parser().parse(markdown)
    _add_ids(tokens)
    heading, anchor, texts = "", "", list[str]()
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            if heading:
                yield heading, anchor, " ".join(texts)
            heading, anchor, texts = _plain(tokens[position + 1]), str(token.attrGet("id")), []
        elif token.type in ("inline", "fence"):
            texts.append(_plain(token) or token.content)
    yield heading, anchor, " ".join(texts)


def explanation(kind: Kind) -> str:
    """The Markdown that explains a kind of problem."""
    repeat = "may succeed when it is sent again as it is" if kind.retryable else "fails again: change it first"
    return (
        f"# {kind.title}\n\n`{kind.name}`, status {kind.status or 'any'}. {kind.meaning}\n\n"
        f"The same request {repeat}.\n\n"
        "A problem (RFC 9457) has a `detail` that says what is wrong, `errors` that point to each wrong value, at "
        "times a `hint`, and the `request_id` to look for in the log. What to do about each kind: "
        "[Writes](writes.md#what-can-go-wrong).\n\n"
        "All kinds: " + ", ".join(f"[{each.name}](/problems/{each.name})" for each in KINDS) + ".\n"
    )


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _add_ids(tokens: Sequence[Token]) -> None:
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", _slug(_plain(inline)))


def _slug(heading: str) -> str:
    """The id that GitHub gives a heading, so that links between the pages work in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _target(link: str) -> str:
    found = PAGE_LINK.fullmatch(link)
    if found and found[1] in titles():
        return f"/docs/{found[1]}{found[2] or ''}"
    return link
