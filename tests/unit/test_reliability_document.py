"""docs/reliability.md: its table is that of a whole run, with every fault in it."""

import re

import pytest

from app.config import PROJECT

CODE = (PROJECT / "tests" / "faults" / "test_faults.py").read_text()
FAULTS = [
    re.search(rf'^{named} = "([^"]+)"', CODE, re.MULTILINE)[1] if named else told
    for told, named in re.findall(r'\bunder\(\s*(?:"([^"]+)"|([A-Z_]+))', CODE)
]
DOCUMENT = (PROJECT / "docs" / "reliability.md").read_text()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_a_row(fault: str):
    assert f"\n| {fault} |" in DOCUMENT


def test_the_figures_come_from_a_minute_each():
    assert "As `make test-faults SECONDS=60` found it:" in DOCUMENT
