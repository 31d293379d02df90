"""What the service does in Flask's place: nobody counts on what it leaves out, and paths lead where they did."""

import re

import pytest
from werkzeug.routing import Rule
from werkzeug.routing.matcher import StateMachineMatcher

from app import create_app
from app.config import Settings

APP = create_app(Settings(rate_limit="600/minute"))
ID = "0198F3C2-7a51-7c3e-9d2b-3f6a1e5b8c4d"
RULES = [rule for rule in APP.url_map.iter_rules() if not rule.rule.startswith("/docs")]


def test_every_hook_is_the_apps_own():
    hooks = (APP.before_request_funcs, APP.after_request_funcs, APP.teardown_request_funcs)
    assert {owner for each in hooks for owner in each} == {None}
    assert APP.teardown_appcontext_funcs == []
    assert APP.url_value_preprocessors == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.endpoint)
def test_a_path_that_is_looked_up_leads_where_a_search_does(rule: Rule):
    matcher, path = APP.url_map._matcher, re.sub("<.*>", ID, rule.rule)
    for method in rule.methods:
        searched = StateMachineMatcher.match(matcher, "", path, method, False)
        assert matcher.match("", path, method, False) == searched == (rule, {"id": ID.lower()} if ID in path else {})
