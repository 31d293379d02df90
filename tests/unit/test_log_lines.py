"""The log's lines when their reader is slow: a bounded number waits, and what is lost is counted."""

import json
import re
import subprocess
import sys

from servers import command_environment

from app.config import PROJECT

WRITER = """
import sys
import time
from app.telemetry import lines

def waiting():
    return len(lines._lines._waiting)

lines.gather()
# More than a pipe takes, so that the thread soon stands still.
for number in range(8_000):
    lines.write({"number": number})
before = 8_001
while waiting() < before:
    before = waiting()
    time.sleep(2)
for number in range(8_000, 30_000):
    lines.write({"number": number})
print("written", file=sys.stderr, flush=True)
sys.stdin.read()
"""


def test_lines_that_nobody_takes_are_dropped_and_counted_in_one_of_their_own():
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", WRITER],
        cwd=PROJECT, env=command_environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True,
    ) as process:  # fmt: skip
        assert process.stderr.readline() == "written\n", "who writes lines waits for nobody"
        told, _ = process.communicate()
    written = [json.loads(line) for line in told.splitlines()]
    [loss] = [line for line in written if "message" in line]
    dropped = int(re.fullmatch(r"(\d+) lines were dropped, since nobody took them\.", loss["message"])[1])
    numbers = [line["number"] for line in written if line is not loss]
    assert len(numbers) >= 10_000
    assert numbers == list(range(len(numbers))), "the first ones stay, in their order"
    assert len(numbers) + dropped == 30_000
