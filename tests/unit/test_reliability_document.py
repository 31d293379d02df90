"""docs/reliability.md: its tables are those of whole runs, with every fault, and what to do about each."""

import re

import pytest

from app.config import PROJECT

FOLDER = PROJECT / "tests" / "faults"
CODE, FAILOVER = ((FOLDER / name).read_text() for name in ("test_faults.py", "test_patroni.py"))
FAULTS = [
    re.search(rf'^{named} = "([^"]+)"', CODE, re.MULTILINE)[1] if named else told
    for told, named in re.findall(r'\bunder\(\s*(?:"([^"]+)"|([A-Z_]+))', CODE)
]
FAILOVERS = re.findall(r'^    "([^"]+)": ', FAILOVER, re.MULTILINE)
DOCUMENT = (PROJECT / "docs" / "reliability.md").read_text()
ONE_DATABASE, _, CLUSTER = DOCUMENT.partition("## When the primary moves")


@pytest.mark.parametrize("fault", FAULTS)
def test_of_every_fault_it_has_a_row_and_what_to_do(fault: str):
    assert ONE_DATABASE.count(f"\n| {fault} |") == 2


@pytest.mark.parametrize("fault", FAILOVERS)
def test_of_every_failover_it_has_a_row_by_each_way_and_what_to_do(fault: str):
    assert [CLUSTER.count(f"\n| {fault} | {way} |") for way in ("all hosts", "HAProxy")] == [1, 1]
    assert CLUSTER.count(f"\n| {fault} |") == 3


def test_the_figures_come_from_a_minute_each():
    assert "As `make test-faults SECONDS=60` found it:" in DOCUMENT
