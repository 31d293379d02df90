"""The table of paths: it leads where werkzeug's search does, and to what werkzeug says about the rest."""

import re

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, Rule

from app import create_app
from app.config import Settings

APP = create_app(Settings())
ID = "0198F3C2-7a51-7c3e-9d2b-3f6a1e5b8c4d"
RULES = list(APP.url_map.iter_rules())


def found(path: str, method: str) -> tuple[object, object]:
    """What the app's map finds, and what a search does."""
    adapter = APP.url_map.bind_to_environ({"wsgi.url_scheme": "http", "HTTP_HOST": "flux.example",
                                           "PATH_INFO": path, "REQUEST_METHOD": method})  # fmt: skip
    return outcome(adapter.match), outcome(lambda **options: MapAdapter.match(adapter, **options))


def outcome(match: object) -> object:
    try:
        return match(return_rule=True)
    except HTTPException as error:
        return type(error), error.code


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.endpoint)
def test_a_path_that_is_looked_up_leads_where_a_search_does(rule: Rule):
    for path in (re.sub("<.*?>", ID, rule.rule), re.sub("<.*?>", "none", rule.rule), f"{rule.rule}/"):
        for method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"):
            looked_up, searched = found(path, method)
            assert looked_up == searched
