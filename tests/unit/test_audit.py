"""What `make check` says about known vulnerabilities, from what pip-audit reports."""

import json

import pytest
from audit import verdict

SAFE = {"name": "flask", "version": "3.1.3", "vulns": []}
SKIPPED = {"name": "peewee", "skip_reason": "not found"}
FLAWED = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"]}]}


@pytest.mark.parametrize("report", ["", json.dumps({"dependencies": [SKIPPED, SKIPPED]})])
def test_that_nobody_can_be_asked_is_said_and_is_no_failure(report: str):
    code, sentence = verdict(report)
    assert code == 0
    assert "not checked" in sentence


def test_a_known_vulnerability_is_a_failure_that_names_the_version_without_it():
    report = json.dumps({"dependencies": [SAFE, SKIPPED, FLAWED]})
    assert verdict(report) == (1, "jinja2 3.1.0 has PYSEC-1; mended in: 3.1.6.")


def test_what_is_checked_is_counted():
    code, sentence = verdict(json.dumps({"dependencies": [SAFE, SKIPPED]}))
    assert (code, sentence) == (0, "1 of 2 packages are checked, and none has a known vulnerability.")
